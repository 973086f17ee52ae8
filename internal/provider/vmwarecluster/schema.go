package vmwarecluster

import (
	"context"
	"maps"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// layers are those of packs, in the order in which they are applied.
var layers = []string{enginemodel.LayerCNI, enginemodel.LayerCPI, enginemodel.LayerCSI, "addon"}

func newSchema(ctx context.Context) schema.Schema {
	attributes := enginecrud.BaseAttributes(ctx, "cluster", "such as when a worker does not join")
	maps.Copy(attributes, accountAttributes())
	maps.Copy(attributes, map[string]schema.Attribute{
		"name":                  nodeschema.Name("cluster", "in its gateway"),
		"description":           descriptionAttribute(),
		"tags":                  tagsAttribute(),
		"vm_tags":               nodeschema.VMTags("cluster"),
		"name_template":         nameTemplateAttribute(),
		"profile":               profileAttribute(),
		"pack_overrides":        packOverridesAttribute(),
		"override_conflicts":    overrideConflictsAttribute(),
		"datacenter":            nodeschema.Datacenter("cluster"),
		"folder":                nodeschema.Folder("cluster"),
		"image_folder":          nodeschema.ImageFolder(),
		"network":               nodeschema.Network("cluster", "the IP pool of each placement"),
		"load_balancer":         nodeschema.LoadBalancer("cluster"),
		"load_balancer_pools":   loadBalancerPoolsAttribute(),
		"control_plane":         controlPlaneAttribute(),
		"worker_pools":          workerPoolsAttribute(),
		"replace_nodes":         nodeschema.ReplaceNodes("as a roll of the control plane or of their pool"),
		"repair":                repairAttribute(),
		"usage_limits":          usageLimitsAttribute(),
		"services":              enginecrud.ServicesAttribute(),
		"etcd_snapshot":         nodeschema.EtcdSnapshot(),
		"restore_from_snapshot": nodeschema.Restore(),
		"ssh_authorized_keys":   nodeschema.SSHAuthorizedKeys(),
		"ntp_servers":           nodeschema.NTPServers(),
		"proxy":                 proxyAttribute(),
		"gateway_proxy":         gatewayProxyAttribute(),
		"registry":              nodeschema.Registry(""),
		"images":                enginecrud.ImagesAttribute(),
		"clone_mode":            nodeschema.CloneMode(),
		"deletion_protection": schema.BoolAttribute{
			Optional:            true,
			Computed:            true,
			Default:             booldefault.StaticBool(false),
			MarkdownDescription: "Whether a plan that destroys the cluster is refused. Defaults to `false`.",
		},
		"kubernetes_client_configuration": clientConfigurationAttribute(),
	})
	return schema.Schema{
		MarkdownDescription: "A Kubernetes cluster on vSphere. Worker pools are added, removed and resized in place, and so are " +
			"labels, annotations and taints; " +
			"the control plane grows in place. A change of the machines, the placements or the image of nodes, or of what they boot with, " +
			"rolls them, a few nodes at a time, the control plane first. " +
			"Any other change of a running cluster is refused when it is planned.\n\n" +
			"The cluster's certificate authorities and an administrator's kubeconfig are stored in state; use an encrypted backend.",
		Attributes: attributes,
	}
}

// text is a description's characters: any but control characters, and line ends.
var text = regexp.MustCompile(`^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$`)

// notesBound is the sentence about maxNotes.
const notesBound = "`description` and `tags` together take at most 2,000 bytes as JSON, less 32 for each of `vm_tags` " +
	"and 144 for each of `load_balancer_pools`. "

func descriptionAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Description of the cluster for people, 1 to 1,000 characters. " +
			"It is kept in the cluster's record in vCenter and shown in the notes of its VMs. " + notesBound + "Defaults to none.",
		Validators: []validator.String{
			stringvalidator.UTF8LengthBetween(1, 1000),
			stringvalidator.RegexMatches(text, "must not contain control characters other than line ends and tabs"),
		},
	}
}

