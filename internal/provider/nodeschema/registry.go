package nodeschema

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// The attribute of image registries and its repository, in the resources that have them.
const (
	RegistryAttribute        = "registry"
	ImageRepositoryAttribute = "image_repository"

	passwordWO = "password_wo"
)

// RegistryPassword is the attribute that no plan depends on: that there is another password, its
// version says.
const RegistryPassword = RegistryAttribute + "." + passwordWO

// Registry is how the nodes reach image registries, and where their own images come from. own are
// the images that the repository has beside those that every node needs.
func Registry(own string) schema.SingleNestedAttribute {
	image := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional:            true,
			MarkdownDescription: doc,
			Validators:          []validator.String{containerImage{}},
		}
	}
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Mirrors of image registries, and where the nodes' own images come from. All of it is optional. " +
			"Defaults to the registries themselves. " + rolls,
		Attributes: map[string]schema.Attribute{
			"mirrors": schema.MapAttribute{
				Optional:    true,
				ElementType: types.ListType{ElemType: types.StringType},
				MarkdownDescription: "URLs that containerd asks in the place of a registry, in order, by the host that images name it with: " +
					"such as `docker.io`, `registry.example.com:5000`, or `_default` for all that are not named. The registry itself is not asked, " +
					"unless its URL is in the list. With a path, a URL is taken as it is and has an element `v2`, " +
					"such as `https://harbor.example.com/v2/docker-hub`. Defaults to none.",
				Validators: []validator.Map{
					attribute.NoNulls{},
					mapvalidator.SizeAtMost(32),
					mapvalidator.KeysAre(mirroredHost),
					mapvalidator.ValueListsAre(attribute.NoNulls{}, listvalidator.SizeBetween(1, 8), uniqueMirrors{},
						listvalidator.ValueStringsAre(mirrorURL)),
				},
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificate authorities that containerd trusts for mirrors with `https`, and for the registry of " +
					"`image_repository`, as PEM text, beside those that the node trusts. Defaults to none.",
				Validators: []validator.String{attribute.CABundle{}},
			},
			ImageRepositoryAttribute: schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Registry, with or without a path in it, that has the images of Kubernetes, of the sandbox of pods, of kube-vip " +
					"and of HAProxy" + own + ", each by the last part of its name: such as `registry.example.com/kubernetes` for " +
					"`registry.example.com/kubernetes/coredns`. kube-proxy and CoreDNS follow a change, as far as kubeadm has installed them. " +
					"Defaults to none: each comes from where its makers publish it.",
				Validators: []validator.String{imageRepository},
			},
			"username":            registryUsername(),
			passwordWO:            registryPassword(),
			"password_wo_version": registryPasswordVersion(),
			"sandbox_image": image("Container image in which containerd runs each pod, with its registry and a tag or a digest. " +
				"Defaults to `pause` of `image_repository`, and without that to what containerd has by default."),
			"kube_vip_image": image("Container image of kube-vip on nodes of the control plane, with its registry and a tag or a digest. " +
				"Not with `ip_allocation = \"dhcp\"`. Defaults to that of `image_repository`, and without that to the one that Gantry is " +
				"tested with. A change rolls the control plane alone."),
		},
	}
}

func registryUsername() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "User that nodes log in to mirrors as, and to the registry of `image_repository`: to all of them, but for " +
			"another registry that is among its own mirrors beside others. All of them take the same user. It needs " +
			"`password_wo`. A change rolls the nodes. Defaults to none.",
		Validators: []validator.String{
			stringvalidator.LengthAtLeast(1), loginName, stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName(passwordWO)),
		},
	}
}

func registryPassword() schema.StringAttribute {
	return schema.StringAttribute{
		Optional:  true,
		WriteOnly: true,
		Sensitive: true,
		MarkdownDescription: "Password of `username`, never stored in a state or plan. It is on the nodes, for root alone, and in the " +
			"configuration of a VM until its node has joined. Every apply that builds a node needs it. It needs Terraform 1.11 or later.",
		Validators: []validator.String{
			stringvalidator.LengthAtLeast(1), loginPassword,
			stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("username")),
			stringvalidator.AlsoRequires(path.MatchRelative().AtParent().AtName("password_wo_version")),
		},
	}
}

func registryPasswordVersion() schema.Int64Attribute {
	return schema.Int64Attribute{
		CustomType: attribute.Int64Type{},
		Optional:   true,
		MarkdownDescription: "Version of the password in `password_wo`, at least 1 and without a default. Increment it to send a new " +
			"password, which rolls the nodes: another password alone is no change.",
		Validators: []validator.Int64{
			int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRelative().AtParent().AtName(passwordWO)),
		},
	}
}

// registryModel is the attribute registry, all of which is known.
type registryModel struct {
	Mirrors         map[string][]string `tfsdk:"mirrors"`
	CACertificate   *string             `tfsdk:"ca_certificate"`
	ImageRepository *string             `tfsdk:"image_repository"`
	Username        *string             `tfsdk:"username"`
	PasswordWO      *string             `tfsdk:"password_wo"`
	PasswordVersion *int64              `tfsdk:"password_wo_version"`
	SandboxImage    *string             `tfsdk:"sandbox_image"`
	KubeVIPImage    *string             `tfsdk:"kube_vip_image"`
}

