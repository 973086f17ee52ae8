package plan

import (
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// mayHaveServed reports whether a machine is the first node of a control plane that is
// restored, and may have served, with workers that write, although its API has never answered
// a run: its guest says that it has joined, or a run has seen that; or its guest says that there
// is an API server, though kubeadm init did not end well; or it has booted before, and says no
// more now, since it is off, or boots again. What was written to it is in no snapshot.
func (v view) mayHaveServed(m model.Machine) bool {
	if !v.unanswered || v.spec.New || !m.Marker.ControlPlane() || m.Marker.Reset != v.facts.Record.Reset {
		return false
	}
	return v.hasJoinedUnseen(m) || initFailed(m) || bootsAgain(m) || m.Booted && (!m.PoweredOn || m.Phase == "")
}

// hasJoinedUnseen reports whether such a machine has joined, as its guest says, or as a run
// has recorded: a VM that is off, or boots, reports nothing.
func (v view) hasJoinedUnseen(m model.Machine) bool {
	return m.PoweredOn && model.HasJoined(m.Phase) || !v.facts.Pending(m.Marker.NodePool, m.Marker.Ordinal)
}

// initFailed reports whether kubeadm init did not end well on a machine that runs.
func initFailed(m model.Machine) bool { return m.PoweredOn && m.Phase == model.PhaseInitFailed }

// bootsAgain reports whether a machine says that it boots again with what may serve.
func bootsAgain(m model.Machine) bool { return m.PoweredOn && m.Phase == model.PhaseResuming }

// resumes reports whether such a machine is off, and is what the restore goes on with: it is
// powered on, and its bootstrap goes on where the loss of power stopped it.
func (v view) resumes(m model.Machine) bool {
	return v.spec.Restore != nil && v.spec.Reset == v.facts.Record.Reset &&
		!m.PoweredOn && m.Marker.CAFingerprint == v.facts.CAFingerprint && v.mayHaveServed(m)
}

// resumeFindings say what the restore goes on with.
func resumeFindings(node string) model.Findings {
	var f model.Findings
	f.Warn(restoreField, "The first node of the restore is powered off",
		"The VM of %q has booted with what was restored, and is off. It may have served, and is not restored over: "+
			"the apply powers it on and goes on with it. If its data is lost, delete its VM in vCenter, and the snapshot is restored once more.",
		node)
	return f
}

// servesUnseen refuses to restore over what was restored and may serve, where it is only not
// reached from here, and cannot be gone on with.
func servesUnseen(v view) model.Findings {
	var f model.Findings
	if v.spec.Restore == nil {
		return f
	}
	for _, m := range v.facts.Machines {
		if !v.mayHaveServed(m) || v.resumes(m) {
			continue
		}
		words := fmt.Sprintf("Node %q of %q has joined the control plane that was restored, as its VM has reported, and the API has never "+
			"answered from here. ", m.Marker.Node, v.spec.Name)
		switch {
		case v.hasJoinedUnseen(m):
		case initFailed(m):
			words = fmt.Sprintf("On node %q of %q kubeadm init has begun with what was restored, and did not end well; its log in the error of "+
				"that apply says why. It runs an API server, which has not answered from here. ", m.Marker.Node, v.spec.Name)
		case bootsAgain(m):
			words = fmt.Sprintf("Node %q of %q has booted again with what was restored, and its API server may run by now. "+
				"It has not answered from here. ", m.Marker.Node, v.spec.Name)
		default:
			words = fmt.Sprintf("Node %q of %q has booted with what was restored, and does not report how far it came: it is off, or boots, "+
				"or its guest may not report. The API has not answered from here. ", m.Marker.Node, v.spec.Name)
		}
		f.Refuse(restoreField, "The restored control plane is not reached",
			"%sIt may serve, and workers may write to it: it is not restored over. See to it that it runs, and that its endpoint is reached "+
				"from here, and plan again with the snapshot that it was restored from. "+
				"If what was written since may be lost, delete its VM in vCenter, and the snapshot is restored once more.", words)
		return f
	}
	return f
}
