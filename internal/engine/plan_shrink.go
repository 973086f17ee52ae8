package engine

import "slices"

// scaleIn takes the newest nodes first, and those that are not ready before
// those that are.
func (p *planner) scaleIn(pool PoolSpec, members []*Machine) {
	if pool.Name == ControlPlanePool {
		if len(members) > pool.Count {
			p.problem("control_plane.node_count", "A control plane never shrinks",
				"%q has %d control-plane nodes and %d are wanted. Keep at least %[2]d.", p.spec.Name, len(members), pool.Count)
		}
		return
	}
	victims := slices.Clone(members)
	slices.SortFunc(victims, func(a, b *Machine) int {
		ar, br := p.obs.Nodes[a.Marker.Node].Ready, p.obs.Nodes[b.Marker.Node].Ready
		if ar != br {
			if br {
				return -1
			}
			return 1
		}
		return b.Marker.N - a.Marker.N
	})
	for i := 0; i < len(members)-pool.Count; i++ {
		p.add(p.deletion(pool, victims[i]))
	}
	for _, name := range p.lost(pool.Name) {
		p.forget(pool, name)
	}
}

func (p *planner) deletion(pool PoolSpec, m *Machine) Step {
	return Step{
		Change: Change{ActionDeleteNode, m.Marker.Node}, stage: stageScaleIn,
		node: &nodeStep{pool: pool, n: m.Marker.N, machine: m, drain: true},
	}
}

func (p *planner) forget(pool PoolSpec, name string) {
	p.add(Step{Change: Change{ActionForgetNode, name}, stage: stageClear, node: &nodeStep{pool: pool}})
}

// removedPools takes down the nodes of worker pools that are no longer wanted.
func (p *planner) removedPools() {
	gone := map[string]PoolSpec{}
	for i := range p.obs.Survey.Machines {
		name := p.obs.Survey.Machines[i].Marker.Pool
		if !slices.ContainsFunc(p.spec.Pools(), func(s PoolSpec) bool { return s.Name == name }) {
			gone[name] = PoolSpec{Name: name, DrainTimeout: DefaultDrainTimeout}
		}
	}
	for i := range p.obs.Survey.Machines {
		m := &p.obs.Survey.Machines[i]
		if pool, ok := gone[m.Marker.Pool]; ok {
			p.add(p.deletion(pool, m))
		}
	}
	if p.obs.Record == nil {
		return
	}
	for name := range p.obs.Record.Counters {
		if !slices.ContainsFunc(p.spec.Pools(), func(s PoolSpec) bool { return s.Name == name }) {
			for _, lost := range p.lost(name) {
				p.forget(PoolSpec{Name: name}, lost)
			}
		}
	}
}
