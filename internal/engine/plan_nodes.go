package engine

import "slices"

// pool plans the nodes of one pool: keep what has joined, build again what
// never did, replace what is gone, make up the number, then roll what is
// outdated.
func (p *planner) pool(pool PoolSpec) {
	site := p.site
	p.site += len(pool.Placements)
	members := p.members(pool)
	if pool.Name == ControlPlanePool && !p.mayGrow(pool, members) {
		return
	}
	hidden := p.hidden(pool.Name)
	p.warnHidden(pool)
	stay, replaced := p.split(pool, members, hidden)
	p.scaleIn(pool, stay)

	missing := max(0, pool.Count-len(members)-hidden)
	replaced.swaps = max(0, len(replaced.old)-max(0, len(members)-pool.Count))
	pending := p.pending(pool.Name, members)
	next := p.out.record.next(pool.Name, p.highest(pool.Name))
	counts := placementCounts(pool, stay)
	create := func() Step {
		n := next
		if len(pending) > 0 {
			n, pending = pending[0], pending[1:]
		} else {
			next++
		}
		return p.creation(pool, site, n, counts)
	}
	for range missing {
		p.create(create(), len(members) == 0)
	}
	p.roll(pool, replaced, create)
	p.out.record.setNext(pool.Name, next)
}

// mayGrow tells whether nodes may be added to the control plane. A running one
// is never initialised again, whatever is gone; and a member that is gone is
// still a member of etcd, so that adding another puts the quorum at risk.
func (p *planner) mayGrow(pool PoolSpec, members []*Machine) bool {
	lost := p.lost(pool.Name)
	switch {
	case !p.ready() || len(members) >= pool.Count && len(lost) == 0:
		return true
	case len(members) == 0 && p.hidden(pool.Name) > 0:
		return true // counted as there, with a warning
	case len(members) == 0:
		p.problem("control_plane", "The control plane is gone",
			"%q was running, and none of its control-plane VMs is left. Its data is not made again from nothing: restore the VMs, or destroy the %s.", p.spec.Name, p.spec.Kind)
	case !p.obs.APIAnswered():
		p.warn("control_plane", "The control plane is not complete",
			"%d of %d control-plane VMs are there, and the API does not answer, so that nothing can be told about etcd. Nodes are added once it answers.", len(members), pool.Count)
	case len(lost) > 0:
		p.warn("control_plane", "A control-plane VM is gone",
			"The VM of %q was deleted outside Terraform. Its etcd member and its node object have to be removed by hand before a new node may join; replacing a control-plane node does not work yet.", lost)
	default:
		return true
	}
	return false
}

// members are the machines that stay. Those that never joined are cleared away
// and built again under the same name: their tokens are long gone.
func (p *planner) members(pool PoolSpec) []*Machine {
	var members []*Machine
	for i := range p.obs.Survey.Machines {
		m := &p.obs.Survey.Machines[i]
		if m.Marker.Pool != pool.Name {
			continue
		}
		unknown := p.ready() && !p.obs.APIAnswered()
		foreign := !p.ready() && p.obs.Authorities != m.Marker.Bootstrap
		if !unknown && (foreign || !p.obs.joined(m) && !p.estranged(pool, m)) {
			p.add(Step{
				Change: Change{ActionDeleteNode, m.Marker.Node}, stage: stageClear,
				node: &nodeStep{pool: pool, n: m.Marker.N, machine: m},
			})
			continue
		}
		members = append(members, m)
		p.mend(pool, m)
	}
	slices.SortFunc(members, func(a, b *Machine) int { return a.Marker.N - b.Marker.N })
	return members
}

// estranged tells whether a machine of a running control plane has joined once
// and its node object is gone, as when somebody deleted it. It may be a healthy
// member of etcd, and is left for a person to look at.
func (p *planner) estranged(pool PoolSpec, m *Machine) bool {
	if pool.Name != ControlPlanePool || !p.ready() || m.Phase != PhaseJoined || slices.Contains(p.obs.Record.Pending[pool.Name], m.Marker.N) {
		return false
	}
	p.warn("control_plane", "A control-plane node object is gone",
		"The VM %s has joined the cluster, and the API knows no node %q. Restart the kubelet on it, which registers the node again; Gantry does not rebuild what may be a member of etcd.", m.Path, m.Marker.Node)
	return true
}

// mend plans what an earlier run left undone on a node that stays, and what
// users changed on it in place.
func (p *planner) mend(pool PoolSpec, m *Machine) {
	if m.Userdata {
		p.add(Step{Change: Change{ActionWipeUserdata, m.Marker.Node}, stage: stageNodes, node: &nodeStep{machine: m}})
	}
	meta := pool.meta()
	if node, ok := p.obs.Nodes[m.Marker.Node]; ok && !meta.satisfiedBy(node) {
		p.add(Step{Change: Change{ActionLabelNode, m.Marker.Node}, stage: stageNodes, node: &nodeStep{pool: pool, machine: m, meta: meta}})
	}
}

