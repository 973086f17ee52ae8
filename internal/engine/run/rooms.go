package run

import (
	"cmp"
	"fmt"
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
	nodes map[model.PlacementRef]int   // that there are, or are being built
	full  map[model.PlacementRef]error // why
}

func newRooms(r *Runner) *rooms {
	return &rooms{
		spec:  r.Spec,
		sites: r.World.Limits.Site.Placements,
		nodes: map[model.PlacementRef]int{},
		full:  map[model.PlacementRef]error{},
	}
}

// begin takes over how many nodes each placement has once the plan is carried out.
func (x *rooms) begin(occupied map[model.PlacementRef]int) { x.nodes = occupied }

// fill notes why a placement had no room for a node of its pool.
func (x *rooms) fill(ref model.PlacementRef, why error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.full[ref] == nil {
		x.full[ref] = fmt.Errorf("as another node of the pool has found in this run: %w", why)
	}
}

// freed forgets what was full: a node is gone that the plan deletes.
func (x *rooms) freed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	clear(x.full)
}

// lacks is why there is no room for a node of its pool on a placement, as far as that is known;
// nil: there may be.
func (x *rooms) lacks(ref model.PlacementRef) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.why(ref)
}

func (x *rooms) why(ref model.PlacementRef) error {
	if !plan.Usable(x.sites[ref]) {
		return errUnusable
	}
	return x.full[ref]
}

// errUnusable is why nothing is tried on a placement.
var errUnusable = fmt.Errorf("a part of it cannot be used now, or no host that runs VMs reaches it: %w", model.ErrNoRoom)

// haveOther reports whether some placement of a pool may have room.
func (x *rooms) haveOther(pool model.NodePool) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.ContainsFunc(placementsOf(pool), func(ref model.PlacementRef) bool { return x.why(ref) == nil })
}

// other takes the placement that a node goes to in the place of its own; false: none has room.
// That is the one with the fewest nodes of the pool. Of a control plane no compute cluster gets
// more than half of the members of etcd as long as another one has room.
func (x *rooms) other(pool model.NodePool, from model.PlacementRef) (model.PlacementRef, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	free := slices.DeleteFunc(placementsOf(pool), func(ref model.PlacementRef) bool {
		return ref == from || x.why(ref) != nil
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
