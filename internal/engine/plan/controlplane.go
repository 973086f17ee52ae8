package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
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
	case !v.apiReached() && len(v.presumedPresent(pool.Name)) > 0:
		f.Refuse(controlPlaneField, "A control-plane VM is being made",
			"vCenter does not return the configuration of %s yet, as while it is cloned by a run that was interrupted. "+
				"Two nodes must never initialise one control plane: apply again once its task in vCenter has ended, or delete the VM.",
			quoted(v.presumedPresent(pool.Name)))
	case !v.apiReached() || len(members) >= pool.Count && len(lost) == 0:
		return true, f
	case len(members) == 0 && len(v.presumedPresent(pool.Name)) == 0:
		f.Refuse(controlPlaneField, "The control plane is gone",
			"%q was running, and none of its control-plane VMs is left. A control plane with data is never created anew from nothing: "+
				"restore the VMs, or destroy the %s.", v.spec.Name, v.spec.Kind)
	case !v.facts.API.Answered():
		f.Warn(controlPlaneField, "The control plane is not complete",
			"%d of %d control-plane VMs exist, and the API does not answer, so the state of etcd is unknown. Nodes are added once it answers.",
			len(members), pool.Count)
	case len(lost) > 0:
		f.Warn(controlPlaneField, "A control-plane VM is gone",
			"The VM of %s was deleted outside Terraform. Its etcd member and its node object have to be removed by hand "+
				"before a new node may join; replacing a control-plane node does not work yet.", quoted(lost))
	default:
		return true, f
	}
	return false, f
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
