package run

import "github.com/gantry/terraform-provider-gantry/internal/engine/model"

// OtherPlacement is where a node goes that its placement has no room for.
func OtherPlacement(
	pool model.NodePool, from model.PlacementRef, sites map[model.PlacementRef]model.ResolvedPlacement,
	nodes map[model.PlacementRef]int, full []model.PlacementRef,
) (model.PlacementRef, bool) {
	x := &rooms{sites: sites, nodes: nodes, full: map[model.PlacementRef]error{}}
	for _, ref := range full {
		x.fill(ref, model.ErrNoRoom)
	}
	return x.other(pool, from)
}
