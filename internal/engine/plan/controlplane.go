package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var controlPlaneField = nodePoolField(model.ControlPlanePool)

// mayGrow reports whether nodes may be added to the control plane, and says why
// not. A running one is never initialised again, whatever is gone.
func mayGrow(v view, pool model.NodePool, members []model.Machine) (bool, model.Findings) {
	var f model.Findings
	present := v.presumedPresent(pool.Name)
	switch {
	case v.reset && len(present) > 0:
		f.Refuse(controlPlaneField, "A control-plane VM may still run",
			"%q cannot be built anew while vCenter does not show %s, or does not return its configuration, and does not say that it is gone: "+
				"%s. Move the VM back or grant the privilege, or have it deleted by a user who sees it; "+
				"then apply again.", v.spec.Name, quoted(present), v.oneControlPlane())
	case !v.apiReached() && len(present) > 0:
		f.Refuse(controlPlaneField, "A control-plane VM is being made",
			"vCenter does not return the configuration of %s yet, as while it is cloned by a run that was interrupted. "+
				"Two nodes must never initialise one control plane: apply again once its task in vCenter has ended, or delete the VM.",
			quoted(present))
	case !v.apiReached() || v.facts.API.Answered() && len(members)+len(present) > 0:
		return true, f
	case len(members)+len(present) == 0:
		f.Problems = append(f.Problems, goneFinding(v.spec, v.facts))
	case v.quorumGone(members):
		f.Problems = append(f.Problems, quorumFinding(v, members))
	case len(members) >= pool.Count:
		return true, f
	default:
		f.Warn(controlPlaneField, "The control plane is not complete",
			"%d of %d control-plane VMs of %q exist, and its API does not answer, so the state of etcd is unknown. "+
				"Nodes are added once it answers.%s", len(members), pool.Count, v.spec.Name, silentWayOut(v.spec))
	}
	return false, f
}

// goneMembers are the control-plane nodes of which vCenter says that the VM is gone, and
// that were members of etcd: their addresses were not released.
func (v view) goneMembers() []string {
	return slices.DeleteFunc(v.addressed(), func(name string) bool {
		ordinal := v.ordinal(model.ControlPlanePool, name)
		return ordinal == 0 || !v.gone(name) || v.facts.Pending(model.ControlPlanePool, ordinal)
	})
}

// quorumGone reports whether so many control-plane VMs are gone that the others can't
// answer for want of a quorum. One that is gone may have left etcd before: as many as are
// the quorum of a whole control plane may work.
func (v view) quorumGone(members []model.Machine) bool {
	there := len(members) + len(v.presumedPresent(model.ControlPlanePool))
	return there < majority(v.votersOf(there))
}

// votersOf is how many members etcd has at least, where so many are there. Their number as
// the spec has it may be new: by itself it proves nothing.
func (v view) votersOf(there int) int {
	gone := v.goneMembers()
	had := there + len(gone)
	if v.mayBeRolled(gone) {
		had--
	}
	return min(there+len(gone), max(there, min(had, v.spec.ControlPlane.Count)))
}

// Voters is how many members the etcd of a control plane that was running has at least.
func Voters(spec *model.ClusterSpec, facts *model.Facts) int {
	v := view{spec: spec, nodeNames: namesOf(spec, facts)}
	v.facts, v.former = withoutFormer(facts)
	return v.votersOf(len(v.machines(model.ControlPlanePool)) + len(v.presumedPresent(model.ControlPlanePool)))
}

// mayBeRolled reports whether one of the nodes that are gone may have left etcd in a rollout
// that did not come to an end: its successor has the extra, so that there is none, or says in
// its marker that it was to be that node's address.
func (v view) mayBeRolled(gone []string) bool {
	if _, reserved := v.facts.Address(v.spec.Endpoint().IPPool, model.OwnerExtra); !reserved {
		return true
	}
	return slices.ContainsFunc(v.facts.Claims, func(c model.Claim) bool {
		return slices.Contains(gone, c.Owner) && slices.ContainsFunc(v.facts.Machines, func(m model.Machine) bool {
			return m.Marker.ControlPlane() && m.Marker.Extra == c.Address
		})
	})
}

