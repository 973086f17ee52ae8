package plan_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// part is a part of the site that may not be resolved.
type part struct {
	field  model.Field
	remove func(*model.Site)
}

// parts are those that a spec names, in an order that does not change.
func parts(s *model.ClusterSpec) []part {
	all := []part{
		{model.ClusterField(model.FieldDatacenter), func(s *model.Site) { s.Datacenter = "" }},
		{model.ClusterField(model.FieldTemplate), func(s *model.Site) { s.Template = model.Template{} }},
		{model.ClusterField(model.FieldFolder), func(s *model.Site) { s.Folder = model.Folder{} }},
	}
	for _, pool := range s.NodePools() {
		for i := range pool.Placements {
			ref := model.PlacementRef{NodePool: pool.Name, Index: i}
			of := func(name model.FieldName, remove func(*model.ResolvedPlacement)) part {
				return part{ref.Field(name), func(site *model.Site) {
					resolved := site.Placements[ref]
					remove(&resolved)
					site.Placements[ref] = resolved
				}}
			}
			all = append(all,
				of(model.FieldComputeCluster, func(p *model.ResolvedPlacement) { p.ComputeCluster = "" }),
				of(model.FieldDatastore, func(p *model.ResolvedPlacement) { p.Datastore = "" }),
				of(model.FieldNetwork, func(p *model.ResolvedPlacement) { p.Network = model.Network{} }),
				of(model.FieldResourcePool, func(p *model.ResolvedPlacement) { p.ResourcePool = "" }),
			)
		}
	}
	return all
}

// uses is what the steps of a plan need of the site.
type uses struct {
	record     bool
	folder     bool
	nodes      bool
	placements map[model.PlacementRef]bool
	pools      map[string]bool
}

func usesOf(p *model.Plan) uses {
	u := uses{placements: map[model.PlacementRef]bool{}, pools: map[string]bool{}}
	for _, step := range p.Steps() {
		switch step := step.(type) {
		case model.CreateNode:
			u.nodes = true
			u.placements[step.Placement] = true
			u.pools[step.Placement.NodePool] = true
		case model.CreateLoadBalancer, model.ReplaceLoadBalancer:
			u.nodes = true
			u.placements[model.PlacementRef{NodePool: model.ControlPlanePool}] = true
			u.pools[model.ControlPlanePool] = true
		case model.CreateRecord, model.CreateFolder:
			u.record = true
		case model.MoveNodes:
			u.folder = true
		}
	}
	return u
}

// needs reports whether a step fails without the field.
func (u uses) needs(field model.Field) bool {
	if i, ok := field.Placement.Get(); ok {
		return u.placements[model.PlacementRef{NodePool: field.NodePool, Index: i}]
	}
	switch field.Name {
	case model.FieldDatacenter:
		return u.nodes || u.record || u.folder
	case model.FieldFolder:
		return u.nodes || u.folder
	default:
		return u.nodes
	}
}

// mayNeed reports whether a step may need the field: a node could as well be built
// on another placement of its pool, and a creation is refused as a whole.
func (u uses) mayNeed(field model.Field, creation bool) bool {
	if field.NodePool != "" {
		return u.pools[field.NodePool] || creation && u.nodes
	}
	return u.needs(field)
}

func TestUnresolvedPartOfTheSiteIsAProblemOfThePlansThatNeedIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		f := drawFacts(t)
		drawLeased(t, s, f)
		l := limitsFor(s, 1000)
		missing := map[model.Field]bool{}
		for _, x := range parts(s) {
			if rapid.IntRange(0, 3).Draw(t, x.field.String()) == 0 {
				x.remove(&l.Site)
				missing[x.field] = true
				l.Findings.Problems = append(l.Findings.Problems, model.NewFinding(x.field, "Not found", "%s was not found.", x.field))
			}
		}
		p := plan.Cluster(s, f)
		before := len(p.Problems)
		plan.Check(s, f, p, l)
		u := usesOf(p)
		needed := false
		for field := range missing {
			got := on(p.Problems, field)
			if u.needs(field) && !says(got, "Not found") {
				t.Fatalf("no problem of %q: %v; steps %s", field, p.Problems, names(p))
			}
			may := u.mayNeed(field, !f.APIReached(s.New))
			if !may && says(got, "Not found") {
				t.Fatalf("a problem of %q, which no step needs: %v; steps %s", field, got, names(p))
			}
			needed = needed || may
		}
		if !needed && !u.nodes && !u.folder && len(p.Problems) != before {
			t.Fatalf("problems of a plan that needs nothing: %v; steps %s", p.Problems, names(p))
		}
	})
}

func TestNothingIsResolvedAndNothingPanics(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		f := drawFacts(t)
		drawLeased(t, s, f)
		p := checked(s, f, &model.Limits{})
		if usesOf(p).nodes && len(p.MissingIPPools) == 0 && !s.DHCP() {
			t.Fatalf("no IP pool is registered, and none is missing: %s", names(p))
		}
		destruction := plan.Destroy(s.Target(), f, &model.Limits{})
		plan.Status(s, f, nil, today)
		for _, finding := range slices.Concat(p.Problems, p.Warnings, destruction.Problems, destruction.Warnings) {
			for _, of := range []string{"VIP", "tag of its address", "address and its place"} {
				if s.DHCP() && strings.Contains(finding.Summary+finding.Detail, of) {
					t.Fatalf("nodes have leases behind a load balancer, and a finding speaks of the %s: %s", of, finding.Detail)
				}
			}
		}
	})
}

// A record without a datacenter crashed the apply that wrote it.
func TestPlanThatCreatesARecordNeedsTheDatacenter(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	f := running(1, 1)
	f.Record = model.Record{}
	datacenter := model.ClusterField(model.FieldDatacenter)
	template := model.ClusterField(model.FieldTemplate)
	l := limitsFor(s, 100)
	l.Site = model.Site{}
	l.Findings.Problems = []model.Finding{
		model.NewFinding(datacenter, "Unknown datacenter", "There is none."),
		model.NewFinding(template, "Unknown template", "There is none."),
	}
	p := checked(s, f, l)
	if names(p) != "create_record c" || len(p.Problems) != 1 || len(on(p.Problems, datacenter)) != 1 {
		t.Fatalf("got %s, %v", names(p), p.Problems)
	}
	l.Site.Datacenter = "ref-dc"
	l.Findings.Problems = l.Findings.Problems[1:]
	wantSteps(t, checked(s, f, l), "create_record c")
}
