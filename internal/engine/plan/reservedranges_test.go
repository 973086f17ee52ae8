package plan_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func reserved(name, start, end string) model.ReservedRange {
	return model.ReservedRange{
		Name: name, IPPoolID: poolID,
		Range: ipam.Range{Start: netip.MustParseAddr(start), End: netip.MustParseAddr(end)},
	}
}

// holds has a cluster hold a range, and its record say so.
func holds(f *model.Facts, r model.ReservedRange) {
	f.Claims = append(f.Claims, r.Claims()...)
	if f.Record.Ranges == nil {
		f.Record.Ranges = map[string]record.AddressRange{}
	}
	f.Record.Ranges[r.Name] = r.Recorded()
}

func TestRangesAreReservedAndReleased(t *testing.T) {
	t.Parallel()
	web := reserved("web", "10.10.128.50", "10.10.128.54")
	for name, c := range map[string]struct {
		reserves []model.ReservedRange
		facts    func(*model.Facts)
		want     string
	}{
		"a new one":       {[]model.ReservedRange{web}, func(*model.Facts) {}, "reserve_range web"},
		"one that it has": {[]model.ReservedRange{web}, func(f *model.Facts) { holds(f, web) }, ""},
		"of which a tag was deleted": {
			[]model.ReservedRange{web}, func(f *model.Facts) { holds(f, web); f.Claims = f.Claims[:len(f.Claims)-1] }, "reserve_range web",
		},
		"that a killed run has not recorded": {
			[]model.ReservedRange{web}, func(f *model.Facts) { holds(f, web); f.Record.Ranges = nil }, "reserve_range web",
		},
		"with another name": {
			[]model.ReservedRange{reserved("www", "10.10.128.50", "10.10.128.54")}, func(f *model.Facts) { holds(f, web) },
			"reserve_range www, release_range web",
		},
		"a larger one": {
			[]model.ReservedRange{reserved("web", "10.10.128.50", "10.10.128.60")}, func(f *model.Facts) { holds(f, web) },
			"reserve_range web",
		},
		"a smaller one": {
			[]model.ReservedRange{reserved("web", "10.10.128.51", "10.10.128.52")}, func(f *model.Facts) { holds(f, web) },
			"reserve_range web, release_range web",
		},
		"none any more": {nil, func(f *model.Facts) { holds(f, web) }, "release_range web"},
		"none, and what a killed run has left": {
			nil, func(f *model.Facts) { holds(f, web); f.Record.Ranges = nil }, "release_range load_balancer_pools",
		},
	} {
		s, f := small(1, 1), running(1, 1)
		s.ReservedRanges = c.reserves
		c.facts(f)
		p := planned(s, f)
		if got := names(p); got != c.want || p.Err() != nil {
			t.Errorf("%s: got %q (%v), want %q", name, got, p.Err(), c.want)
		}
	}
}

// A range is taken before any node gets an address, and given back after the packs have
// stopped to use it.
func TestOrderOfRanges(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.ReservedRanges = []model.ReservedRange{reserved("web", "10.10.128.50", "10.10.128.54")}
	p := planned(s, &model.Facts{})
	if all := names(p); strings.Index(all, "reserve_range") > strings.Index(all, "create_node") {
		t.Errorf("got %s", all)
	}
	f := running(1, 1)
	holds(f, reserved("old", "10.10.128.70", "10.10.128.71"))
	s.Packs = append(s.Packs, model.Pack{Name: "metallb", Layer: "addon"})
	p = planned(s, f)
	wantSteps(t, p, "reserve_range web, apply_pack metallb, release_range old")
	// Where a pack could not be changed, it uses its addresses still.
	for _, stage := range p.Stages {
		if _, releases := stage.Steps[0].(model.ReleaseRange); releases && !stage.Complete {
			t.Errorf("%s does not wait for all that comes before", stage.Name)
		}
	}
	unreachable(f)
	if all := names(plan.Cluster(s, f)); strings.Contains(all, "release_range") {
		t.Errorf("while the API does not answer: %s", all)
	}
}

func TestDestructionReleasesRanges(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	web := reserved("web", "10.10.128.50", "10.10.128.54")
	holds(f, web)
	p := destroyed(f)
	wantSteps(t, p, "delete_node c-cp-1, release_endpoint c, release_range web, delete_record c")
	for _, step := range p.Steps() {
		if s, ok := step.(model.ReleaseRange); ok && len(s.Claims) != 5 {
			t.Errorf("it releases %v", s.Claims)
		}
	}

	// The record of another creation keeps its ranges.
	other := running(1, 0)
	holds(other, web)
	other.Record.ID = otherCluster
	for _, step := range destroyed(other).Steps() {
		if s, ok := step.(model.ReleaseRange); ok && s.Name == "web" {
			t.Errorf("the range is taken out of another one's record: %+v", s)
		}
	}

	// A node that is not seen may answer for a service.
	f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-w-7", Ref: "vm-7"}, Why: "moved"}}
	if got := names(destroyed(f)); strings.Contains(got, "release_range") || strings.Contains(got, "delete_record") {
		t.Errorf("with a node that is not seen: %s", got)
	}
}

