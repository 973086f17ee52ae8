package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Gone reports whether nothing of the target's incarnation is left: another creation
// may have taken its place. A VM that is not seen is not gone.
func Gone(target model.Target, facts *model.Facts) bool {
	if registered(target, facts) || len(facts.Unseen) > 0 {
		return false
	}
	return !slices.ContainsFunc(append(facts.VMs(), facts.Builders...), func(m model.Machine) bool { return owns(target, facts, m) })
}

// registered reports whether the record of that name is the target's own.
func registered(target model.Target, facts *model.Facts) bool {
	return facts.Record.Found && facts.Record.ID == target.ID && facts.Record.Incarnation.Is(target.Incarnation)
}

// owns reports whether a VM of the target's id is to be deleted with the target. Whose
// record it is has all of them: one of an earlier incarnation is what a run that was
// killed made last. Else only the VM's own marker counts.
func owns(target model.Target, facts *model.Facts, m model.Machine) bool {
	return registered(target, facts) || m.Marker.Incarnation.Is(target.Incarnation)
}

// takenOver reports whether the record of the target is another creation's by now.
func takenOver(target model.Target, facts *model.Facts) bool {
	return facts.Record.Found && facts.Record.ID == target.ID && !registered(target, facts)
}

// shared reports whether another creation has something under the target's id, or may
// have: where the record is lost, VMs of another incarnation may be a newer one's.
func shared(target model.Target, facts *model.Facts) bool {
	switch {
	case registered(target, facts):
		return false
	case takenOver(target, facts):
		return true
	}
	return slices.ContainsFunc(append(facts.VMs(), facts.Builders...), func(m model.Machine) bool { return !owns(target, facts, m) })
}
