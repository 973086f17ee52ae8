package run

import (
	"cmp"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// rooms are what a run knows of the room on placements of pools whose nodes may go to any of
// them: what one node has found, the others of its pool do not try.
type rooms struct {
	spec  *model.ClusterSpec
	sites map[model.PlacementRef]model.ResolvedPlacement

	mu    sync.Mutex
	nodes map[model.PlacementRef]int // that there are, or are being built
	full  map[model.PlacementRef]bool
}

func newRooms(r *Runner) *rooms {
	return &rooms{
		spec:  r.Spec,
		sites: r.World.Limits.Site.Placements,
		nodes: map[model.PlacementRef]int{},
		full:  map[model.PlacementRef]bool{},
	}
}

// begin takes over how many nodes each placement has once the plan is carried out.
func (x *rooms) begin(occupied map[model.PlacementRef]int) { x.nodes = occupied }

// fill notes that a placement had no room for a node of its pool.
func (x *rooms) fill(ref model.PlacementRef) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.full[ref] = true
}

// freed forgets what was full: a node is gone that the plan deletes.
func (x *rooms) freed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.full)
}

// has reports whether nothing is known that keeps a node of its pool from a placement.
func (x *rooms) has(ref model.PlacementRef) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.full[ref] && plan.Usable(x.sites[ref])
}

// better reports whether a node has no room on its placement, as is known, and may have some on
// another one.
func (x *rooms) better(n *newNode) bool {
	if !n.goesAnywhere() || x.has(n.Placement) {
		return false
	}
	return slices.ContainsFunc(placementsOf(n.NodePool), x.has)
}

// other takes the placement that a node goes to in the place of its own; false: none has room.
// That is the one with the fewest nodes of the pool. Of a control plane no compute cluster gets
// more than half of the members of etcd as long as another one has room.
func (x *rooms) other(pool model.NodePool, from model.PlacementRef) (model.PlacementRef, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	free := slices.DeleteFunc(placementsOf(pool), func(ref model.PlacementRef) bool {
		return ref == from || x.full[ref] || !plan.Usable(x.sites[ref])
	})
	if len(free) == 0 {
		return from, false
	}
	x.nodes[from]--
	best := slices.MinFunc(free, func(a, b model.PlacementRef) int {
		return cmp.Or(x.majority(pool, a)-x.majority(pool, b), x.nodes[a]-x.nodes[b], a.Index-b.Index)
	})
	x.nodes[best]++
	return best, true
}

// majority is 1 where one node more gives a compute cluster most of a control plane; else 0.
func (x *rooms) majority(pool model.NodePool, ref model.PlacementRef) int {
	if pool.ControlPlane() && 2*(x.inClusterOf(pool, ref)+1) > pool.Count {
		return 1
	}
	return 0
}

func placementsOf(pool model.NodePool) []model.PlacementRef {
	refs := make([]model.PlacementRef, len(pool.Placements))
	for i := range refs {
		refs[i] = model.PlacementRef{NodePool: pool.Name, Index: i}
	}
	return refs
}

// inClusterOf is how many nodes of a pool are in the compute cluster of a placement.
func (x *rooms) inClusterOf(pool model.NodePool, ref model.PlacementRef) int {
	count := 0
	for _, other := range placementsOf(pool) {
		if x.sites[other].ComputeCluster == x.sites[ref].ComputeCluster {
			count += x.nodes[other]
		}
	}
	return count
}

// most reports how many nodes of a control plane are in the compute cluster of a placement,
// where that are more than half of several.
func (x *rooms) most(pool model.NodePool, ref model.PlacementRef) (int, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	count := x.inClusterOf(pool, ref)
	return count, pool.ControlPlane() && pool.Count > 1 && 2*count > pool.Count
}
