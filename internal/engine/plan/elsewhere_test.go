package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// A placement on which nothing can be now is a problem, unless the nodes of its pool may go to
// another one that can have VMs.
func TestPlacementsThatNodesGoAround(t *testing.T) {
	t.Parallel()
	down := []model.Host{{Name: "esx-1", Down: "is in maintenance mode"}}
	up := []model.Host{{Name: "esx-1", Datastore: true, Network: true}}
	for name, c := range map[string]struct {
		policy bool
		second []model.Host
		dhcp   bool // with a load balancer to be made
		warns  bool
	}{
		"as it is":                     {second: up},
		"any":                          {policy: true, second: up, warns: true},
		"any, and the other is down":   {policy: true, second: down},
		"any, under the load balancer": {policy: true, second: up, dhcp: true},
	} {
		s := small(1, 0)
		if c.dhcp {
			s = leased(1, 0)
		}
		s.ControlPlane.AnyPlacement = c.policy
		second := s.ControlPlane.Placements[0]
		second.ComputeCluster = "other"
		s.ControlPlane.Placements = append(s.ControlPlane.Placements, second)
		l := limitsFor(s, 100)
		for i, hosts := range [][]model.Host{down, c.second} {
			ref := model.PlacementRef{NodePool: model.ControlPlanePool, Index: i}
			place := l.Site.Placements[ref]
			place.Hosts = hosts
			l.Site.Placements[ref] = place
		}
		field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldComputeCluster)
		l.Findings.RefuseFull(field, "No usable host", "All hosts are down.")
		p := checked(s, &model.Facts{}, l)
		warned := says(on(p.Warnings, field), "No usable host", `placement_policy = "any"`)
		refused := says(on(p.Problems, field), "No usable host")
		if warned != c.warns || refused == c.warns {
			t.Errorf("%s: warnings %v, problems %v", name, p.Warnings, p.Problems)
		}
	}
}

// A node counts once: one that is deleted not at all, and one that is built again where that is.
func TestOccupiedPlacements(t *testing.T) {
	t.Parallel()
	s, f := small(3, 3), running(3, 3)
	s.Workers[0].Placements = append(s.Workers[0].Placements, s.Workers[0].Placements[0])
	s.Workers[0].Placements[1].ComputeCluster = "other"
	second := model.PlacementRef{NodePool: "w", Index: 1}
	machine := func(name string) model.Machine {
		i := slices.IndexFunc(f.Machines, func(m model.Machine) bool { return m.Marker.Node == name })
		return f.Machines[i]
	}
	p := &model.Plan{Stages: []model.Stage{{Steps: []model.Step{
		model.CreateNode{Node: "c-w-1", NodePool: s.Workers[0], Ordinal: 1, Placement: second},
		model.CreateNode{Node: "c-w-4", NodePool: s.Workers[0], Ordinal: 4, Placement: second},
		model.DeleteNode{Machine: machine("c-w-2")},
	}}}}
	occupied := plan.Occupied(s, f, p)
	for ref, want := range map[model.PlacementRef]int{{NodePool: model.ControlPlanePool}: 3, {NodePool: "w"}: 1, second: 2} {
		if occupied[ref] != want {
			t.Errorf("%v has %d nodes, not %d", ref, occupied[ref], want)
		}
	}
}