func tagsAttribute() schema.MapAttribute {
	printable := stringvalidator.RegexMatches(regexp.MustCompile(`^[^\x00-\x1f\x7f]*$`), "must not contain control characters")
	return schema.MapAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "Tags of the cluster for people: at most 50, with keys of 1 to 128 characters and values of at most 256. " +
			"They are kept in the cluster's record in vCenter and shown in the notes of its VMs; they are no vSphere tags. " +
			notesBound + "Defaults to none.",
		Validators: []validator.Map{
			mapvalidator.SizeAtMost(50),
			attribute.NoNulls{},
			mapvalidator.KeysAre(stringvalidator.UTF8LengthBetween(1, 128), printable),
			mapvalidator.ValueStringsAre(stringvalidator.UTF8LengthAtMost(256), printable),
		},
	}
}

// accountAttributes are the identity that builds.
func accountAttributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"cloud_account": cloudAccountAttribute(),
		"cloud_account_password_wo": schema.StringAttribute{
			Optional:  true,
			WriteOnly: true,
			Sensitive: true,
			MarkdownDescription: "Password of the cloud account where the account stores none in state; never stored in a state or plan. " +
				"It needs Terraform 1.11 or later.",
			Validators: []validator.String{
				stringvalidator.LengthAtLeast(1),
				stringvalidator.AlsoRequires(path.MatchRoot("cloud_account_password_wo_version")),
			},
		},
		"cloud_account_password_wo_version": schema.Int64Attribute{
			CustomType:          attribute.Int64Type{},
			Optional:            true,
			MarkdownDescription: "Version of the password in `cloud_account_password_wo`, at least 1. Increment it to send a new password.",
			Validators: []validator.Int64{
				int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRoot("cloud_account_password_wo")),
			},
		},
	}
}

func cloudAccountAttribute() schema.SingleNestedAttribute {
	required := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Required: true, MarkdownDescription: doc}
	}
	id := required("Id of the account.")
	id.Validators = []validator.String{attribute.IDOf("gantry_cloud_account")}
	return schema.SingleNestedAttribute{
		Required: true,
		MarkdownDescription: "Cloud account that the cluster is built with, as a whole object: `gantry_cloud_account.team_a`, or " +
			"`gantry_gateway.dc1.default_cloud_account`. " +
			"The cluster belongs to the account's gateway. User and password change in place.",
		Attributes: map[string]schema.Attribute{
			"id":             id,
			"name":           required("Name of the account."),
			"vcenter_server": required("vCenter server of the account, which must be the provider's."),
			"username":       required("User that builds the cluster."),
			"gateway_id": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Gateway of the account. Defaults to the system gateway. A change replaces the cluster.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:          []validator.String{attribute.IDOf("gantry_gateway")},
			},
			"password": schema.StringAttribute{
				Optional:  true,
				Sensitive: true,
				MarkdownDescription: "Password of the user. Without it, `cloud_account_password_wo` is used, " +
					"or the provider's own login where it is the same user.",
			},
			"ca_certificate": schema.StringAttribute{
				Optional: true,
				MarkdownDescription: "Certificate authorities that vCenter's certificate is verified against, as PEM text. " +
					"Defaults to the provider's.",
				Validators: []validator.String{attribute.CABundle{}},
			},
			"insecure_skip_verify": schema.BoolAttribute{
				Optional:            true,
				MarkdownDescription: "Whether any certificate of vCenter's is accepted. Defaults to `false`.",
			},
		},
	}
}

func profileImageAttribute() schema.SingleNestedAttribute {
	image := nodeschema.Image("Node image, with kubeadm and kubelet of the profile's Kubernetes version. " +
		"A change rolls the worker pools; control-plane nodes keep their image, and the plan warns of it.")
	image.Attributes["build"] = kubernetesschema.ImageBuild()
	return image
}

func profileAttribute() schema.SingleNestedAttribute {
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "What the cluster is made of.",
		Attributes: map[string]schema.Attribute{
			"kubernetes_version": nodeschema.KubernetesVersion(),
			"image":              profileImageAttribute(),
			"kubernetes":         kubernetesschema.Kubernetes(),
			"packs":              packsAttribute(),
		},
	}
}
