package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var controlPlaneField = nodePoolField(model.ControlPlanePool)

// mayGrow reports whether nodes may be added to the control plane, and says why
// not. A running one is never initialised again, whatever is gone; and a member
// that is gone is still a member of etcd, so that adding another puts the quorum
// at risk.
func mayGrow(v view, pool model.NodePool, members []model.Machine) (bool, model.Findings) {
	var f model.Findings
	lost := v.lost(pool.Name)
	switch {
	case v.reset && len(v.presumedPresent(pool.Name)) > 0:
		f.Refuse(controlPlaneField, "A control-plane VM may still run",
			"%q cannot be built anew while vCenter does not show %s, or does not return its configuration, and does not say that it is gone: "+
				"two control planes must never have one VIP. Move the VM back or grant the privilege, or have it deleted by a user who sees it; "+
				"then apply again.", v.spec.Name, quoted(v.presumedPresent(pool.Name)))
	case !v.apiReached() && len(v.presumedPresent(pool.Name)) > 0:
		f.Refuse(controlPlaneField, "A control-plane VM is being made",
			"vCenter does not return the configuration of %s yet, as while it is cloned by a run that was interrupted. "+
				"Two nodes must never initialise one control plane: apply again once its task in vCenter has ended, or delete the VM.",
			quoted(v.presumedPresent(pool.Name)))
	case !v.apiReached() || len(members) >= pool.Count && len(lost) == 0:
		return true, f
	case len(members) == 0 && len(v.presumedPresent(pool.Name)) == 0:
		f.Problems = append(f.Problems, goneFinding(v.spec))
	case !v.facts.API.Answered():
		f.Warn(controlPlaneField, "The control plane is not complete",
			"%d of %d control-plane VMs of %q exist, and its API does not answer, so the state of etcd is unknown. "+
				"Nodes are added once it answers.", len(members), pool.Count, v.spec.Name)
	case len(lost) > 0:
		f.Warn(controlPlaneField, "A control-plane VM is gone",
			"The VM of %s was deleted outside Terraform. What else is changed is applied, and no node takes its place: "+
				"its etcd member has to be removed by hand first (etcdctl member remove, in the etcd pod of another control-plane node), "+
				"and then its node object (kubectl delete node NAME). The apply after that builds another node.", quoted(lost))
	default:
		return true, f
	}
	return false, f
}

// controlPlaneGone reports whether a control plane was running of which no VM is left.
func (v view) controlPlaneGone() bool {
	const pool = model.ControlPlanePool
	return v.apiReached() && len(v.machines(pool)) == 0 && len(v.presumedPresent(pool)) == 0
}

func goneFinding(spec *model.ClusterSpec) model.Finding {
	return model.NewFinding(controlPlaneField, "The control plane is gone",
		"%q was running, and none of its control-plane VMs is left. %s", spec.Name, wayOut(spec.Kind))
}

// wayOut says what can be done where the control plane is gone.
func wayOut(kind record.Kind) string {
	if kind == record.KindGateway {
		return "Restore the VM from a backup, or set reset_trigger to another value: the next apply then builds the gateway anew " +
			"with the same id, endpoint and IP pools, and leaves its clusters as they are."
	}
	return "A control plane with data is never created anew from nothing: restore the VMs from a backup; or destroy the cluster; " +
		"or apply with -replace and the address of the resource, which destroys what is left and creates an empty cluster of that name."
}

func shrinkFindings(v view, pool model.NodePool, members []model.Machine) model.Findings {
	var f model.Findings
	if len(members) > pool.Count {
		f.Refuse(model.NodePoolField(pool.Name, model.FieldNodeCount), "A control plane never shrinks",
			"%q has %d control-plane nodes, and the configuration asks for %d. Keep at least %[2]d.", v.spec.Name, len(members), pool.Count)
	}
	return f
}

func nodeObjectFindings(v view, members []model.Machine) model.Findings {
	var f model.Findings
	var missing []string
	for _, m := range members {
		if v.nodeObjectMissing(m) {
			missing = append(missing, m.Marker.Node)
		}
	}
	if len(missing) > 0 {
		f.Warn(controlPlaneField, "A control-plane node object is gone",
			"The API knows no node object of %s, and the record says that the VM has joined. "+
				"Restart the kubelet on it, which registers the node again; "+
				"Gantry does not rebuild what may be a member of etcd.", quoted(missing))
	}
	return f
}
