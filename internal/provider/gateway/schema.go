package gateway

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

const (
	// longestName leaves room in a node's name for a pool and a number.
	longestName = 40
	// What a node has at least: the control plane, the pod network and one agent
	// with a run of Terraform.
	leastCPU, leastMemoryGB, leastDiskGB = 2, 4, 20
)

// Schema declares gantry_gateway.
func (r *gatewayResource) Schema(ctx context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	disk := lifecycle.DiskGB(leastDiskGB)
	disk.MarkdownDescription += " The agent keeps releases of Terraform, providers and working directories on it: 60 GB is what to plan with."
	attributes := map[string]schema.Attribute{
		"name": lifecycle.NameAttribute("gateway", longestName),
		"node_count": schema.Int64Attribute{
			Required:            true,
			MarkdownDescription: "Number of nodes: 1. Gateways of 3 nodes do not work yet.",
			Validators:          []validator.Int64{oneNode{}},
		},
		"image":               lifecycle.Image(),
		"kubernetes_version":  lifecycle.KubernetesVersion(),
		"cpu":                 lifecycle.CPU(leastCPU),
		"memory_gb":           lifecycle.MemoryGB(leastMemoryGB),
		"disk_gb":             disk,
		"placement":           placementAttribute(),
		"network":             lifecycle.Network(),
		"ip_pool":             poolAttribute(),
		"ip_pool_id":          poolIDAttribute(),
		"proxy":               lifecycle.ProxyAttribute(),
		"ssh_authorized_keys": lifecycle.SSHKeys(),
		"ntp_servers":         lifecycle.NTPServers(),
		"clone_mode":          lifecycle.CloneModeAttribute(),
		"incomplete_create":   lifecycle.IncompleteCreate("gateway", "as when the agent does not come up"),
		"timeouts":            lifecycle.Timeouts(ctx),
		"default_cloud_account": schema.SingleNestedAttribute{
			Computed: true,
			MarkdownDescription: "The provider's own vSphere identity as a cloud account of this gateway, without a password: " +
				"`cloud_account = gantry_gateway.dc1.default_cloud_account` builds a cluster with the provider's own login.",
			PlanModifiers: []planmodifier.Object{objectplanmodifier.UseStateForUnknown()},
			Attributes:    accountAttributes(),
		},
	}
	maps.Copy(attributes, consoleAttributes())
	maps.Copy(attributes, lifecycle.Attributes("gateway"))
	attributes["id"] = attribute.ID("gateway")
	resp.Schema = schema.Schema{
		MarkdownDescription: "A private cloud gateway: a Kubernetes cluster of one node next to vCenter that runs an agent of HCP Terraform or Terraform Enterprise, " +
			"so that a console outside can run Terraform where vCenter is. IP pools, cloud accounts and clusters may belong to it.\n\n" +
			"The console, its pairing code, the agent's image and the addresses of `ip_pool` change in place. Any other change of a running gateway is refused when it is planned. " +
			"A gateway that clusters belong to is not destroyed.\n\n" +
			"The state holds the gateway's certificate authorities and an administrator's kubeconfig: encrypt it.",
		Attributes: attributes,
	}
}

func placementAttribute() schema.SingleNestedAttribute {
	attributes := map[string]schema.Attribute{
		"datacenter":   lifecycle.Datacenter("gateway"),
		"folder":       lifecycle.Folder("gateway"),
		"image_folder": lifecycle.ImageFolder(),
	}
	maps.Copy(attributes, lifecycle.PlacementAttributes())
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "Where the nodes go.",
		Attributes:          attributes,
	}
}

