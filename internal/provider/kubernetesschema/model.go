package kubernetesschema

import (
	"cmp"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// The values of the attributes. They are decoded only where all of them is known.
type (
	// Model is the attribute profile.kubernetes.
	Model struct {
		APIServer *struct {
			ExtraArgs   map[string]string `tfsdk:"extra_args"`
			OIDC        *oidcModel        `tfsdk:"oidc"`
			AuditPolicy *string           `tfsdk:"audit_policy"`
		} `tfsdk:"api_server"`
		ControllerManager *componentModel `tfsdk:"controller_manager"`
		Scheduler         *componentModel `tfsdk:"scheduler"`
		Kubelet           *struct {
			ExtraArgs map[string]string `tfsdk:"extra_args"`
			Config    *string           `tfsdk:"config"`
		} `tfsdk:"kubelet"`
		EncryptionAtRest *struct {
			KeyVersion int64 `tfsdk:"key_version"`
		} `tfsdk:"encryption_at_rest"`
		SetupModel
	}
	componentModel struct {
		ExtraArgs map[string]string `tfsdk:"extra_args"`
	}
	oidcModel struct {
		IssuerURL      string            `tfsdk:"issuer_url"`
		Audiences      []string          `tfsdk:"audiences"`
		CACertificate  *string           `tfsdk:"ca_certificate"`
		UsernameClaim  *string           `tfsdk:"username_claim"`
		UsernamePrefix *string           `tfsdk:"username_prefix"`
		GroupsClaim    *string           `tfsdk:"groups_claim"`
		GroupsPrefix   *string           `tfsdk:"groups_prefix"`
		RequiredClaims map[string]string `tfsdk:"required_claims"`
	}
	// SetupModel are the attributes that Setup returns.
	SetupModel struct {
		NodeFiles     map[string]fileModel `tfsdk:"node_files"`
		PreBootstrap  []string             `tfsdk:"pre_bootstrap"`
		PostBootstrap []string             `tfsdk:"post_bootstrap"`
	}
	fileModel struct {
		Content          *string `tfsdk:"content"`
		SensitiveContent *string `tfsdk:"sensitive_content"`
		Permissions      *string `tfsdk:"permissions"`
		Owner            *string `tfsdk:"owner"`
	}
)

// Settings are those of the components; of nil, where nothing is set, the defaults.
func (m *Model) Settings() bootstrap.Settings {
	var s bootstrap.Settings
	if m == nil {
		return s
	}
	if api := m.APIServer; api != nil {
		s.APIServer = api.ExtraArgs
		s.AuditPolicy = canonical(nodeschema.OrZero(api.AuditPolicy))
		s.OIDC = api.OIDC.settings()
	}
	if m.ControllerManager != nil {
		s.ControllerManager = m.ControllerManager.ExtraArgs
	}
	if m.Scheduler != nil {
		s.Scheduler = m.Scheduler.ExtraArgs
	}
	if m.Kubelet != nil {
		s.Kubelet = m.Kubelet.ExtraArgs
		s.KubeletConfig = canonicalFields(nodeschema.OrZero(m.Kubelet.Config))
	}
	return s
}

// EncryptionVersion is the version of the key that Secrets are encrypted with; of nil, or
// where they are not, none.
func (m *Model) EncryptionVersion() int {
	if m == nil || m.EncryptionAtRest == nil {
		return model.Unencrypted
	}
	return int(m.EncryptionAtRest.KeyVersion)
}

// defaultPrefix keeps the users and groups of an issuer apart from the cluster's own.
const defaultPrefix = "oidc:"

func (m *oidcModel) settings() *bootstrap.OIDC {
	if m == nil {
		return nil
	}
	or := func(value *string, otherwise string) string {
		if value == nil {
			return otherwise
		}
		return *value
	}
	return &bootstrap.OIDC{
		IssuerURL:      m.IssuerURL,
		Audiences:      m.Audiences,
		CACertificate:  nodeschema.OrZero(m.CACertificate),
		UsernameClaim:  cmp.Or(nodeschema.OrZero(m.UsernameClaim), "sub"),
		UsernamePrefix: or(m.UsernamePrefix, defaultPrefix),
		GroupsClaim:    or(m.GroupsClaim, "groups"),
		GroupsPrefix:   or(m.GroupsPrefix, defaultPrefix),
		RequiredClaims: m.RequiredClaims,
	}
}

// canonicalFields are the fields of a KubeletConfiguration in one spelling; empty where there
// are none.
func canonicalFields(text string) string {
	fields, err := fieldsOf(text)
	if err != nil || len(fields) == 0 {
		return ""
	}
	raw, err := yaml.Marshal(fields)
	if err != nil {
		return ""
	}
	return string(raw)
}

// Setup is what is done on the nodes of a pool: what the profile says, and then what the
// pool itself does, whose files take the place of those with the same path.
func (m *Model) Setup(pool SetupModel) bootstrap.Setup {
	var all SetupModel
	if m != nil {
		all = m.SetupModel
	}
	files := maps.Clone(all.NodeFiles)
	if files == nil {
		files = map[string]fileModel{}
	}
	maps.Copy(files, pool.NodeFiles)
	setup := bootstrap.Setup{
		PreBootstrap:  slices.Concat(all.PreBootstrap, pool.PreBootstrap),
		PostBootstrap: slices.Concat(all.PostBootstrap, pool.PostBootstrap),
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		setup.Files = append(setup.Files, files[path].file(path))
	}
	return setup
}

func (f fileModel) file(path string) bootstrap.File {
	mode := "0644"
	if f.SensitiveContent != nil {
		mode = "0600"
	}
	if f.Permissions != nil {
		mode = normalMode(*f.Permissions)
	}
	return bootstrap.File{
		Path:        path,
		Content:     cmp.Or(nodeschema.OrZero(f.Content), nodeschema.OrZero(f.SensitiveContent)),
		Permissions: mode,
		Owner:       cmp.Or(nodeschema.OrZero(f.Owner), "root:root"),
	}
}

// normalMode is a mode of three digits with a zero before it.
func normalMode(mode string) string {
	if len(mode) == 3 {
		return "0" + mode
	}
	return mode
}
