package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var resetField = model.ClusterField(model.FieldReset)

// resets reports whether the control plane is to be built anew, with the identity and
// the addresses that it has: the record or a VM is of another reset than the spec. That
// the VMs are asked, too, makes a run that was killed right after it began go on.
func resets(spec *model.ClusterSpec, facts *model.Facts) bool {
	if spec.New || spec.Reset == "" || !facts.Record.Found {
		return false
	}
	begun := slices.ContainsFunc(facts.Machines, func(m model.Machine) bool { return spec.Supersedes(m.Marker) })
	switch {
	case spec.Restore == nil:
		return facts.Record.Reset != spec.Reset || begun && !facts.Record.APIReached
	case facts.API.Answered():
		return false // however far a restore has come: what answers is not restored over
	case restored(spec, facts):
		return begun && !facts.Record.APIReached // a snapshot is never restored twice
	case !facts.Record.APIReached:
		return facts.Record.Reset != "" // another snapshot than the one whose restore did not end
	default:
		return quorumLost(spec, facts) // what works, or may, is never restored over
	}
}

// resetFacts are the facts as they are once a reset has begun: nothing of the control
// plane has ever answered. What its API says is of what is deleted.
func resetFacts(facts *model.Facts) *model.Facts {
	begun := *facts
	begun.Record.APIReached = false
	begun.API = model.APIFacts{}
	return &begun
}

// TakenBack reports whether a reset that has begun is not asked for any more while a
// control plane answers: the record is then of what answers, as its VMs tell.
func TakenBack(spec *model.ClusterSpec, facts *model.Facts) bool {
	begun := facts.Record.Found && facts.Record.Reset != "" && !facts.Record.APIReached
	return begun && !spec.New && spec.Reset == "" && facts.API.Answered()
}

// resetUnasked refuses to go on with the reset of a gateway whose trigger was removed half way
// while its API is silent. Its former VM may serve where it is only not reached from here, and
// the configuration does not ask any more for what replaces it.
func resetUnasked(v view) model.Findings {
	var f model.Findings
	begun := v.unanswered && v.facts.Record.CreationComplete
	vms := nodeNames(v.machines(model.ControlPlanePool))
	if v.spec.Kind != record.KindGateway || v.spec.Reset != "" || !begun || len(vms) == 0 {
		return f
	}
	f.Refuse(resetField, "The gateway is being reset",
		"A reset of %q has begun, its API has not answered since, and reset_trigger, which asked for it, is removed. "+
			"These VMs are there, and are deleted only where it is asked for: %s. Set reset_trigger again, to that value or another one, "+
			"and the reset goes on. To go on with the gateway as it was, power on the VM that it had before, and see to it that its API "+
			"is reached from here: the next plan keeps what answers.", v.spec.Name, quoted(vms))
	return f
}

// Resumes reports whether an apply goes on with what an earlier run has begun, and may remove
// what that has left without a plan that has shown it: how far that came shows only now. What
// a restore removes has data, and a reset that is not asked for any more may have left all.
func Resumes(spec *model.ClusterSpec, facts *model.Facts) bool {
	if !facts.Record.Found || facts.Record.APIReached {
		return false
	}
	return spec.New || spec.Restore == nil && spec.Reset == facts.Record.Reset
}

// TakeBack is the record of a reset that is taken back: of a control plane that has answered.
// Workers have to come back to it only where it was restored. Members of the former control
// plane are members again where that is what answers.
func TakeBack(rec record.Cluster, facts *model.Facts) record.Cluster {
	reset, _ := facts.BuiltFor()
	anew := rec.Reset == reset
	rec.Reconnect = rec.Reconnect && anew
	rec.Reset = reset
	rec.APIReached = true
	if len(rec.Former) > 0 && !anew {
		rec.Members = rec.Former
	}
	rec.Former = nil
	return rec
}

// goesOnWith are the facts of what answers where a reset is taken back; else as they are.
func goesOnWith(spec *model.ClusterSpec, facts *model.Facts) *model.Facts {
	if !TakenBack(spec, facts) {
		return facts
	}
	changed := *facts
	changed.Record.Cluster = TakeBack(facts.Record.Cluster, facts)
	return &changed
}