// ReadRegistryPassword returns the write-only password, which only the configuration has.
func ReadRegistryPassword(ctx context.Context, config tfsdk.Config) (password types.String, diags diag.Diagnostics) {
	var registry types.Object
	diags = config.GetAttribute(ctx, path.Root(RegistryAttribute), &registry)
	if value, ok := registry.Attributes()[passwordWO].(types.String); ok {
		return value, diags
	}
	return types.StringNull(), diags
}

// decodeRegistry decodes the attribute; the zero value for none. Its password is in no plan and no
// state.
func decodeRegistry(ctx context.Context, value types.Object, password types.String) (bootstrap.Registry, diag.Diagnostics) {
	if value.IsNull() {
		return bootstrap.Registry{}, nil
	}
	var m registryModel
	diags := value.As(ctx, &m, AllKnown)
	return bootstrap.Registry{
		Mirrors:       m.Mirrors,
		CACertificate: certificatesAlone(OrZero(m.CACertificate)),
		Repository:    OrZero(m.ImageRepository),
		SandboxImage:  OrZero(m.SandboxImage),
		KubeVIPImage:  OrZero(m.KubeVIPImage),
		Username:      OrZero(m.Username),
		Password:      password.ValueString(),

		PasswordVersion: OrZero(m.PasswordVersion),
	}, diags
}

// registryFields are the parts of the attribute by the fields that they are.
var registryFields = map[model.FieldName]string{
	model.FieldMirrors:         "mirrors",
	model.FieldRegistryCA:      "ca_certificate",
	model.FieldImageRepository: ImageRepositoryAttribute,
	model.FieldSandboxImage:    "sandbox_image",

	model.FieldRegistryUsername: "username",
	model.FieldRegistryPassword: passwordWO,

	model.FieldKubeVIPImage: "kube_vip_image",
}

// RegistryPath returns the attribute of a field of image registries; false for a field of
// something else.
func RegistryPath(name model.FieldName) (path.Path, bool) {
	at := path.Root(RegistryAttribute)
	if part, ok := registryFields[name]; ok {
		return at.AtName(part), true
	}
	return at, name == model.FieldRegistry
}

// ValidateRegistry refuses an image of kube-vip where there is none.
func ValidateRegistry(network, registry types.Object) diag.Diagnostics {
	image, ok := registry.Attributes()["kube_vip_image"].(types.String)
	if !ok || image.IsNull() || Allocation(network) != model.AllocationDHCP {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeError(path.Root(RegistryAttribute).AtName("kube_vip_image"), "kube-vip with DHCP",
		`With ip_allocation = "dhcp" a load balancer fronts the control plane, and no kube-vip. Remove kube_vip_image; `+
			"the load balancer's image is load_balancer.haproxy_image.")}
}

// checked validates a text by a check of what nodes boot with. The error does not repeat the text,
// which may be a URL with a password.
type checked struct {
	summary, form string
	check         func(string) error
}

var _ validator.String = checked{}

var (
	mirroredHost = checked{"Invalid host of a registry", "must be the host of a registry as images name it, such as docker.io",
		bootstrap.CheckMirrored}
	mirrorURL = checked{"Invalid URL of a mirror", "must be a URL such as https://mirror.example.com",
		bootstrap.CheckMirrorURL}
	loginName     = checked{"Invalid user of registries", "must be printable ASCII characters without a colon", bootstrap.CheckUsername}
	loginPassword = checked{"Invalid password of registries", "must be printable ASCII characters", bootstrap.CheckLogin}

	imageRepository = checked{"Invalid image repository", "must be a registry with or without a path, such as registry.example.com/kubernetes",
		bootstrap.CheckRepository}
)

func (c checked) Description(context.Context) string { return c.form }

func (c checked) MarkdownDescription(context.Context) string { return c.form }

func (c checked) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	refuse(req, resp, c.summary, func(text string) error {
		if err := c.check(text); err != nil {
			return fmt.Errorf("the value is %w", err)
		}
		return nil
	})
}

// uniqueMirrors refuses a mirror that is listed twice, without showing it: it may hold a password.
type uniqueMirrors struct{}

var _ validator.List = uniqueMirrors{}

// Description implements validator.Describer.
func (uniqueMirrors) Description(context.Context) string { return "must have each URL once" }

// MarkdownDescription implements validator.Describer.
func (v uniqueMirrors) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateList implements validator.List.
func (v uniqueMirrors) ValidateList(ctx context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	seen := map[string]bool{}
	for i, element := range req.ConfigValue.Elements() {
		mirror, ok := element.(types.String)
		if !ok || mirror.IsNull() || mirror.IsUnknown() {
			continue
		}
		if seen[mirror.ValueString()] {
			resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "A mirror twice",
				fmt.Sprintf("The list %s; element %d is there before. Take it out.", v.Description(ctx), i+1)))
		}
		seen[mirror.ValueString()] = true
	}
}
