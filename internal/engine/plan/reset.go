package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

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

// TakeBack is the record of a reset that is taken back. Workers have to come back to what
// answers only where that was restored.
func TakeBack(rec record.Cluster, facts *model.Facts) record.Cluster {
	reset, _ := facts.BuiltFor()
	rec.Reconnect = rec.Reconnect && rec.Reset == reset
	rec.Reset = reset
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
