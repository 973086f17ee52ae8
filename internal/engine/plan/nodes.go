package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// nodePoolPlan is what is done about the nodes of one pool.
type nodePoolPlan struct {
	name    string
	cleanup []model.Step // what never joined, what is lost
	create  []model.Step
	scaleIn []model.Step
	inPlace []model.Step
	rollout []model.Stage

	// next is the next ordinal; 0: it stays as recorded. assigned are the ordinals
	// of the nodes that the plan creates.
	next     int
	assigned []int
	// postponed are the nodes that are to be replaced, and not by this plan.
	postponed []string

	findings model.Findings
}

// planNodePool keeps the nodes that have joined, builds again what never did, replaces
// what is lost, makes up the number, and rolls what is outdated.
func planNodePool(v view, pool model.NodePool) nodePoolPlan {
	p := nodePoolPlan{name: pool.Name}
	var members, left []model.Machine
	for _, m := range v.machines(pool.Name) {
		if !v.stays(m) {
			left = append(left, m)
			continue
		}
		members = append(members, m)
		p.inPlace = append(p.inPlace, repair(v, pool, m)...)
	}
	var unready []model.Machine
	if pool.ControlPlane() {
		p.findings.Add(nodeObjectFindings(v, members))
		grow, findings := mayGrow(v, pool, members)
		p.findings.Add(findings)
		if !grow {
			p.remove(v, left)
			return p
		}
		members, unready, findings = rebuilt(v, pool, members)
		p.findings.Add(findings)
	}
	current, replaced := partition(v, pool, members)
	p.postponed = replaced.postponed
	p.findings.Add(replaced.findings)
	if pool.ControlPlane() {
		p.findings.Add(lostFindings(v))
		if shrinks := shrinkFindings(v, pool, members); len(shrinks.Problems) > 0 {
			p.findings.Add(shrinks)
			return p
		}
	} else {
		p.scaleIn = scaleIn(v, pool, current)
	}
	p.cleanup = append(p.cleanup, removals(v, pool, unready)...)

	creations := newCreations(v, pool, members, current)
	for range p.missing(v, pool, members) {
		next := creations.next()
		next.First = pool.ControlPlane() && len(members) == 0 && len(p.create) == 0 && !v.apiReached()
		p.create = append(p.create, next)
	}
	p.rollOut(v, pool, replaced, members, creations)
	if pool.ControlPlane() {
		p.rewriteSecrets(v, members)
	}
	if creations.counter > model.MaxOrdinal+1 {
		p.findings.Refuse(nodePoolField(pool.Name), fmt.Sprintf("Node pool %q has no number left", pool.Name),
			"The nodes of a pool are numbered up to %d, and the record of %q says that these numbers were handed out. "+
				"Move to a worker pool of another name; a control plane needs a new cluster.", model.MaxOrdinal, v.spec.Name)
	}
	p.next = creations.counter
	p.assigned = creations.assigned
	p.remove(v, left)
	return p
}

// removals take what is lost, and what is not Ready any more, out of the cluster.
func removals(v view, pool model.NodePool, unready []model.Machine) []model.Step {
	var steps []model.Step
	for _, name := range v.lost(pool.Name) {
		if pool.ControlPlane() || !v.holdsRepairs {
			steps = append(steps, model.RemoveLostNode{Node: name, LeavesEtcd: pool.ControlPlane()})
		}
	}
	for _, m := range unready {
		step := deletion(pool, m)
		step.LeavesEtcd = true
		steps = append(steps, step)
	}
	return steps
}

// missing is how many nodes are created beside the members. Of those that would be newer
// than what stays, none is.
func (p *nodePoolPlan) missing(v view, pool model.NodePool, members []model.Machine) int {
	missing := max(0, pool.Count-len(members)-len(v.presumedPresent(pool.Name))-len(v.heldBack(pool)))
	switch {
	case missing == 0:
	case v.tooNewFor(pool):
		p.findings.Warn(nodePoolField(pool.Name), fmt.Sprintf("Nodes of worker pool %q are not created yet", pool.Name),
			"%s missing, and would be newer than the control plane, which stays at %s. The plan after its upgrade creates them.",
			plural(missing, "node is", "nodes are"), v.left)
		return 0
	case pool.ControlPlane() && v.staysOld(p.postponed):
		p.findings.Warn(nodePoolField(pool.Name), "Nodes of the control plane are not created yet",
			"%s missing, and would be of version %s, while others stay at an older one. The plan that upgrades these creates what is missing.",
			plural(missing, "node is", "nodes are"), v.spec.KubernetesVersion)
		return 0
	}
	return missing
}

// remove deletes the machines that an earlier run has left. One that has not booted yet,
// and whose node is created, is adopted by that.
func (p *nodePoolPlan) remove(v view, left []model.Machine) {
	created := map[string]bool{}
	for _, step := range slices.Concat(p.create, stepsOf(p.rollout)) {
		if node, ok := step.(model.CreateNode); ok {
			created[node.Node] = true
		}
	}
	var removed []model.Step
	for _, m := range left {
		if !created[m.Marker.Node] || !v.unbooted(m) {
			removed = append(removed, model.DeleteNode{Machine: m, LeavesEtcd: m.Marker.ControlPlane() && v.hasEtcd()})
		}
	}
	p.cleanup = append(removed, p.cleanup...)
}

