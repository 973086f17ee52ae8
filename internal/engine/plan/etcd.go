package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// majority is how many of the voting members of etcd must answer for it to work.
func majority(voters int) int { return voters/2 + 1 }

// MayReplace returns why no control-plane node may be replaced now; nil: one may be.
// Nodes are those of the control plane that stay members, each of which has to be a
// healthy one; members of other names count for nothing here.
func MayReplace(members []model.EtcdMember, nodes []string) error {
	leader := false
	wrong := UnwellMembers(members, nodes)
	healthy := len(nodes) - len(wrong)
	for _, m := range members {
		leader = leader || m.Leader
	}
	switch {
	case len(wrong) > 0:
		return fmt.Errorf("%d of %d members of etcd %s healthy; replacing one needs %d. Not healthy: %s",
			healthy, len(nodes), isOrAre(healthy), len(nodes), model.Listed(wrong))
	case !leader:
		return fmt.Errorf("etcd has no leader among its %d members", len(members))
	}
	return nil
}

// UnwellMembers are the nodes of a control plane whose members of etcd are not healthy
// ones that vote, and why.
func UnwellMembers(members []model.EtcdMember, nodes []string) []string {
	var wrong []string
	for _, node := range nodes {
		i := slices.IndexFunc(members, func(m model.EtcdMember) bool { return m.Name == node })
		switch {
		case i < 0:
			wrong = append(wrong, node+" (not a member)")
		case !members[i].Healthy():
			wrong = append(wrong, fmt.Sprintf("%s (%s)", node, members[i].Error))
		case members[i].Learner:
			wrong = append(wrong, node+" (a learner, which does not vote yet)")
		}
	}
	return wrong
}

// errLastMember keeps the data of a cluster: a member that is removed loses it.
var errLastMember = errors.New("the last member of etcd is never removed")

// MayRemove returns why the member of a node may not be taken out of etcd now; nil: it
// may be, or there is none. The member of a node that still serves is taken out only
// where all others are healthy. One that is lost, or never served, is taken out as long
// as the others keep their quorum: it counts for the quorum and does not vote.
func MayRemove(members []model.EtcdMember, node string, serving bool) error {
	if !slices.ContainsFunc(members, func(m model.EtcdMember) bool { return m.Name == node }) {
		return nil
	}
	return mayRemove(members, func(m model.EtcdMember) bool { return m.Name == node }, serving)
}

// MayTakeOut is MayRemove for a node that is not Ready: its member may serve all the same.
func MayTakeOut(members []model.EtcdMember, node string) error {
	return MayRemove(members, node, answers(members, node))
}

func answers(members []model.EtcdMember, node string) bool {
	return slices.ContainsFunc(members, func(m model.EtcdMember) bool { return m.Name == node && m.Healthy() && !m.Learner })
}

