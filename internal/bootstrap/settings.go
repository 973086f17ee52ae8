package bootstrap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// Settings are what users ask of the components of Kubernetes beyond the defaults.
type Settings struct {
	APIServer, ControllerManager, Scheduler Arguments
	// AuditPolicy takes the place of the default one, as YAML; empty: that one stays.
	AuditPolicy string
	// OIDC has the API server accept the tokens of an issuer; nil: none.
	OIDC *OIDC

	Kubelet Arguments
	// KubeletConfig are fields of KubeletConfiguration, as a YAML object; empty: none.
	KubeletConfig string
}

// Arguments of a component are the values of its flags, by their names without dashes.
type Arguments map[string]string

// OIDC is an issuer of tokens, as the API server knows it.
type OIDC struct {
	IssuerURL string
	Audiences []string
	// CACertificate, in PEM, is what the issuer's certificate is verified against; empty:
	// the system's authorities.
	CACertificate                 string
	UsernameClaim, UsernamePrefix string
	GroupsClaim, GroupsPrefix     string // without a claim a user has no groups
	RequiredClaims                map[string]string
}

const (
	authenticationPath = "/etc/gantry/authentication.yaml"
	// kubeadm finds patches by the names of the files in this directory.
	patchesDirectory = "/etc/gantry/patches"
	kubeletPatchPath = patchesDirectory + "/kubeletconfiguration0+merge.yaml"
)

// ControlPlaneConfiguration renders what the ClusterConfiguration of kubeadm says of the
// components of the control plane, as an object with the keys of that document. Files are
// those of the control plane's nodes.
func (s Settings) ControlPlaneConfiguration(files []File) ([]byte, error) {
	return yaml.Marshal(map[string]controlPlaneComponent{
		"apiServer":         s.apiServer(files),
		"controllerManager": component(hardenedControllerManager(), s.ControllerManager, files),
		"scheduler":         component(hardenedScheduler(), s.Scheduler, files),
	})
}

func (s Settings) apiServer(files []File) controlPlaneComponent {
	base := hardenedAPIServer()
	if s.OIDC != nil {
		base.ExtraArgs = append(base.ExtraArgs, argument{Name: "authentication-config", Value: authenticationPath})
		base.ExtraVolumes = append(base.ExtraVolumes, fileVolume("authentication", authenticationPath))
	}
	return component(base, s.APIServer, files)
}

// component adds the users' arguments to the defaults of a component, and the files of the
// node that these name: in its static pod it would not see them otherwise.
func component(base controlPlaneComponent, users Arguments, files []File) controlPlaneComponent {
	out := controlPlaneComponent{
		ExtraArgs:    merged(base.ExtraArgs, users),
		ExtraVolumes: base.ExtraVolumes,
	}
	for i, path := range mounted(users, files) {
		out.ExtraVolumes = append(out.ExtraVolumes, fileVolume(fmt.Sprintf("node-file-%d", i), path))
	}
	return out
}

// merged are arguments by their names, of which the users' count.
func merged(defaults []argument, users Arguments) []argument {
	values := map[string]string{}
	for _, a := range defaults {
		values[a.Name] = a.Value
	}
	maps.Copy(values, users)
	list := make([]argument, 0, len(values))
	for _, name := range slices.Sorted(maps.Keys(values)) {
		list = append(list, argument{Name: name, Value: values[name]})
	}
	return list
}