// creations hands out ordinals and placements for the new nodes of a pool.
type creations struct {
	names    model.NodeNames
	pool     model.NodePool
	pending  []int // ordinals that were handed out and not used
	counter  int   // the next ordinal that was never used
	counts   []int // nodes by placement
	assigned []int
	// keys are those of the nodes of a control plane.
	keys model.EncryptionKeys
}

func newCreations(v view, pool model.NodePool, members, current []model.Machine) *creations {
	c := &creations{
		names:   v.nodeNames,
		pool:    pool,
		pending: pendingOrdinals(v, pool.Name, members),
		counter: v.counter(pool.Name),
		counts:  placementCounts(pool, current, v.facts),
	}
	if pool.ControlPlane() {
		c.keys = v.encryption().keys()
	}
	return c
}

// next is the next new node, on the placement with the fewest: on an empty pool
// that is round-robin, and after a loss it evens out.
func (c *creations) next() model.CreateNode {
	n := c.counter
	if len(c.pending) > 0 {
		n = c.pending[0]
		c.pending = c.pending[1:]
	} else {
		for n <= model.MaxOrdinal && !c.names.Free(c.pool.Name, n) {
			n++
		}
		c.counter = n + 1
	}
	at := 0
	for i, count := range c.counts {
		if count < c.counts[at] {
			at = i
		}
	}
	c.counts[at]++
	c.assigned = append(c.assigned, n)
	return model.CreateNode{
		Node:      c.names.Node(c.pool.Name, n),
		NodePool:  c.pool,
		Ordinal:   n,
		Placement: model.PlacementRef{NodePool: c.pool.Name, Index: at},

		EncryptionKeys: c.keys,
	}
}

// pendingOrdinals are the ordinals of nodes that have not joined: handed out by an
// earlier run, or of a machine that is about to be built again.
func pendingOrdinals(v view, pool string, members []model.Machine) []int {
	ns := slices.Clone(v.facts.Record.Pending[pool])
	used := map[int]bool{}
	for _, m := range v.machines(pool) {
		ns = append(ns, m.Marker.Ordinal)
		// By its name its successor is told apart from it.
		used[m.Marker.Ordinal] = v.spec.Supersedes(m.Marker)
	}
	for _, m := range members {
		used[m.Marker.Ordinal] = true
	}
	for _, m := range v.former {
		used[m.Marker.Ordinal] = used[m.Marker.Ordinal] || m.Marker.NodePool == pool
	}
	for _, name := range v.lost(pool) {
		used[v.ordinal(pool, name)] = true
	}
	for _, name := range v.spec.ReplaceNodes {
		// One that has not joined, and is built again, is replaced by that.
		used[v.ordinal(pool, name)] = true
	}
	ns = slices.DeleteFunc(ns, func(n int) bool {
		name := v.nodeNames.Node(pool, n)
		_, known := v.facts.API.Nodes[name] // of a join that failed: it has left what its name refers to
		return used[n] || known || !v.hasMachine(name) && v.mayBePresent(name)
	})
	// Those that have an address come first: in a full pool there is none for another one.
	slices.SortFunc(ns, func(a, b int) int { return cmp.Or(v.unclaimed(pool, a)-v.unclaimed(pool, b), a-b) })
	return slices.Compact(ns)
}

// unclaimed is 1 where a node has no address, and 0 where it has one.
func (v view) unclaimed(pool string, ordinal int) int {
	name := v.nodeNames.Node(pool, ordinal)
	if slices.ContainsFunc(v.facts.Claims, func(c model.Claim) bool { return c.Owner == name }) {
		return 0
	}
	return 1
}

// placementCounts is how many machines each placement of a pool has.
func placementCounts(pool model.NodePool, machines []model.Machine, facts *model.Facts) []int {
	counts := make([]int, len(pool.Placements))
	for _, i := range placementsOf(pool, machines, facts) {
		if i >= 0 {
			counts[i]++
		}
	}
	return counts
}

// repair completes what an earlier run left undone on a node that stays, and
// carries out what users changed on it in place.
func repair(v view, pool model.NodePool, m model.Machine) []model.Step {
	var steps []model.Step
	if m.Userdata {
		steps = append(steps, model.WipeUserdata{Node: m.Marker.Node, VM: m.Ref})
	}
	if node, ok := v.facts.API.Nodes[m.Marker.Node]; ok && !satisfies(node, pool.Meta) {
		steps = append(steps, model.UpdateNodeMetadata{Node: m.Marker.Node, Meta: pool.Meta})
	}
	return steps
}

// nodePoolField is the field of a node pool as a whole.
func nodePoolField(pool string) model.Field { return model.NodePoolField(pool, "") }
