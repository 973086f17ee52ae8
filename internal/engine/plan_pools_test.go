package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

func TestPlanRefusesAPoolThatIsTooSmall(t *testing.T) {
	t.Parallel()
	o := observed(6)
	o.IPPools["pool"].Taken = 2
	p := engine.PlanFor(small(3, 2), o)
	if len(p.Problems) != 1 {
		t.Fatalf("got %+v", p.Problems)
	}
	got := p.Problems[0]
	if got.Field != "control_plane.placement.ip_pool_id" {
		t.Errorf("on %s", got.Field)
	}
	for _, want := range []string{"6 addresses", "2 in use", "4 free", "8 are needed", "3 for the control plane", "1 for the VIP", "1 for the extra", "2 for worker pool w", "1 for rolling workers (expand_first)"} {
		if !strings.Contains(got.Detail, want) {
			t.Errorf("%q does not say %q", got.Detail, want)
		}
	}
}

func TestPlanIsUnknownWhileAPoolIsNotRegistered(t *testing.T) {
	t.Parallel()
	o := observed(100)
	o.IPPools = nil
	if p := engine.PlanFor(small(1, 0), o); !p.Unknown || p.Err() != nil {
		t.Fatalf("got %+v", p)
	}
}

// TestPlanComparesNetworks has pools that name their network in every way that
// there is.
func TestPlanComparesNetworks(t *testing.T) {
	t.Parallel()
	const path = "/dc-1/network/nodes"
	for _, c := range []struct {
		pool, placement, resolved string
		same                      bool
	}{
		{"", "nodes", path, true},
		{"nodes", "nodes", path, true},
		{"nodes", path, path, true},
		{path, "nodes", path, true},
		{path, path, path, true},
		{"network/nodes", "nodes", path, true},
		{"Nodes", "nodes", path, false},
		{"other", "nodes", path, false},
		{"/dc-2/network/nodes", path, path, false},
		// What the placement's name means is known.
		{"/dc-2/network/nodes", "nodes", path, false},
		{"/dc-2/network/nodes", "nodes", "", true},
	} {
		spec, o := small(1, 0), observed(100)
		spec.ControlPlane.Placements[0].Network = c.placement
		for i := range o.Survey.Site.Placements {
			o.Survey.Site.Placements[i].Network.Path = c.resolved
		}
		o.IPPools["pool"].Body.Network = c.pool
		p := engine.PlanFor(spec, o)
		refused := slices.ContainsFunc(p.Problems, func(p engine.Problem) bool { return p.Field == "control_plane.placement.network" })
		if refused == c.same {
			t.Errorf("pool on %q, placement on %q (%s): %+v", c.pool, c.placement, c.resolved, p.Problems)
		}
	}
}

// TestPlanWarnsOfNoNameservers has a pool whose nodes would know no DNS server,
// on which real CoreDNS does not start.
func TestPlanWarnsOfNoNameservers(t *testing.T) {
	t.Parallel()
	silent := func(p *engine.Plan) bool {
		return !slices.ContainsFunc(p.Warnings, func(w engine.Problem) bool { return strings.Contains(w.Summary, "nameservers") })
	}
	spec, o := small(3, 2), observed(100)
	if p := engine.PlanFor(spec, o); !silent(p) {
		t.Errorf("there are nameservers: %+v", p.Warnings)
	}
	o.IPPools["pool"].Body.Nameservers = nil
	p := engine.PlanFor(spec, o)
	if p.Err() != nil || len(p.Warnings) != 1 || silent(p) || p.Warnings[0].Field != "control_plane.placement.ip_pool_id" {
		t.Errorf("want one warning at the control plane's pool: %+v, %v", p.Warnings, p.Err())
	}
	if p := engine.PlanFor(spec, running(o, 3, 2)); !silent(p) {
		t.Errorf("no node is built: %+v", p.Warnings)
	}
}
