package plan

import (
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Unproven are the facts for a destruction that may be forced: a VM that cannot be read
// now, or that a clone may be making, is one that is not seen. It keeps what it holds,
// and nothing else from being deleted.
func Unproven(target model.Target, facts *model.Facts, cloning bool) *model.Facts {
	unproven := *facts
	unproven.Unseen = slices.Clone(facts.Unseen)
	unproven.Unreadable = nil
	hide := func(node, why string) {
		unproven.Unseen = append(unproven.Unseen, model.UnseenMachine{KnownMachine: model.KnownMachine{Node: node}, Why: why})
	}
	for _, name := range unreadableOf(target, facts) {
		hide(name, "vCenter does not return its configuration")
	}
	if !cloning {
		return &unproven
	}
	for _, c := range facts.Claims {
		if c.OfNode() && !slices.ContainsFunc(facts.Machines, func(m model.Machine) bool { return m.Marker.Node == c.Owner }) {
			hide(c.Owner, "a clone that is under way may be making it")
		}
	}
	unmade := Unmade(target.Name, facts)
	if MayBuild(facts) {
		unmade = append(unmade, facts.Record.Builder.Name)
	}
	for _, name := range unmade {
		if !slices.ContainsFunc(unproven.Unseen, func(m model.UnseenMachine) bool { return m.Node == name }) {
			hide(name, "a clone that is under way may be making it")
		}
	}
	return &unproven
}

// Unmade are the VMs of a cluster with leases that a run has begun to make, as far as the
// record says, and that are not there: their clones may have outlived it. Of static nodes
// the claims say so.
func Unmade(cluster string, facts *model.Facts) []string {
	if !facts.Record.Found || !facts.Record.Leases && len(facts.Record.IPPools) > 0 {
		return nil // static; a record that does not say which has no IP pool where nodes take leases
	}
	var names []string
	of := model.NamesOf(cluster, "", facts, nil) // the record has the templates
	for pool, ordinals := range facts.Record.Pending {
		for _, ordinal := range ordinals {
			name := of.Node(pool, ordinal)
			if !slices.ContainsFunc(facts.Machines, func(m model.Machine) bool { return m.Marker.Node == name && !facts.Former(m.Marker) }) {
				names = append(names, name)
			}
		}
	}
	if facts.LoadBalancer == nil {
		names = append(names, of.LoadBalancer())
	}
	slices.Sort(names)
	return names
}

// Registered reports whether the record is the target's own.
func Registered(target model.Target, facts *model.Facts) bool { return registered(target, facts) }

// Remaining is how many VMs and addresses a destruction has before it.
func Remaining(target model.Target, facts *model.Facts) int {
	n := len(facts.Unseen) + len(facts.Claims)
	for _, m := range append(facts.VMs(), facts.Builders...) {
		if owns(target, facts, m) {
			n++
		}
	}
	return n
}

// Force plans the end of a destruction whose VMs cannot be deleted: they are left, with
// the addresses that they may use, and all else goes. why has the reasons by node; left
// names the VMs, if there are any.
//
// The record of a gateway stays with such VMs, and so does its inline IP pool. Their ids
// are derived from its name: another gateway of that name would take the addresses for
// its own, and issue them to its nodes.
func Force(target model.Target, facts *model.Facts, why map[string]string) (p *model.Plan, left string) {
	forced := abandoned(target, facts, why)
	p = &model.Plan{}
	stays := target.Kind == record.KindGateway && len(forced.Unseen) > 0
	if len(forced.Unseen) > 0 {
		left = leftWords(target, forced) + afterwards(target, forced, stays)
	}
	if shared(target, facts) {
		return p, left
	}
	folders := folderDeletions(target, forced)
	for i, step := range folders {
		if s, ok := step.(model.DeleteFolder); ok {
			s.Leave = true
			folders[i] = s
		}
	}
	snapshots := snapshotDeletions(target, facts)
	for i, step := range snapshots {
		s := step.(model.DeleteSnapshots)
		s.Leave = true
		snapshots[i] = s
	}
	p.Stages = stages(
		model.Stage{Name: "addresses", Parallel: true, Complete: true, Steps: addressReleases(target, forced)},
		model.Stage{Name: "snapshots", Complete: true, Steps: snapshots},
		model.Stage{Name: "folders", Complete: true, Steps: folders},
	)
	if !stays {
		p.Stages = append(p.Stages, stages(
			model.Stage{Name: "IP pool", Complete: true, Steps: ownIPPoolDeletion(facts)},
			model.Stage{Name: "record", Complete: true, Steps: recordDeletion(target, facts)},
		)...)
	}
	return p, left
}

// afterwards says what is to be done about VMs that are left.
func afterwards(target model.Target, facts *model.Facts, stays bool) string {
	claimed := len(heldWords(target, facts)) > 0
	if !stays {
		text := ". The record is deleted, so that no destruction of Gantry's finds them again. Have the VMs deleted in vCenter"
		if claimed {
			return text + ", and then the tags of their addresses: the data source gantry_orphans lists both."
		}
		return text + ": the data source gantry_orphans lists them."
	}
	with, why := "", "another gateway of this name would have its id"
	if facts.OwnIPPool.Registered {
		with = fmt.Sprintf(" and its IP pool %q", facts.OwnIPPool.Record.Name)
	}
	if claimed {
		why = "no other gateway of this name may use the addresses"
	}
	return fmt.Sprintf(". Kept are the record of the gateway%s, since %s. "+
		"Have the VMs deleted in vCenter, then import the gateway by its name and destroy it again, which deletes the rest.", with, why)
}

// LeftBehind says what a destruction that has failed has left; empty where that is
// nothing.
func LeftBehind(target model.Target, facts *model.Facts) string {
	left := abandoned(target, facts, nil)
	if len(left.Unseen) == 0 {
		return ""
	}
	return leftWords(target, left) + ". Their record stays, too: destroy again to go on."
}

// abandoned are the facts in which the VMs that are there are not seen.
func abandoned(target model.Target, facts *model.Facts, why map[string]string) *model.Facts {
	left := *facts
	left.Unseen = slices.Clone(facts.Unseen)
	left.Machines = nil
	left.LoadBalancer = nil
	left.Builders = nil
	for _, m := range append(facts.VMs(), facts.Builders...) {
		if owns(target, facts, m) {
			left.Unseen = append(left.Unseen, model.UnseenMachine{
				KnownMachine: model.KnownMachine{Node: m.Marker.Node, Ref: m.Ref}, Why: why[m.Marker.Node],
			})
		}
	}
	return &left
}

// leftWords name the VMs that are left with their addresses.
func leftWords(target model.Target, facts *model.Facts) string {
	text := fmt.Sprintf("Left are these VMs of %s %q: %s", target.Kind, target.Name, model.Listed(hiddenWords(facts.Unseen)))
	if held := heldWords(target, facts); len(held) > 0 {
		text += ", with their addresses: " + model.Listed(held)
	}
	return text
}