// SickMembersFirst puts the steps that take nodes which are not Ready out of etcd into the
// order in which the quorum bears it: first those whose members do not answer.
func SickMembersFirst(steps []model.Step, members []model.EtcdMember) []model.Step {
	var unready []model.Step
	for _, step := range steps {
		if s, ok := step.(model.DeleteNode); ok && s.TakenOutUnready() {
			unready = append(unready, step)
		}
	}
	last := func(step model.Step) int {
		if answers(members, step.Change().Target) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(unready, func(a, b model.Step) int { return last(a) - last(b) })
	sorted := slices.Clone(steps)
	for i, step := range sorted {
		if s, ok := step.(model.DeleteNode); ok && s.TakenOutUnready() {
			sorted[i] = unready[0]
			unready = unready[1:]
		}
	}
	return sorted
}

// MayRemoveMember is MayRemove for a member that no node carries.
func MayRemoveMember(members []model.EtcdMember, id uint64) error {
	return mayRemove(members, func(m model.EtcdMember) bool { return m.ID == id }, false)
}

func mayRemove(members []model.EtcdMember, removed func(model.EtcdMember) bool, all bool) error {
	voters, healthy := 0, 0
	var wrong []string
	for _, m := range members {
		switch {
		case removed(m) || m.Learner && !all:
			continue
		case m.Healthy() && !m.Learner && m.Name != "":
			healthy++
		default:
			wrong = append(wrong, memberWords(m))
		}
		voters++
	}
	needed := majority(voters)
	if all {
		needed = voters
	}
	switch {
	case healthy == 0 && voters == 0:
		return errLastMember
	case healthy < needed:
		return fmt.Errorf("%d of the %d other members of etcd %s healthy, and removing this one needs %d. Not healthy: %s",
			healthy, voters, isOrAre(healthy), needed, model.Listed(wrong))
	}
	return nil
}

func memberWords(m model.EtcdMember) string {
	switch {
	case m.Name == "":
		return fmt.Sprintf("member %x (added, and never started)", m.ID)
	case m.Learner && m.Healthy():
		return m.Name + " (a learner, which does not vote yet)"
	default:
		return fmt.Sprintf("%s (%s)", m.Name, m.Error)
	}
}

// OrphanMembers are the members of etcd that no node carries: those that were added and
// never started, as by a join that failed, and those of nodes that are gone. There is
// reports whether a node is there.
func OrphanMembers(members []model.EtcdMember, there func(node string) bool) []model.EtcdMember {
	return slices.DeleteFunc(slices.Clone(members), func(m model.EtcdMember) bool { return m.Name != "" && there(m.Name) })
}

// LeavesEtcd reports whether a plan takes a member out of the etcd of a control plane that
// goes on, so that etcd is to be asked before.
func LeavesEtcd(p *model.Plan) bool { return slices.ContainsFunc(p.Steps(), leavesEtcd) }

func leavesEtcd(step model.Step) bool {
	switch s := step.(type) {
	case model.DeleteNode:
		return s.LeavesEtcd
	case model.RemoveLostNode:
		return s.LeavesEtcd
	default:
		return false
	}
}

// quorum refuses what would put the quorum of etcd at risk, with numbers. What the plan
// repairs before it replaces anything is left to the run, which asks again before each
// replacement.
func (c check) quorum() model.Findings {
	var f model.Findings
	etcd := c.limits.Etcd
	if !etcd.Asked || !LeavesEtcd(c.plan) {
		return f
	}
	if etcd.Error != nil {
		f.Refuse(controlPlaneField, "The members of etcd are not known",
			"Nodes of the control plane are to be removed or replaced, and no member of etcd says which members there are: %s. "+
				"As long as that is so, none is added or removed.", etcd.Error)
		return f
	}
	gone := map[string]bool{}
	left := slices.Clone(etcd.Members)
	for _, step := range SickMembersFirst(c.plan.Steps(), etcd.Members) {
		switch s := step.(type) {
		case model.PowerOnNode:
			if s.Machine.Marker.ControlPlane() {
				return f
			}
		case model.CreateNode:
			if s.TakesExtra() {
				if c.node(s.Replaces).Cordoned { // an earlier run has begun to delete it
					gone[s.Replaces] = true
				}
				f.Add(c.mayReplace(gone))
				return f
			}
		case model.RemoveLostNode:
			if err := MayRemove(etcd.Members, s.Node, false); err != nil && s.LeavesEtcd {
				f.Refuse(controlPlaneField, "The quorum of etcd is at risk", "The VM of %q is gone. %s. Repair the others first.",
					s.Node, capitalized(err.Error()))
			}
			gone[s.Node] = true
			left = slices.DeleteFunc(left, func(m model.EtcdMember) bool { return m.Name == s.Node })
		case model.DeleteNode:
			if !s.TakenOutUnready() {
				gone[s.Machine.Marker.Node] = true
				continue
			}
			if err := MayTakeOut(left, s.Machine.Marker.Node); err != nil {
				f.Refuse(controlPlaneField, "The quorum of etcd is at risk", "%q %s, and is to be replaced. %s. "+
					"Repair the others first, or remove repair until they are well.",
					s.Machine.Marker.Node, takenOutWords(s.Machine), capitalized(err.Error()))
			}
			gone[s.Machine.Marker.Node] = true
			left = slices.DeleteFunc(left, func(m model.EtcdMember) bool { return m.Name == s.Machine.Marker.Node })
		}
	}
	return f
}

// takenOutWords say why a node is taken out before its successor comes.
func takenOutWords(m model.Machine) string {
	if m.LeaseChanged() {
		return "has another lease than the one that it joined with"
	}
	return "is not Ready"
}

// mayReplace judges the first replacement, when some nodes are gone already: those that an
// earlier run has replaced and not deleted. One that never joined is no member yet: it is
// built anew.
func (c check) mayReplace(gone map[string]bool) model.Findings {
	var f model.Findings
	var nodes []string
	for _, m := range c.machines(model.ControlPlanePool) {
		if !gone[m.Marker.Node] && c.stays(m) {
			nodes = append(nodes, m.Marker.Node)
		}
	}
	if err := MayReplace(c.limits.Etcd.Members, nodes); err != nil {
		f.Refuse(controlPlaneField, "The quorum of etcd is at risk",
			"Nodes of the control plane are to be replaced. %s. Repair these first; until then nothing is replaced.", capitalized(err.Error()))
	}
	return f
}
