package enginecrud

import (
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// ComputedAttributes are the names of the top-level attributes that no user can
// write.
func ComputedAttributes(s schema.Schema) map[string]bool {
	computed := map[string]bool{}
	for name, a := range s.Attributes {
		if attribute.ComputedOnly(a) {
			computed[name] = true
		}
	}
	return computed
}

func computedText(doc string) schema.StringAttribute {
	return schema.StringAttribute{Computed: true, MarkdownDescription: doc}
}

// computedAttributes are the schema of Computed. The id, the endpoint and the
// kubeconfig keep their state in every plan.
func computedAttributes(kind string) map[string]schema.Attribute {
	keep := []planmodifier.String{stringplanmodifier.UseNonNullStateForUnknown()}
	return map[string]schema.Attribute{
		"id": schema.StringAttribute{
			Computed:            true,
			PlanModifiers:       keep,
			MarkdownDescription: "Identifier of the " + kind + ", a UUID.",
		},
		"state": computedText("State of the " + kind + ": `Running`, `Degraded` (its API has answered, and something is missing; " +
			"the next plan repairs what it can) or `Failed` (its API never answered)."),
		"health": computedText("Health at the last refresh: `Healthy`, " +
			"`Unhealthy` (a condition of health is `False`; `conditions` says which), " +
			"or `Unknown` where the API of the " + kind + " cannot be reached from where Terraform runs."),
		"conditions": conditionsAttribute(kind),
		"nodes":      nodesAttribute(kind),
		"control_plane_endpoint": schema.StringAttribute{
			Computed:            true,
			PlanModifiers:       keep,
			MarkdownDescription: "Host and port of the Kubernetes API: the VIP, or, with DHCP, the address or the name of the load balancer.",
		},
		"kubeconfig": schema.StringAttribute{
			Computed:      true,
			Sensitive:     true,
			PlanModifiers: keep,
			MarkdownDescription: "Kubeconfig of an administrator, valid for a year and renewed by the refresh when half of that is over. " +
				"Its user is in the group `" + pki.AdminGroup + "`, whose rights end with the cluster role binding of that name. " +
				"Stored in state; use an encrypted backend.",
		},
		"planned_changes": schema.ListNestedAttribute{
			Computed: true,
			MarkdownDescription: "Steps that the last apply ran, and in a plan those that it will run, in order. " +
				"A plan without steps keeps the list of the one before.",
			NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
				"action": computedText("Action of the step, such as `create_node`."),
				"target": computedText("Name of the object that the action changes."),
			}},
		},
	}
}

// aspects are the types of conditions.
const aspects = "Aspect. Of health are: " +
	"`MachinesReady`, whether all VMs are there and on; " +
	"`LoadBalancerReady`, with DHCP, whether the load balancer forwards, and has the address that clients know; " +
	"`APIReady`, whether the API answers at the endpoint and says that it is ready; " +
	"`NodesReady`, whether all nodes have joined and are Ready; " +
	"`NodesWithoutProblems`, whether no node reports `MemoryPressure`, `DiskPressure`, `PIDPressure` or `NetworkUnavailable`; " +
	"`CertificatesValid`, which says which control-plane node's certificates end first, and when; " +
	"`ControlPlaneHealthy`, whether the static pods of API server, controller manager, scheduler and etcd are Ready; " +
	"`EtcdHealthy`, whether each control-plane node has a healthy member of etcd that votes, and no other member is there " +
	"(`Unknown` where etcd cannot be asked through the API, which leaves the health as it is); " +
	"`ZonesMatch`, where nodes have labels of zones: whether those are the tags of where their VMs are now " +
	"(a node that was migrated gets others if it is replaced, with `replace_nodes` of a cluster); " +
	"`PostBootstrapDone`, where nodes run commands of `post_bootstrap`: whether none has failed; " +
	"`NodesInitialized`, whether the cloud provider has initialized all nodes; " +
	"`UsageWithinLimits`, where a cluster has `usage_limits` (`Unknown` where no metrics are served, which leaves the health as it is); " +
	"`PacksApplied`. " +
	"`NodesSpread`, where rules of DRS keep nodes on different hosts, is none of health either: `False` says which nodes are on one " +
	"host or have no rule, and why. " +
	"So is `NodesPlaced`, where placements name a `host_group`: `False` says for which of them no rule keeps nodes on their hosts, and why; " +
	"and `NodesGrouped`, where placements name a `vm_group`: `False` says which nodes are not in it, or which group is gone. " +
	"`ControlPlaneUpToDate` is no matter of health: `False` names the control-plane nodes that differ from the configuration, " +
	"which the next apply replaces."

func conditionsAttribute(kind string) schema.ListNestedAttribute {
	return schema.ListNestedAttribute{
		Computed:            true,
		MarkdownDescription: "Aspects of the " + kind + ", of its health above all.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"type":                 computedText(aspects),
			"status":               computedText("`True`, `False` or `Unknown`."),
			"reason":               computedText("Reason in one word."),
			"message":              computedText("Reason in a sentence; empty where there is nothing to report."),
			"last_transition_time": computedText("When the status last changed, in RFC 3339, UTC."),
		}},
	}
}

func nodesAttribute(kind string) schema.MapNestedAttribute {
	return schema.MapNestedAttribute{
		Computed: true,
		MarkdownDescription: "Nodes of the " + kind + " that have a VM, also one that is not visible now, by name; with DHCP also its " +
			"load balancer.",
		NestedObject: schema.NestedAttributeObject{Attributes: map[string]schema.Attribute{
			"role": computedText("`control-plane`, `worker` or `load-balancer`."),
			"pool": computedText("Key of the worker pool, `cp` for the control plane, which all nodes of a gateway are, " +
				"or `lb` for a load balancer."),
			"address":       computedText("Address of the node; empty for a lease that is not known."),
			"instance_uuid": computedText("Instance UUID of the VM in vCenter."),
			"vm_id": computedText("Managed object ID of the VM in vCenter, such as `vm-1023`. " +
				"A VM that is not visible is asked for by it before it is taken for deleted."),
			"compute_cluster": computedText("Compute cluster that the node was placed on."),
			"clone_mode":      computedText("How its disks were made: `linked` or `full`."),
			"ready": schema.BoolAttribute{
				Computed: true,
				MarkdownDescription: "Whether the Kubernetes node is Ready, or the load balancer forwards; `false` also where the API " +
					"cannot be reached.",
			},
		}},
	}
}
