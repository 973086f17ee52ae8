package vmwarecluster

import (
	"context"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

const (
	controlPlaneRole = "node-role.kubernetes.io/control-plane"

	byKubelet = "kubelet sets it from the machine, and sets it back at its next start."
	byZones   = "Gantry sets topology labels from the zone tags of vCenter, and kubelet sets them back at its next start. " +
		"Tag the datacenter and the compute cluster, or use a label of your own."
	byInstance = "kubelet and the cloud provider set it, and kubelet sets it back at its next start. Use a label of your own."
)

// ownedLabels are the labels of nodes that other components set and set back (kubelet:
// updateDefaultLabels in kubelet_node_status.go; controllers: labelReconcileInfo in
// node_lifecycle_controller.go and of the cloud provider), by key, or by the beginning
// of it where that ends in a slash. Two would write them in turn, and no plan would
// ever be empty. Roles are the users' own, but for the one that kubeadm sets.
var ownedLabels = []owned{
	{"kubernetes.io/hostname", byKubelet},
	{"kubernetes.io/os", byKubelet},
	{"kubernetes.io/arch", byKubelet},
	{"beta.kubernetes.io/os", byKubelet},
	{"beta.kubernetes.io/arch", byKubelet},
	{"node.kubernetes.io/windows-build", byKubelet},
	{"node.kubernetes.io/instance-type", byInstance},
	{"beta.kubernetes.io/instance-type", byInstance},
	{"topology.kubernetes.io/", byZones},
	{"failure-domain.beta.kubernetes.io/", byZones},
	{controlPlaneRole, "kubeadm sets it on the nodes of control_plane, and components find the control plane by it. " +
		"Leave it out there; workers may have any other role, such as node-role.kubernetes.io/worker."},
}

// ownedAnnotations are the annotations of nodes that other components set.
var ownedAnnotations = []owned{
	{"gantry.io/", "Gantry keeps there what it has set itself."},
	{"kubeadm.alpha.kubernetes.io/cri-socket", "kubeadm sets it, and reads it in an upgrade."},
	{"volumes.kubernetes.io/controller-managed-attach-detach", "kubelet sets it, and sets it back at its next start."},
	{"node.alpha.kubernetes.io/ttl", "A controller of Kubernetes sets it, and sets it back."},
	{"csi.volume.kubernetes.io/nodeid", "kubelet sets it for CSI drivers, and sets it back."},
	{"alpha.kubernetes.io/provided-node-ip", "kubelet sets it for the cloud provider, and sets it back."},
}

// ownedTaints are the taints that say how a node is. Controllers add and remove them.
var ownedTaints = []owned{
	{"node.kubernetes.io/", "Controllers of Kubernetes add and remove it by the condition of the node. " +
		"Use a key of your own, such as example.com/dedicated."},
	{"node.cloudprovider.kubernetes.io/", "The cloud provider adds and removes it. Use a key of your own, such as example.com/dedicated."},
}

// controlPlaneTaints are those and the one that an attribute of the control plane is for.
var controlPlaneTaints = append([]owned{
	{controlPlaneRole, "kubeadm sets it, unless schedulable is true. Set schedulable and leave the taint out."},
}, ownedTaints...)

// owned is a key that belongs to another component, or the beginning of some; why says
// whose it is, and what to use instead.
type owned struct{ key, why string }

func (o owned) covers(key string) bool {
	return key == o.key || strings.HasSuffix(o.key, "/") && strings.HasPrefix(key, o.key)
}

// notOwned refuses the key of a label, annotation or taint that another component sets.
type notOwned struct {
	what string
	keys []owned
}

var _ validator.String = notOwned{}

func (v notOwned) Description(context.Context) string {
	return "must not be a " + v.what + " that another component sets"
}

func (v notOwned) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (v notOwned) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	key := req.ConfigValue.ValueString()
	for _, o := range v.keys {
		if o.covers(key) {
			resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Reserved "+v.what,
				fmt.Sprintf("The %s %q is not for users: %s", v.what, key, o.why)))
			return
		}
	}
}

// distinctTaints refuses two taints of the same key and effect, which the API refuses.
type distinctTaints struct{}

var _ validator.List = distinctTaints{}

func (distinctTaints) Description(context.Context) string {
	return "must not have two taints of the same key and effect"
}

func (v distinctTaints) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

func (distinctTaints) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	seen := map[[2]string]int{}
	for i, element := range req.ConfigValue.Elements() {
		taint, ok := element.(types.Object)
		if !ok {
			continue
		}
		key, hasKey := taint.Attributes()["key"].(types.String)
		effect, hasEffect := taint.Attributes()["effect"].(types.String)
		if !hasKey || !hasEffect || key.IsUnknown() || effect.IsUnknown() || key.IsNull() || effect.IsNull() {
			continue
		}
		identity := [2]string{key.ValueString(), effect.ValueString()}
		if first, twice := seen[identity]; twice {
			resp.Diagnostics.Append(diagnostics.AttributeError(req.Path.AtListIndex(i), "Duplicate taint", fmt.Sprintf(
				"The taints %d and %d both have the key %q and the effect %s, and a node has one value for the two. "+
					"Keep one of them, or give one another key or effect.", first, i, identity[0], identity[1])))
			continue
		}
		seen[identity] = i
	}
}
