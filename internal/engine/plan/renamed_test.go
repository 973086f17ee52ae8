package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// referred has all machines know what the names of a spec meant in limits.
func referred(f *model.Facts, l *model.Limits) *model.Facts {
	for i := range f.Machines {
		m := &f.Machines[i].Marker
		m.TemplateRef = l.Site.Template.Ref
		m.References = l.Site.Placements[model.PlacementRef{NodePool: m.NodePool}].References()
	}
	return f
}

// renamed is a spec that follows a renaming of everything that it names.
func renamed(s *model.ClusterSpec) *model.ClusterSpec {
	s.Image.Template = "node-new"
	for _, pool := range s.NodePools() {
		for i := range pool.Placements {
			pool.Placements[i] = model.Placement{
				ComputeCluster: "compute-new",
				Datastore:      "datastore-new",
				Network:        "network-new",
				ResourcePool:   "team-new",
				IPPoolID:       pool.Placements[i].IPPoolID,
			}
		}
	}
	return s
}

func TestRenamingThatTheConfigurationFollowsIsNoStep(t *testing.T) {
	t.Parallel()
	for _, kind := range []record.Kind{record.KindCluster, record.KindGateway} {
		s := small(1, 2)
		s.Kind = kind
		l := limitsFor(s, 1000)
		f := referred(running(1, 2), l)
		s = renamed(s)
		if !plan.NamesDiffer(s, f) {
			t.Error("the names do not differ")
		}
		resolved := s.Resolved(l.Site)
		p := checked(&resolved, f, l)
		wantSteps(t, p, "")
		wantWarnings(t, p, 0)

		// Without references, names are all that there is.
		p = checked(s, f, l)
		if len(p.Steps()) == 0 {
			t.Error("nothing is rolled")
		}
	}
}

// The references of other objects under the same names: a template was rebuilt, a
// vCenter restored.
func TestOtherObjectsOfTheSameNamesAreNoStep(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	l := limitsFor(s, 1000)
	f := running(1, 2)
	for i := range f.Machines {
		f.Machines[i].Marker.TemplateRef = "old"
		f.Machines[i].Marker.References = model.References{ComputeCluster: "old", Datastore: "old", Network: "old", ResourcePool: "old"}
	}
	resolved := s.Resolved(l.Site)
	p := checked(&resolved, f, l)
	wantSteps(t, p, "")
	wantWarnings(t, p, 0)
}

// Machines that were built before markers had references.
func TestMarkersWithoutReferencesAreComparedByName(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	l := limitsFor(s, 1000)
	resolved := s.Resolved(l.Site)
	wantSteps(t, checked(&resolved, running(1, 1), l), "")
	follows := renamed(small(1, 1))
	p := checked(follows, running(1, 1), limitsFor(follows, 1000))
	wantSteps(t, p, "create_node c-cp-2, delete_node c-cp-1, create_node c-w-2, delete_node c-w-1")
}

// A control plane that moves is rolled; another spelling is no move.
func TestControlPlaneThatMovesIsRolled(t *testing.T) {
	t.Parallel()
	for field, c := range map[model.FieldName]struct {
		another string // spelling
		change  func(*model.Placement, string)
	}{
		model.FieldComputeCluster: {"/dc/host/compute", func(p *model.Placement, to string) { p.ComputeCluster = to }},
		model.FieldDatastore:      {"/dc/datastore/datastore", func(p *model.Placement, to string) { p.Datastore = to }},
		model.FieldNetwork:        {"/dc/network/network", func(p *model.Placement, to string) { p.Network = to }},
		model.FieldResourcePool:   {"compute/Resources/team", func(p *model.Placement, to string) { p.ResourcePool = to }},
	} {
		s := small(1, 1)
		c.change(&s.ControlPlane.Placements[0], c.another)
		wantSteps(t, planned(s, running(1, 1)), "")

		c.change(&s.ControlPlane.Placements[0], "another")
		known := s.Resolved(limitsFor(s, 1000).Site)
		for _, spec := range []*model.ClusterSpec{s, &known} {
			p := planned(spec, running(1, 1))
			wantSteps(t, p, "create_node c-cp-2, delete_node c-cp-1")
			if !says(p.Warnings, "The control plane is rolled", "configuration: placements.") {
				t.Errorf("%s: %v", field, p.Warnings)
			}
		}
		// One that never answered is built where the configuration says.
		unborn := running(1, 0)
		unborn.Record.APIReached = false
		unborn.API = model.APIFacts{}
		if p := planned(s, unborn); p.Err() != nil {
			t.Errorf("%s: %v", field, p.Problems)
		}
	}
}

func TestGatewayIsRolledForItsImage(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.Kind = record.KindGateway
	s.Image.Template = "node-2"
	wantSteps(t, planned(s, running(1, 0)), "create_node c-cp-2, delete_node c-cp-1")
	s.Image.Template = "/dc/vm/node"
	wantSteps(t, planned(s, running(1, 0)), "")
}

// The pool still has the former name of its network.
func TestIPPoolServesItsNetworkUnderAnotherName(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Workers[0].Count = 2
	l := change(limitsFor(s, 1000), poolID, func(p *model.IPPool) { p.Record.Network = "network" })
	for ref, place := range l.Site.Placements {
		place.Network.Path = "/dc/network/network-new"
		l.Site.Placements[ref] = place
	}
	p := checked(s, running(1, 1), l)
	if !says(p.Problems, "Not the network of the IP pool") {
		t.Errorf("problems %v", p.Problems)
	}
	wantSteps(t, checked(s, referred(running(1, 1), l), l), "create_node c-w-2")
}