func quorumFinding(v view, members []model.Machine) model.Finding {
	gone := v.goneMembers()
	all := len(members) + len(v.presumedPresent(model.ControlPlanePool)) + len(gone)
	return model.NewFinding(controlPlaneField, "The control plane has lost its quorum",
		"The VMs of %s are gone, %d of the %d of the control plane of %q, and its API does not answer: "+
			"etcd works as long as %d of its %[3]d members do. %[6]s",
		quoted(gone), len(gone), all, v.spec.Name, majority(all), wayOut(v.spec, v.facts))
}

// lostFindings say what becomes of control-plane nodes whose VMs are gone while the others
// serve.
func lostFindings(v view) model.Findings {
	var f model.Findings
	if lost := v.lost(model.ControlPlanePool); len(lost) > 0 && v.facts.API.Answered() {
		f.Warn(controlPlaneField, howMany(lost, "A control-plane VM is gone", "Control-plane VMs are gone"),
			"The VM of %s was deleted outside Terraform. The apply removes its member from etcd and its node object, "+
				"and builds another node where one is missing.", quoted(lost))
	}
	return f
}

// lostMembers are control-plane nodes whose VM and node object are both gone: a cloud
// provider deletes the object of a VM that was deleted, and the member of etcd stays. Of
// it only the node's address is left, and that the record does not call it pending.
func (v view) lostMembers(pool string) []string {
	if pool != model.ControlPlanePool || !v.apiReached() || !v.facts.API.Answered() {
		return nil
	}
	return slices.DeleteFunc(v.addressed(), func(name string) bool {
		ordinal := v.ordinal(pool, name)
		_, known := v.facts.API.Nodes[name]
		return ordinal == 0 || known || v.facts.Pending(pool, ordinal) || v.hasMachine(name) || v.mayBePresent(name)
	})
}

// hasEtcd reports whether there is a running etcd that nodes have to leave before they
// are deleted.
func (v view) hasEtcd() bool { return v.apiReached() && v.facts.API.Answered() }

// controlPlaneGone reports whether a control plane was running of which no VM is left.
func (v view) controlPlaneGone() bool {
	const pool = model.ControlPlanePool
	return v.apiReached() && len(v.machines(pool)) == 0 && len(v.presumedPresent(pool)) == 0
}

func goneFinding(spec *model.ClusterSpec, facts *model.Facts) model.Finding {
	return model.NewFinding(controlPlaneField, "The control plane is gone",
		"%q was running, and none of its control-plane VMs is left. %s", spec.Name, wayOut(spec, facts))
}

// silentWayOut is what can be done where an API stays silent whose control plane is not complete.
func silentWayOut(spec *model.ClusterSpec) string {
	if spec.Kind != record.KindGateway {
		return ""
	}
	return " Where it stays silent, set reset_trigger to another value: the next apply then builds the gateway anew with the same id, " +
		"endpoint and IP pools, and leaves its clusters as they are."
}

// wayOut says what can be done where the control plane is gone.
func wayOut(spec *model.ClusterSpec, facts *model.Facts) string {
	if spec.Kind == record.KindGateway {
		return "Restore the VM from a backup, or set reset_trigger to another value: the next apply then builds the gateway anew " +
			"with the same id, endpoint and IP pools, and leaves its clusters as they are."
	}
	again := ""
	if spec.Restore != nil && restored(spec, facts) {
		again = "The snapshot that restore_from_snapshot names was restored before, and is not restored twice: name another one. "
	}
	return again + "A control plane with data is never created anew from nothing: restore it from a snapshot of etcd with " +
		"restore_from_snapshot, as the guide \"Restoring a cluster\" says; or restore the VMs from a backup; or destroy the cluster; " +
		"or apply with -replace and the address of the resource, which destroys what is left and creates an empty cluster of that name."
}

// shrinkFindings refuse a control plane of fewer nodes. One more than it is to have is
// what a rollout that was interrupted has left.
func shrinkFindings(v view, pool model.NodePool, members []model.Machine) model.Findings {
	var f model.Findings
	if len(members) > pool.Count+1 {
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
