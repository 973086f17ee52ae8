package vmwarecluster

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

// longestName leaves room in a node's name for a pool and a number.
const longestName = 40

// Schema declares gantry_vmware_cluster.
func (r *clusterResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	attributes := map[string]schema.Attribute{
		"name":          lifecycle.NameAttribute("cluster", longestName),
		"cloud_account": accountAttribute(),
		"cloud_account_password_wo": schema.StringAttribute{
			Optional: true, WriteOnly: true, Sensitive: true,
			MarkdownDescription: "Password of the cloud account where the account keeps none in the state, never kept in a state or plan. It needs Terraform 1.11 or later.",
			Validators: []validator.String{
				stringvalidator.LengthAtLeast(1),
				stringvalidator.AlsoRequires(path.MatchRoot("cloud_account_password_wo_version")),
			},
		},
		"cloud_account_password_wo_version": schema.Int64Attribute{
			Optional:            true,
			MarkdownDescription: "Number of the password in `cloud_account_password_wo`, at least 1. Raise it with each new password.",
			Validators: []validator.Int64{
				int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRoot("cloud_account_password_wo")),
			},
		},
		"profile":             profileAttribute(),
		"datacenter":          lifecycle.Datacenter("cluster"),
		"folder":              lifecycle.Folder("cluster"),
		"image_folder":        lifecycle.ImageFolder(),
		"network":             lifecycle.Network(),
		"control_plane":       controlPlaneAttribute(),
		"worker_pools":        workerPoolsAttribute(),
		"ssh_authorized_keys": lifecycle.SSHKeys(),
		"ntp_servers":         lifecycle.NTPServers(),
		"proxy":               lifecycle.ProxyAttribute(),
		"clone_mode":          lifecycle.CloneModeAttribute(),
		"incomplete_create":   lifecycle.IncompleteCreate("cluster", "as when a worker does not join"),
		"deletion_protection": schema.BoolAttribute{
			Optional: true, Computed: true, Default: booldefault.StaticBool(false),
			MarkdownDescription: "Whether a plan that destroys the cluster is refused. Defaults to `false`.",
		},
		"kubernetes_client_configuration": schema.SingleNestedAttribute{
			Computed: true, Sensitive: true,
			MarkdownDescription: "The parts of `kubeconfig` as the `kubernetes` and `helm` providers take them.",
			Attributes: map[string]schema.Attribute{
				"host":                   schema.StringAttribute{Computed: true, MarkdownDescription: "URL of the API."},
				"cluster_ca_certificate": schema.StringAttribute{Computed: true, MarkdownDescription: "Certificate authority of the API, as PEM text."},
				"client_certificate":     schema.StringAttribute{Computed: true, MarkdownDescription: "Certificate of the administrator, as PEM text."},
				"client_key":             schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "Key of the administrator's certificate, as PEM text."},
			},
		},
		"timeouts": lifecycle.Timeouts(ctx),
	}
	maps.Copy(attributes, lifecycle.Attributes("cluster"))
	resp.Schema = schema.Schema{
		MarkdownDescription: "A Kubernetes cluster on vSphere. Worker pools are added, taken away and resized in place, and so are labels, annotations and taints; " +
			"the control plane grows in place. A change of a worker pool's machines, placements or image rolls it, one node at a time. Any other change of a running cluster is refused when it is planned.\n\n" +
			"The state holds the cluster's certificate authorities and an administrator's kubeconfig: encrypt it.",
		Attributes: attributes,
	}
}

func accountAttribute() schema.SingleNestedAttribute {
	required := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Required: true, MarkdownDescription: doc}
	}
	return schema.SingleNestedAttribute{
		Required: true,
		MarkdownDescription: "Cloud account that the cluster is built with, as a whole object: `gantry_cloud_account.team_a`, or `gantry_gateway.dc1.default_cloud_account`. " +
			"The cluster belongs to the account's gateway. User and password change in place.",
		Attributes: map[string]schema.Attribute{
			"id":             required("Id of the account."),
			"name":           required("Name of the account."),
			"vcenter_server": required("vCenter server of the account, which must be the provider's."),
			"username":       required("User that builds the cluster."),
			"gateway_id": schema.StringAttribute{
				Optional:            true,
				MarkdownDescription: "Gateway of the account. Defaults to the system gateway. A change replaces the cluster.",
				PlanModifiers:       []planmodifier.String{stringplanmodifier.RequiresReplace()},
			},
			"password": schema.StringAttribute{
				Optional: true, Sensitive: true,
				MarkdownDescription: "Password of the user. Without it, `cloud_account_password_wo` is used, or the provider's own login where it is the same user.",
			},
			"ca_certificate":       schema.StringAttribute{Optional: true, MarkdownDescription: "Certificate authorities that vCenter's certificate is verified against, as PEM text. Defaults to the provider's."},
			"insecure_skip_verify": schema.BoolAttribute{Optional: true, MarkdownDescription: "Whether any certificate of vCenter's is accepted. Defaults to `false`."},
		},
	}
}

func profileAttribute() schema.SingleNestedAttribute {
	image := lifecycle.Image()
	image.MarkdownDescription = "Node image, with kubeadm and kubelet of the profile's Kubernetes version. A change rolls the worker pools; control-plane nodes keep their image, and the plan warns of it."
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "What the cluster is made of.",
		Attributes: map[string]schema.Attribute{
			"kubernetes_version": lifecycle.KubernetesVersion(),
			"image":              image,
			"packs": schema.MapNestedAttribute{
				Optional:            true,
				MarkdownDescription: "Manifests that are applied to the cluster, by name. Packs are added and changed in place. Defaults to none; without a pack of layer `cni` nodes join and stay NotReady.",
				Validators:          []validator.Map{mapvalidator.KeysAre(lifecycle.PoolKeys())},
				NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
					"layer": schema.StringAttribute{
						Required:            true,
						MarkdownDescription: "Layer, which sets the order: `cni`, `cpi`, `csi`, then `addon`.",
						Validators:          []validator.String{stringvalidator.OneOf(layers...)},
					},
					"manifests": schema.ListAttribute{
						Required: true, ElementType: types.StringType,
						MarkdownDescription: "YAML texts, each of one or more documents, that are applied server-side in order.",
						Validators:          []validator.List{listvalidator.SizeAtLeast(1), listvalidator.ValueStringsAre(yamlText{})},
					},
				}},
			},
		},
	}
}
