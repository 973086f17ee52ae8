package engine

import (
	"cmp"
	"fmt"
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
// replaced because the pool asks for other machines by now. While nothing can
// be told about all of its nodes, none is replaced: one that is counted as there
// and not seen may be the successor that an earlier run has built.
func (p *planner) split(pool PoolSpec, members []*Machine, hidden int) (stay, old []*Machine) {
	if pool.Name == ControlPlanePool || !p.ready() || !p.obs.APIAnswered() {
		return members, nil
	}
	reasons := map[string]bool{}
	for _, m := range members {
		why := p.spec.outdated(pool, m.Marker)
		if len(why) == 0 {
			stay = append(stay, m)
			continue
		}
		old = append(old, m)
		for _, w := range why {
			reasons[w] = true
		}
	}
	switch {
	case len(old) == 0:
		return stay, nil
	case hidden > 0:
		p.warn(workerField(pool.Name), fmt.Sprintf("Worker pool %q is not rolled now", pool.Name),
			"%d of its nodes are to be replaced. That waits until all of its VMs can be seen.", len(old))
		return members, nil
	}
	slices.SortFunc(old, p.firstToGo)
	p.warnRoll(pool, old, reasons)
	return stay, old
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
func (p *planner) warnRoll(pool PoolSpec, old []*Machine, reasons map[string]bool) {
	nodes := make([]string, len(old))
	for i, m := range old {
		nodes[i] = m.Marker.Node
	}
	slices.Sort(nodes)
	const most = 10
	if len(nodes) > most {
		nodes = append(nodes[:most], fmt.Sprintf("and %d more", len(old)-most))
	}
	why := make([]string, 0, len(reasons))
	for r := range reasons {
		why = append(why, r)
	}
	slices.Sort(why)
	order := "each is deleted after its successor is there"
	if !pool.expands() {
		order = "each is deleted before its successor is made"
	}
	p.warn(workerField(pool.Name), fmt.Sprintf("Worker pool %q is rolled", pool.Name),
		"%d of its nodes were built otherwise than they are wanted now (%s) and are replaced one at a time; %s: %s.",
		len(old), strings.Join(why, ", "), order, strings.Join(nodes, ", "))
}

// roll replaces nodes one at a time. Those that are more than the pool needs go
// first: they are the predecessors of nodes that an earlier run has built.
func (p *planner) roll(pool PoolSpec, old []*Machine, swaps int, create func() Step) {
	for len(old) > swaps {
		p.rollStep(p.removal(pool, old[0]))
		old = old[1:]
	}
	for range swaps {
		next := create()
		// Of the same IP pool, so that one address to spare is enough.
		at := slices.IndexFunc(old, func(m *Machine) bool {
			return m.Marker.IPPool == pool.Placements[next.node.placement].IPPoolID
		})
		at = max(at, 0)
		gone := p.removal(pool, old[at])
		old = slices.Delete(old, at, at+1)
		if pool.expands() {
			p.rollStep(next)
			p.rollStep(gone)
		} else {
			p.rollStep(gone)
			p.rollStep(next)
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
