package gateway

import (
	"context"
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/int64validator"
	"github.com/hashicorp/terraform-plugin-framework-validators/objectvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/objectplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// The minimum of a node: the control plane, the pod network and one agent with a
// run of Terraform, which keeps releases of Terraform, providers and working directories.
const (
	minCPU      = 2
	minMemoryGB = 4
	minDiskGB   = 60
)

func newSchema(ctx context.Context) schema.Schema {
	attributes := enginecrud.BaseAttributes(ctx, "gateway", "such as when the agent does not come up")
	maps.Copy(attributes, nodeAttributes())
	maps.Copy(attributes, consoleAttributes())
	attributes["id"] = attribute.GatewayOwnID()
	attributes["ip_pool"] = ipPoolAttribute()
	attributes["ip_pool_id"] = ipPoolIDAttribute()
	attributes["default_cloud_account"] = schema.SingleNestedAttribute{
		Computed: true,
		MarkdownDescription: "The provider's own vSphere identity as a cloud account of this gateway, without a password: " +
			"`cloud_account = gantry_gateway.dc1.default_cloud_account` builds a cluster with the provider's own login.",
		PlanModifiers: []planmodifier.Object{objectplanmodifier.UseStateForUnknown()},
		Attributes:    accountAttributes(),
	}
	return schema.Schema{
		MarkdownDescription: "A private cloud gateway: a Kubernetes cluster of one or three nodes next to vCenter that runs agents of HCP " +
			"Terraform or Terraform Enterprise, " +
			"so that a console outside can run Terraform where vCenter is. IP pools, cloud accounts and clusters may belong to it.\n\n" +
			"The console, its pairing code, the agents' image and the addresses of `ip_pool` change in place. A change of the nodes' " +
			"image, version, size, placement or of what they boot with replaces them one by one: the successor of each joins before it is " +
			"deleted, and the endpoint stays. Any other change of a running gateway is refused when it is planned. " +
			"One that is stuck, or whose VM is lost, is rebuilt in place by a change of `reset_trigger`. " +
			"A gateway that clusters belong to cannot be destroyed.\n\n" +
			"The gateway's certificate authorities and an administrator's kubeconfig are stored in state; use an encrypted backend.",
		Attributes: attributes,
	}
}

// nodeAttributes are where the node goes and what it is made of.
func nodeAttributes() map[string]schema.Attribute {
	disk := nodeschema.DiskGB(minDiskGB)
	disk.MarkdownDescription += " The agent keeps releases of Terraform, providers and working directories on it. " +
		"Where it is not set, the template's disk must have 60 GB."
	return map[string]schema.Attribute{
		"name": nodeschema.Name("gateway", "in vCenter"),
		"node_count": schema.Int64Attribute{
			CustomType: attribute.Int64Type{},
			Required:   true,
			MarkdownDescription: "Number of nodes: 1 or 3. Each runs an agent. With 3, the endpoint and at least two agents stay when a node " +
				"fails, is replaced or upgraded. 1 grows to 3 in place, which does not touch the first node; 3 never become 1.",
			Validators: []validator.Int64{int64validator.OneOf(1, 3)},
		},
		"image":               nodeschema.Image("Node image."),
		"kubernetes_version":  nodeschema.KubernetesVersion(),
		"cpu":                 nodeschema.CPU(minCPU),
		"memory_gb":           nodeschema.MemoryGB(minMemoryGB),
		"disk_gb":             disk,
		"placement":           placementAttribute(),
		"network":             nodeschema.Network("gateway", "the IP pool of `ip_pool` or `ip_pool_id`"),
		"load_balancer":       nodeschema.LoadBalancer("gateway"),
		"proxy":               nodeschema.Proxy(),
		"registry":            nodeschema.Registry(", of the agents and of the pod network"),
		"ssh_authorized_keys": nodeschema.SSHAuthorizedKeys(),
		"ntp_servers":         nodeschema.NTPServers(),
		"vm_tags":             nodeschema.VMTags("gateway"),
		"clone_mode":          nodeschema.CloneMode(),
		"etcd_snapshot":       nodeschema.EtcdSnapshot(),
		"replace_nodes":       nodeschema.ReplaceNodes("one after the other, the successor of each before it"),
	}
}

func placementAttribute() schema.SingleNestedAttribute {
	attributes := nodeschema.PlacementAttributes()
	attributes["datacenter"] = nodeschema.Datacenter("gateway")
	attributes["folder"] = nodeschema.Folder("gateway")
	attributes["image_folder"] = nodeschema.ImageFolder()
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "Where the nodes go.",
		Attributes:          attributes,
		Validators:          []validator.Object{nodeschema.StoragePlaced{}},
	}
}

func ipPoolAttribute() schema.SingleNestedAttribute {
	attributes := ippoolspec.Attributes(ippoolspec.Texts{
		Range: "The gateway uses one of them for each node, its VIP and the extra. It grows and shrinks in place within its address family, " +
			"but an address in use is never removed.",
		Nodes:      "A change affects nodes that are created from then on.",
		Exclude:    "An address in use cannot be excluded.",
		Network:    "It has to be the network of `placement`. It changes in place.",
		ReuseDelay: "It changes in place.",
		Restrict: "`true` leaves it to the gateway's own nodes, which come first. It can be enabled while no cluster holds " +
			"addresses of the pool.",
	})
	attributes["name"] = attribute.NameInside("Name of the pool, unique in the gateway", "")
	return schema.SingleNestedAttribute{
		Optional: true,
		MarkdownDescription: "Inline IP pool, created and deleted with the gateway. It belongs to the gateway and serves its clusters, too. " +
			"Exactly one of `ip_pool` and `ip_pool_id` is required with `ip_allocation = \"static\"`, and neither is allowed with `dhcp`.",
		Attributes: attributes,
		Validators: []validator.Object{objectvalidator.ConflictsWith(path.MatchRoot("ip_pool_id"))},
	}
}

func ipPoolIDAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		Computed: true,
		MarkdownDescription: "Id of an IP pool of the system gateway that the nodes' addresses come from. With `ip_pool`, the id of " +
			"that pool, known in the first plan. Null with `ip_allocation = \"dhcp\"`.",
		PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
		Validators:    []validator.String{attribute.IDOf("gantry_ip_pool")},
	}
}

// consoleAttributes are the console and the agent, which change in place.
func consoleAttributes() map[string]schema.Attribute {
	notEmpty := stringvalidator.LengthAtLeast(1)
	return map[string]schema.Attribute{
		"console_endpoint": schema.StringAttribute{
			Required: true,
			MarkdownDescription: "URL of the console that the agent registers with, by `https` and without a trailing slash, such as " +
				"`https://app.terraform.io`. " +
				"The agent only makes outbound connections. It changes in place.",
			Validators: []validator.String{consoleURL{}},
		},
		"pairing_code": schema.StringAttribute{
			Optional:  true,
			Sensitive: true,
			MarkdownDescription: "Token of the console's agent pool. Stored in state; use an encrypted backend. " +
				"Exactly one of `pairing_code` and `pairing_code_wo` is required. It changes in place.",
			Validators: []validator.String{
				notEmpty, stringvalidator.ExactlyOneOf(path.MatchRoot("pairing_code"), path.MatchRoot("pairing_code_wo")),
			},
		},
		"pairing_code_wo": schema.StringAttribute{
			Optional:            true,
			WriteOnly:           true,
			Sensitive:           true,
			MarkdownDescription: "Token of the console's agent pool, never stored in a state or plan. It needs Terraform 1.11 or later.",
			Validators:          []validator.String{notEmpty, stringvalidator.AlsoRequires(path.MatchRoot("pairing_code_wo_version"))},
		},
		"pairing_code_wo_version": schema.Int64Attribute{
			CustomType: attribute.Int64Type{},
			Optional:   true,
			MarkdownDescription: "Version of the token in `pairing_code_wo`, at least 1 and without a default. " +
				"Increment it to send a new token.",
			Validators: []validator.Int64{int64validator.AtLeast(1), int64validator.AlsoRequires(path.MatchRoot("pairing_code_wo"))},
		},
		"agent_image": schema.StringAttribute{
			Optional: true,
			Computed: true,
			MarkdownDescription: "Container image of the agent, which does not update itself. Defaults to `" + agent.DefaultImage + "`, or to " +
				"that of `registry.image_repository`. It changes in place.",
			PlanModifiers: []planmodifier.String{defaultAgentImage{}},
			Validators:    []validator.String{imageReference{}},
		},
		"registration_timeout": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Default:  stringdefault.StaticString("10m"),
			MarkdownDescription: "How long the agent may take to start and stay up, such as `10m`, from one second to 24 hours. " +
				"An agent that the console refuses does not stay up. Defaults to `10m`.",
			Validators: []validator.String{nodeschema.Duration{}},
		},
		"reset_trigger": resetTriggerAttribute(notEmpty),
	}
}

func resetTriggerAttribute(notEmpty validator.String) schema.Attribute {
	return schema.StringAttribute{
		Optional: true,
		MarkdownDescription: "Any text, such as `2026-01-31`. Another one rebuilds a gateway that is stuck, or whose VM is lost, in place: " +
			"the apply deletes the VM, if there is one, and builds another one with the same endpoint and the same certificate authorities. " +
			"The id, the IP pools and the accounts stay, and clusters of the gateway are not touched; what runs on the gateway is lost, " +
			"and its agent is not available meanwhile. Where the authorities are not in the state any more, it gets others, " +
			"and another kubeconfig. To set it for the first time on a gateway that exists is a change; to remove it rebuilds nothing. " +
			"A reset that has begun and not ended needs it: without it, a plan that would delete a VM is refused.",
		Validators: []validator.String{notEmpty},
	}
}

// accountTexts describe default_cloud_account, in the resource and in the data source.
var accountTexts = map[string]string{
	"id":             "Id of the account, a UUID that is derived from the gateway's.",
	"name":           "Name of the account: `default`.",
	"gateway_id":     "Id of the gateway.",
	"vcenter_server": "vCenter server of the provider.",
	"username":       "User that the provider logs in as.",
	"password":       "Always null: the provider's own login is used.",
	"ca_certificate": "Certificate authorities that the provider verifies vCenter's certificate against, as PEM text; " +
		"null for the system's.",
	"insecure_skip_verify": "Whether the provider accepts any certificate of vCenter's.",
}

// accountAttributes are the schema of default_cloud_account.
func accountAttributes() map[string]schema.Attribute {
	attributes := map[string]schema.Attribute{}
	for name, typ := range accountTypes {
		if typ == types.BoolType {
			attributes[name] = schema.BoolAttribute{Computed: true, MarkdownDescription: accountTexts[name]}
			continue
		}
		attributes[name] = schema.StringAttribute{Computed: true, Sensitive: name == "password", MarkdownDescription: accountTexts[name]}
	}
	return attributes
}
