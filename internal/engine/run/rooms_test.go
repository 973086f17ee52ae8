package run_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// A node goes to the placement with the fewest nodes, and one of the control plane not to where
// that gives a compute cluster most of etcd, as long as there is another one.
func TestRoomForANode(t *testing.T) {
	t.Parallel()
	at := func(pool string, i int) model.PlacementRef { return model.PlacementRef{NodePool: pool, Index: i} }
	for name, c := range map[string]struct {
		pool     string
		count    int
		clusters []string
		nodes    []int
		full     []int
		unusable []int
		want     int // -1: none
	}{
		"fewest":           {pool: "w", count: 9, clusters: []string{"a", "b", "c"}, nodes: []int{4, 3, 2}, want: 2},
		"fewest with room": {pool: "w", count: 9, clusters: []string{"a", "b", "c"}, nodes: []int{4, 3, 2}, full: []int{2}, want: 1},
		"no hosts":         {pool: "w", count: 9, clusters: []string{"a", "b", "c"}, nodes: []int{4, 3, 2}, unusable: []int{2}, want: 1},
		"none":             {pool: "w", count: 9, clusters: []string{"a", "b"}, nodes: []int{4, 3}, full: []int{1}, want: -1},
		"no majority": {
			pool: model.ControlPlanePool, count: 5, clusters: []string{"a", "b", "b", "c"}, nodes: []int{2, 1, 1, 1}, want: 3,
		},
		"majority of one":      {pool: model.ControlPlanePool, count: 3, clusters: []string{"a", "b"}, nodes: []int{1, 2}, want: 1},
		"workers have no etcd": {pool: "w", count: 5, clusters: []string{"a", "b", "b", "c"}, nodes: []int{2, 1, 1, 1}, want: 1},
	} {
		pool := model.NodePool{Name: c.pool, Count: c.count, Placements: make([]model.Placement, len(c.clusters)), AnyPlacement: true}
		sites, nodes := map[model.PlacementRef]model.ResolvedPlacement{}, map[model.PlacementRef]int{}
		var full []model.PlacementRef
		for i, cluster := range c.clusters {
			nodes[at(c.pool, i)] = c.nodes[i]
			sites[at(c.pool, i)] = model.ResolvedPlacement{
				ComputeCluster: cluster, ResourcePool: "pool", Datastore: "ds", Network: model.Network{Ref: "net"},
				Hosts: []model.Host{{Name: "esx", Datastore: true, Network: true}},
			}
		}
		for _, i := range c.full {
			full = append(full, at(c.pool, i))
		}
		for _, i := range c.unusable {
			site := sites[at(c.pool, i)]
			site.Hosts = nil
			sites[at(c.pool, i)] = site
		}
		got, found := run.OtherPlacement(pool, at(c.pool, 0), sites, nodes, full)
		if found != (c.want >= 0) || found && got.Index != c.want {
			t.Errorf("%s: placement %d, %v", name, got.Index, found)
		}
	}
}
