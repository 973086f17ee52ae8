package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// RollStrategy is the order in which a node and its successor go and come.
type RollStrategy string

// The strategies. Expand-first needs an address more than there are nodes, and
// never has fewer nodes than wanted; contract-first is the other way around.
const (
	ExpandFirst   RollStrategy = "expand_first"
	ContractFirst RollStrategy = "contract_first"
)

// expands tells whether a pool is rolled with a node more than it has.
func (s *PoolSpec) expands() bool {
	return s.Name != ControlPlanePool && s.Strategy != ContractFirst
}

// split parts the members of a pool in those that stay and those that are
// replaced: the pool asks for other machines by now, or an earlier run has begun to
// delete them. While nothing can be told about all of its nodes, none is replaced:
// one that is counted as there and not seen may be the successor that an earlier
// run has built.
func (p *planner) split(pool PoolSpec, members []*Machine, hidden int) (stay []*Machine, r replacement) {
	if pool.Name == ControlPlanePool || !p.ready() || pool.Count == 0 {
		return members, r
	}
	r.why = map[string]bool{}
	for _, m := range members {
		why := p.spec.outdated(pool, m.Marker)
		if !m.PoweredOn && p.obs.Nodes[m.Marker.Node].Cordoned {
			// Its disks may be detached already: nobody would put it together again.
			why = append(why, "a deletion that was not finished")
		}
		if len(why) == 0 {
			stay = append(stay, m)
			continue
		}
		r.old = append(r.old, m)
		for _, w := range why {
			r.why[w] = true
		}
	}
	wait := ""
	switch {
	case len(r.old) == 0:
		return stay, r
	case !p.obs.APIAnswered():
		wait = "the cluster's API answers"
	case hidden > 0:
		wait = "all of its VMs can be seen"
	}
	if wait != "" {
		p.warn(workerField(pool.Name), fmt.Sprintf("Worker pool %q is not rolled now", pool.Name),
			"The replacement of %d of its nodes waits until %s.", len(r.old), wait)
		for _, m := range r.old {
			p.later[m.Marker.Node] = true
		}
		return members, replacement{}
	}
	slices.SortFunc(r.old, p.firstToGo)
	return stay, r
}

// replacement is what is replaced of a pool.
type replacement struct {
	old   []*Machine
	why   map[string]bool
	swaps int // how many of them get a successor
}

// firstToGo puts the nodes first that serve least: those that are not ready, then
// those that an earlier run has emptied, then the oldest.
func (p *planner) firstToGo(a, b *Machine) int {
	rank := func(m *Machine) int {
		switch n := p.obs.Nodes[m.Marker.Node]; {
		case !n.Ready:
			return 0
		case n.Unschedulable:
			return 1
		default:
			return 2
		}
	}
	return cmp.Or(rank(a)-rank(b), a.Marker.N-b.Marker.N)
}

// warnRoll says before the apply what is going to be replaced.
func (p *planner) warnRoll(pool PoolSpec, r replacement) {
	nodes := make([]string, len(r.old))
	for i, m := range r.old {
		nodes[i] = m.Marker.Node
	}
	slices.Sort(nodes)
	const most = 10
	if len(nodes) > most {
		nodes = append(nodes[:most], fmt.Sprintf("and %d more", len(r.old)-most))
	}
	how := ""
	switch {
	case r.swaps > 0 && pool.expands():
		how = ", each after its successor is there"
	case r.swaps > 0:
		how = ", each before its successor is made"
	}
	if without := len(r.old) - r.swaps; without > 0 {
		how += fmt.Sprintf(", %d of them without a successor, since the pool has that many more than are wanted", without)
	}
	p.warn(workerField(pool.Name), fmt.Sprintf("Worker pool %q is rolled", pool.Name),
		"The apply deletes %d of its nodes, one at a time%s: %s. What is not as it is wanted now: %s.",
		len(r.old), how, strings.Join(nodes, ", "), strings.Join(slices.Sorted(maps.Keys(r.why)), ", "))
}

// roll replaces nodes one at a time. Those that are more than the pool needs go
// first: they are the predecessors of nodes that an earlier run has built.
func (p *planner) roll(pool PoolSpec, r replacement, create func() Step) {
	if len(r.old) == 0 {
		return
	}
	p.warnRoll(pool, r)
	old := r.old
	for len(old) > r.swaps {
		p.rollStep(p.removal(pool, old[0]))
		old = old[1:]
	}
	for range r.swaps {
		next := create()
		// Of the same IP pool, so that one address to spare is enough.
		at := slices.IndexFunc(old, func(m *Machine) bool {
			return m.Marker.IPPool == pool.Placements[next.node.placement].IPPoolID
		})
		at = max(at, 0)
		gone := p.removal(pool, old[at])
		old = slices.Delete(slices.Clone(old), at, at+1)
		if pool.expands() {
			p.rollStep(next)
			p.rollStep(gone)
		} else {
			p.rollStep(gone)
			p.rollStep(next)
		}
	}
}

// uncordon gives work again to nodes that an earlier run has begun to take away
// and that are to stay, as after a change that was taken back.
func (p *planner) uncordon() {
	going := map[string]bool{}
	for _, s := range p.out.Steps {
		going[s.Target] = going[s.Target] || s.Action == ActionDeleteNode
	}
	for _, m := range p.obs.Survey.Machines {
		if name := m.Marker.Node; p.obs.Nodes[name].Cordoned && !going[name] && !p.later[name] {
			p.add(Step{Change: Change{ActionUncordonNode, name}, stage: stageNodes})
		}
	}
}

// rollStep adds a step that has a stage to itself, after all else.
func (p *planner) rollStep(s Step) {
	s.stage, s.node.roll = stageRoll+p.rolled, true
	p.rolled++
	p.add(s)
}

// removal deletes a node that is replaced, once enough others of its pool serve.
func (p *planner) removal(pool PoolSpec, m *Machine) Step {
	s := p.deletion(pool, m)
	s.node.keep = pool.Count
	if !pool.expands() {
		s.node.keep--
	}
	return s
}

// keptImages tells of a control plane that runs on another image than is wanted:
// it is not rolled yet.
func (p *planner) keptImages() {
	var kept []string
	for _, m := range p.obs.Survey.Machines {
		if m.Marker.Pool == ControlPlanePool && m.Marker.Template != "" && !sameObject(m.Marker.Template, p.spec.Template) {
			kept = append(kept, fmt.Sprintf("%s (%s)", m.Marker.Node, m.Marker.Template))
		}
	}
	if p.ready() && len(kept) > 0 {
		slices.Sort(kept)
		p.warn("profile.image.template", "The control plane keeps its image",
			"The image %s is used for workers and for nodes that are added. Replacing a control-plane node does not work yet, so that these stay as they are: %s.",
			p.spec.Template, strings.Join(kept, ", "))
	}
}

func workerField(pool string) Field { return Field(fmt.Sprintf("worker_pools[%q]", pool)) }