func TestCheckOfRanges(t *testing.T) {
	t.Parallel()
	inside := netip.MustParseAddr("10.10.128.52")
	for name, c := range map[string]struct {
		ranges []model.ReservedRange
		pool   func(*model.IPPool)
		facts  func(*model.Facts)
		limits func(*model.Limits)
		field  model.FieldName
		want   string
	}{
		"free": {},
		"outside of the pool": {
			ranges: []model.ReservedRange{reserved("web", "192.0.2.1", "192.0.2.3")},
			want:   "IP pool \"pool\" has the addresses 10.10.128.1-10.10.131.232, and the range is 192.0.2.1-192.0.2.3. ",
		},
		"claimed by others": {
			pool: func(p *model.IPPool) { p.TakenOfRanges = []netip.Addr{inside} },
			want: "Of IP pool \"pool\" these are claimed: 10.10.128.52 (d-w-1 of cluster " + otherCluster.String() + "). ",
		},
		"used by a VM": {
			pool: func(p *model.IPPool) { p.UnclaimedInUse = map[netip.Addr]string{inside: "/dc/vm/other"} },
			want: "Of IP pool \"pool\", VMs report these without a claim: 10.10.128.52 (VM /dc/vm/other). ",
		},
		"used by a node of the cluster, as for a service of before": {
			pool: func(p *model.IPPool) { p.UnclaimedInUse = map[netip.Addr]string{inside: "/dc/vm/c-w-1"} },
		},
		"used by a VM outside of the range": {
			pool: func(p *model.IPPool) {
				p.UnclaimedInUse = map[netip.Addr]string{netip.MustParseAddr("10.10.128.99"): "/dc/vm/other"}
			},
		},
		"of another gateway": {
			pool:  func(p *model.IPPool) { p.GatewayID = otherCluster },
			field: model.FieldIPPool, want: "IP pool \"pool\" belongs to gateway " + otherCluster.String(),
		},
		"planned by another cluster": {
			pool: func(p *model.IPPool) {
				p.Uses = []model.IPPoolUse{{
					Ref: record.Ref{Kind: record.KindCluster, Name: "d"}, Addresses: 1, Ranges: []ipam.Range{{Start: inside, End: inside}},
				}}
			},
			want: "In the same plan, cluster \"d\" reserves addresses of the range 10.10.128.50-10.10.128.54 of IP pool \"pool\", too.",
		},
		"that overlap": {
			ranges: []model.ReservedRange{reserved("web", "10.10.128.50", "10.10.128.54"), reserved("zed", "10.10.128.54", "10.10.128.55")},
			want:   "The ranges 10.10.128.54-10.10.128.55 of \"zed\" and 10.10.128.50-10.10.128.54 of \"web\" have addresses in common.",
		},
		"too many addresses": {
			ranges: []model.ReservedRange{reserved("web", "10.10.128.50", "10.10.129.250")},
			want:   "The load balancer pools of a cluster may have 256 addresses in all",
		},
		"more than vCenter takes": {
			limits: func(l *model.Limits) { l.FreeClaims = 4 },
			want:   "5 addresses are to be reserved, each of them a tag, and the vCenter takes 4 more. ",
		},
		"held, and excluded since": {
			ranges: []model.ReservedRange{reserved("web", "10.10.128.1", "10.10.128.2")},
			facts:  func(f *model.Facts) { holds(f, reserved("old", "10.10.128.1", "10.10.128.2")) },
			pool:   func(p *model.IPPool) { p.Addresses.Gateway = netip.MustParseAddr("10.10.128.1") },
		},
		"more than are free": {
			pool: func(p *model.IPPool) { p.Total = 12; p.Taken = 8 },
			want: "5 for load balancer pool \"web\"",
		},
	} {
		s, f := small(1, 1), running(1, 1)
		s.ReservedRanges = c.ranges
		if c.ranges == nil {
			s.ReservedRanges = []model.ReservedRange{reserved("web", "10.10.128.50", "10.10.128.54")}
		}
		l := limitsFor(s, 1000)
		l.Held = []model.Holding{{IPPool: poolID, Cluster: otherCluster, Node: "d-w-1", Address: inside}}
		if c.pool != nil {
			l = change(l, poolID, c.pool)
		}
		if c.facts != nil {
			c.facts(f)
		}
		if c.limits != nil {
			c.limits(l)
		}
		if c.field == "" {
			c.field = model.FieldRange
		}
		at := s.ReservedRanges[len(s.ReservedRanges)-1].Field(c.field)
		found := on(checked(s, f, l).Problems, at)
		if (len(found) == 0) != (c.want == "") || len(found) > 0 && !strings.Contains(found[0].Detail, c.want) {
			t.Errorf("%s: got %v\nwant %s", name, found, c.want)
		}
	}
}

// A range of an IP pool that is not there is told as for a placement, also where nothing is
// built.
func TestRangeOfAnIPPoolThatIsMissing(t *testing.T) {
	t.Parallel()
	s, f := small(1, 1), running(1, 1)
	r := reserved("web", "10.10.128.50", "10.10.128.54")
	r.IPPoolID = uuid.New()
	s.ReservedRanges = []model.ReservedRange{r}
	p := checked(s, f, limitsFor(small(1, 1), 1000))
	if len(p.MissingIPPools) != 1 || p.MissingIPPools[0].ID != r.IPPoolID || p.MissingIPPools[0].Field != r.Field(model.FieldIPPool) {
		t.Errorf("got %+v", p.MissingIPPools)
	}
	if uses := plan.Uses(s, f, p, limitsFor(small(1, 1), 1000)); len(uses[r.IPPoolID].Ranges) != 1 {
		t.Errorf("it takes %v", uses)
	}
}