// mounted are the paths of the files that arguments name, in order.
func mounted(arguments Arguments, files []File) []string {
	var paths []string
	for _, value := range arguments {
		if slices.ContainsFunc(files, func(f File) bool { return f.Path == value }) {
			paths = append(paths, value)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// Mounts are the paths of the files of a control-plane node that its components see.
func (s Settings) Mounts(files []File) []string {
	return slices.Concat(mounted(s.APIServer, files), mounted(s.ControllerManager, files), mounted(s.Scheduler, files))
}

func fileVolume(name, path string) hostPath {
	return hostPath{Name: name, HostPath: path, MountPath: path, ReadOnly: true, PathType: "File"}
}

// settingsFiles are those that the components' arguments name.
func (n Node) settingsFiles() ([]writeFile, error) {
	var files []writeFile
	if n.Role.controlsPlane() {
		policy := cmp.Or(n.Settings.AuditPolicy, auditPolicy)
		files = append(files, writeFile{Path: auditPolicyPath, Permissions: modePrivate, Content: policy})
	}
	if n.Role.controlsPlane() && n.Settings.OIDC != nil {
		config, err := yaml.Marshal(n.authenticationConfiguration())
		if err != nil {
			return nil, fmt.Errorf("authentication configuration of node %s: %w", n.Name, err)
		}
		files = append(files, writeFile{Path: authenticationPath, Permissions: modePrivate, Content: string(config)})
	}
	if n.Settings.KubeletConfig != "" {
		files = append(files, writeFile{Path: kubeletPatchPath, Permissions: modePrivate, Content: withNewline(n.Settings.KubeletConfig)})
	}
	encryption, err := n.encryptionFiles()
	return append(files, encryption...), err
}

// patches has kubeadm change what it writes for this node. The configuration of kubelet is
// changed there and not in the ConfigMap that all nodes read: a setting that is taken back
// leaves nothing behind, and no node takes over what it was not built for.
func (n Node) patches() *patches {
	if n.Settings.KubeletConfig == "" && (len(n.SecretKeys) == 0 || !n.Role.controlsPlane()) {
		return nil
	}
	return &patches{Directory: patchesDirectory}
}

type patches struct {
	Directory string `json:"directory"`
}

type authenticationConfiguration struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	JWT        []jwtAuthenticator `json:"jwt"`
}

type jwtAuthenticator struct {
	Issuer               jwtIssuer       `json:"issuer"`
	ClaimMappings        claimMappings   `json:"claimMappings"`
	ClaimValidationRules []requiredClaim `json:"claimValidationRules,omitempty"`
}

type jwtIssuer struct {
	URL                  string   `json:"url"`
	Audiences            []string `json:"audiences"`
	AudienceMatchPolicy  string   `json:"audienceMatchPolicy,omitempty"`
	CertificateAuthority string   `json:"certificateAuthority,omitempty"`
}

type claimMappings struct {
	Username prefixedClaim  `json:"username"`
	Groups   *prefixedClaim `json:"groups,omitempty"`
}

type prefixedClaim struct {
	Claim  string `json:"claim"`
	Prefix string `json:"prefix"`
}

type requiredClaim struct {
	Claim         string `json:"claim"`
	RequiredValue string `json:"requiredValue"`
}

// authenticationConfiguration is in v1 from 1.34 on, and in v1beta1 from 1.30 on.
func (n Node) authenticationConfiguration() authenticationConfiguration {
	oidc := n.Settings.OIDC
	version := "v1"
	if v, err := kubeversion.Parse(n.KubernetesVersion); err == nil && v.Major == 1 && v.Minor < 34 {
		version = "v1beta1"
	}
	authenticator := jwtAuthenticator{
		Issuer: jwtIssuer{URL: oidc.IssuerURL, Audiences: oidc.Audiences, CertificateAuthority: oidc.CACertificate},
		ClaimMappings: claimMappings{
			Username: prefixedClaim{Claim: oidc.UsernameClaim, Prefix: oidc.UsernamePrefix},
		},
	}
	if len(oidc.Audiences) > 1 {
		authenticator.Issuer.AudienceMatchPolicy = "MatchAny"
	}
	if oidc.GroupsClaim != "" {
		authenticator.ClaimMappings.Groups = &prefixedClaim{Claim: oidc.GroupsClaim, Prefix: oidc.GroupsPrefix}
	}
	for _, claim := range slices.Sorted(maps.Keys(oidc.RequiredClaims)) {
		authenticator.ClaimValidationRules = append(authenticator.ClaimValidationRules,
			requiredClaim{Claim: claim, RequiredValue: oidc.RequiredClaims[claim]})
	}
	return authenticationConfiguration{
		APIVersion: "apiserver.config.k8s.io/" + version,
		Kind:       "AuthenticationConfiguration",
		JWT:        []jwtAuthenticator{authenticator},
	}
}