func poolAttribute() schema.SingleNestedAttribute {
	name := attribute.Name("pool")
	name.PlanModifiers = nil
	name.MarkdownDescription = "Name of the pool, unique in the gateway: 1 to 80 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends."
	attributes := map[string]schema.Attribute{"name": name}
	maps.Copy(attributes, addresspool.Attributes(addresspool.Words{
		Range:    "The gateway takes three of them: for its node, its VIP and the extra. It grows and shrinks in place within its address family, but an address in use is never taken out.",
		Nodes:    "A change concerns nodes that are built from then on.",
		Exclude:  "An address in use can't be excluded.",
		Network:  "It has to be the network of `placement`. It changes in place.",
		Delay:    "It changes in place.",
		Restrict: "`true` leaves it to the gateway's own nodes, which come first. It can be turned on while nobody else holds addresses of the pool.",
	}))
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "IP pool that the gateway brings along: it is made and deleted with the gateway, belongs to it, and serves its clusters, too. " +
			"Exactly one of `ip_pool` and `ip_pool_id` is required.",
		Attributes: attributes,
		Validators: []validator.Object{objectvalidator.ExactlyOneOf(path.MatchRoot("ip_pool"), path.MatchRoot("ip_pool_id"))},
	}
}

func poolIDAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true, Computed: true,
		MarkdownDescription: "Id of an IP pool of the system gateway that the nodes' addresses come from. With `ip_pool`, the id of that pool, known in the first plan.",
		PlanModifiers:       []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		Validators:          []validator.String{attribute.UUID()},
	}
}

// consoleAttributes are the console and the agent, which change in place.
func consoleAttributes() map[string]schema.Attribute {
	notEmpty := stringvalidator.LengthAtLeast(1)
	return map[string]schema.Attribute{
		"console_endpoint": schema.StringAttribute{
			Required:            true,
			MarkdownDescription: "URL of the console that the agent registers with, by `https` and without a slash at its end, such as `https://app.terraform.io`. The agent connects outwards only. It changes in place.",
			Validators:          []validator.String{consoleURL{}},
		},
		"pairing_code": schema.StringAttribute{
			Optional: true, Sensitive: true,
			MarkdownDescription: "Token of the console's agent pool, kept in the state. Exactly one of `pairing_code` and `pairing_code_wo` is required. It changes in place.",
			Validators: []validator.String{
				notEmpty, stringvalidator.ExactlyOneOf(path.MatchRoot("pairing_code"), path.MatchRoot("pairing_code_wo")),
			},
		},
		"pairing_code_wo": schema.StringAttribute{
			Optional: true, WriteOnly: true, Sensitive: true,
			MarkdownDescription: "Token of the console's agent pool, never kept in a state or plan. It needs Terraform 1.11 or later.",
			Validators:          []validator.String{notEmpty, stringvalidator.AlsoRequires(path.MatchRoot("pairing_code_wo_version"))},
		},
		"pairing_code_wo_version": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "Number of the token in `pairing_code_wo`, at least 1 and without a default. " +
				"Raise it with each new token: it is what tells Terraform that there is one.",
			Validators: []validator.Int64{int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRoot("pairing_code_wo"))},
		},
		"agent_image": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString(agent.DefaultImage),
			MarkdownDescription: "Container image of the agent, which does not update itself. Defaults to `" + agent.DefaultImage + "`. It changes in place.",
			Validators:          []validator.String{imageReference()},
		},
		"registration_timeout": schema.StringAttribute{
			Optional: true, Computed: true, Default: stringdefault.StaticString("10m"),
			MarkdownDescription: "How long the agent may take to start and stay up, such as `10m`, from one second to 24 hours. An agent that the console refuses does not stay up. Defaults to `10m`.",
			Validators:          []validator.String{lifecycle.Duration{}},
		},
	}
}

func accountAttributes() map[string]schema.Attribute {
	text := func(doc string) schema.StringAttribute {
		return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
	}
	return map[string]schema.Attribute{
		"id":                   text("Id of the account, a UUID that is derived from the gateway's."),
		"name":                 text("Name of the account: `default`."),
		"gateway_id":           text("Id of the gateway."),
		"vcenter_server":       text("vCenter server of the provider."),
		"username":             text("User that the provider logs in as."),
		"password":             schema.StringAttribute{Computed: true, Sensitive: true, MarkdownDescription: "Always null: the provider's own login is used."},
		"ca_certificate":       text("Certificate authorities that the provider verifies vCenter's certificate against, as PEM text; null for the system's."),
		"insecure_skip_verify": schema.BoolAttribute{Computed: true, MarkdownDescription: "Whether the provider accepts any certificate of vCenter's."},
	}
}