// pending are the numbers of wanted nodes that have not joined: handed out by
// an earlier run, or of a machine that is about to be built again.
func (p *planner) pending(pool string, members []*Machine) []int {
	var ns []int
	if p.obs.Record != nil {
		ns = append(ns, p.obs.Record.Pending[pool]...)
	}
	for _, m := range p.obs.Survey.Machines {
		if m.Marker.Pool == pool {
			ns = append(ns, m.Marker.N)
		}
	}
	joined := map[int]bool{}
	for _, m := range members {
		joined[m.Marker.N] = true
	}
	for _, name := range p.lost(pool) {
		joined[p.number(pool, name)] = true
	}
	ns = slices.DeleteFunc(ns, func(n int) bool { return joined[n] || p.unreadable(NodeName(p.spec.Name, pool, n)) })
	slices.Sort(ns)
	return slices.Compact(ns)
}

// lost are the nodes that the API knows and that have no VM any more. Their
// names are not used again.
func (p *planner) lost(pool string) []string {
	return slices.DeleteFunc(p.absent(pool), func(name string) bool { return p.obs.Nodes[name].Ready || p.unreadable(name) })
}

// hidden counts the nodes of a pool whose VM is not seen and that are not gone:
// vCenter does not tell a VM of that name's configuration, or the API still hears
// from the node. Nothing is built in their place and nothing of theirs released.
func (p *planner) hidden(pool string) int {
	names := map[string]bool{}
	for _, name := range p.absent(pool) {
		if p.obs.Nodes[name].Ready || p.unreadable(name) {
			names[name] = true
		}
	}
	for _, name := range p.obs.Survey.Unreadable {
		if p.number(pool, name) > 0 {
			names[name] = true
		}
	}
	return len(names)
}

// absent are the nodes that the API knows and that no VM in sight carries.
func (p *planner) absent(pool string) []string {
	var names []string
	for name := range p.obs.Nodes {
		if p.number(pool, name) == 0 {
			continue
		}
		if !slices.ContainsFunc(p.obs.Survey.Machines, func(m Machine) bool { return m.Marker.Node == name }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// unreadable tells whether a VM of that name is there whose configuration
// vCenter does not tell.
func (p *planner) unreadable(name string) bool { return slices.Contains(p.obs.Survey.Unreadable, name) }

// warnHidden tells which nodes are counted as there although they are not seen.
func (p *planner) warnHidden(pool PoolSpec) {
	field := Field("control_plane")
	if pool.Name != ControlPlanePool {
		field = workerField(pool.Name)
	}
	for _, name := range p.absent(pool.Name) {
		if p.obs.Nodes[name].Ready && !p.unreadable(name) {
			p.warn(field, "A node's VM is not in sight",
				"The node %q is Ready, and no VM of it is seen in vCenter: it was deleted moments ago, or moved to where this user may not look. It is left alone until its node is no longer Ready.", name)
		}
	}
	for _, name := range p.obs.Survey.Unreadable {
		if p.number(pool.Name, name) > 0 {
			p.warn(field, "A VM cannot be read",
				"vCenter does not tell the configuration of the VM %q now, as while it is being made or its datastore is out. It is counted as there.", name)
		}
	}
}

// number reads n out of a node's name; 0 where the name is not of the pool.
func (p *planner) number(pool, name string) int { return nodeNumber(p.spec.Name, pool, name) }

// highest is the highest number that a node of the pool is known to have had,
// so that a counter which was lost does not go back.
func (p *planner) highest(pool string) int {
	high := 0
	for _, m := range p.obs.Survey.Machines {
		if m.Marker.Pool == pool {
			high = max(high, m.Marker.N)
		}
	}
	for name := range p.obs.Nodes {
		high = max(high, p.number(pool, name))
	}
	return high
}

// creation builds one node, on the placement with the fewest.
func (p *planner) creation(pool PoolSpec, site, n int, counts []int) Step {
	at := leastUsed(counts)
	counts[at]++
	p.out.record.assign(pool.Name, n)
	return Step{
		Change: Change{ActionCreateNode, NodeName(p.spec.Name, pool.Name, n)}, stage: stageWorkers,
		node: &nodeStep{pool: pool, n: n, placement: at, site: site + at, meta: pool.meta()},
	}
}

// create adds a node that is missing; empty tells that its pool has none.
func (p *planner) create(s Step, empty bool) {
	if s.node.pool.Name == ControlPlanePool {
		already := p.creating(ControlPlanePool)
		s.stage = stageControlPlane + min(already, stageWorkers-stageControlPlane-1)
		s.node.first = empty && already == 0 && !p.ready()
	}
	p.add(s)
}

// creating counts the nodes of a pool that the plan creates so far.
func (p *planner) creating(pool string) int {
	count := 0
	for _, s := range p.out.Steps {
		if s.Action == ActionCreateNode && s.node.pool.Name == pool {
			count++
		}
	}
	return count
}

// placementCounts tells how many members each placement of a pool has.
func placementCounts(pool PoolSpec, members []*Machine) []int {
	counts := make([]int, len(pool.Placements))
	for _, m := range members {
		if i := placementOf(pool, m.Marker); i >= 0 {
			counts[i]++
		}
	}
	return counts
}

// leastUsed picks the placement with the fewest nodes, the first of equals: on
// an empty pool that is round-robin, and after a loss it evens out.
func leastUsed(counts []int) int {
	best := 0
	for i, c := range counts {
		if c < counts[best] {
			best = i
		}
	}
	return best
}
