package plan_test

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var endpointPool = model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldIPPool)

func TestBudgetRefusesAnIPPoolThatIsTooSmallAndSaysForWhat(t *testing.T) {
	t.Parallel()
	s := small(3, 2)
	l := change(limitsFor(s, 6), poolID, func(p *model.IPPool) { p.Taken = 2 })
	p := checked(s, &model.Facts{}, l)
	if len(p.Problems) != 1 || len(p.Problems[0].Fields) != 1 {
		t.Fatalf("got %v", p.Problems)
	}
	want := `IP pool "pool" has 6 addresses, 2 in use and 4 free; 8 are needed: 1 for the VIP, 1 for the extra, 3 for the control plane, ` +
		`2 for worker pool w, 1 for rolling workers (expand_first). Grow the pool, ask for fewer nodes, or set strategy = "contract_first" ` +
		`in rolling_update of the worker pools.`
	got := p.Problems[0]
	if got.Fields[0] != endpointPool || got.Summary != "The IP pool is too small" || got.Detail != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestBudgetNamesWhoHoldsTheAddresses(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	l := change(limitsFor(s, 4), poolID, func(p *model.IPPool) {
		p.Taken = 3
		p.UnclaimedInUse = map[netip.Addr]string{
			netip.MustParseAddr("10.10.128.10"): "/dc/vm/b",
			netip.MustParseAddr("10.10.128.9"):  "/dc/vm/a",
		}
	})
	l.Held = []model.Holding{
		{IPPool: poolID, Cluster: otherCluster, Node: "d-w-1"},
		{IPPool: poolID, Cluster: otherCluster, Node: "d-w-2"},
		{IPPool: poolID, Cluster: clusterID, Node: "c-cp-1"},
		{IPPool: otherPoolID, Cluster: otherCluster, Node: "d-w-3"},
	}
	p := checked(s, &model.Facts{}, l)
	want := `IP pool "pool" has 4 addresses, 5 in use and 0 free; 3 are needed: 1 for the VIP, 1 for the extra, 1 for the control plane.` +
		" Of those in use, cluster " + otherCluster.String() + " holds 2, this cluster holds 1." +
		" VMs report addresses of it without a claim: 10.10.128.9 (VM /dc/vm/a), 10.10.128.10 (VM /dc/vm/b)." +
		" Grow the pool or ask for fewer nodes."
	if len(p.Problems) != 1 || p.Problems[0].Detail != want {
		t.Errorf("got  %v\nwant %s", p.Problems, want)
	}
}

func TestAddressWordsListTenAddressesInOrder(t *testing.T) {
	t.Parallel()
	addresses := map[netip.Addr]string{}
	addr := netip.MustParseAddr("10.0.0.5")
	for range 12 {
		addresses[addr] = "vm"
		addr = addr.Next()
	}
	got := plan.AddressWords(addresses)
	if !strings.HasPrefix(got, "10.0.0.5 (VM vm), 10.0.0.6 (VM vm), ") || !strings.HasSuffix(got, "10.0.0.14 (VM vm), and 2 more") {
		t.Errorf("got %s", got)
	}
	if plan.AddressWords(nil) != "" {
		t.Error("no addresses are listed")
	}
}

// What creations, rollouts and repairs need of their IP pools.
func TestBudgetCountsWhatARolloutNeeds(t *testing.T) {
	t.Parallel()
	fresh := func() *model.Facts { return &model.Facts{CAFingerprint: theCA} }
	there := func() *model.Facts { return running(1, 2) }
	lost := func() *model.Facts {
		f := there()
		lose(f, "c-w-1")
		return f
	}
	unjoined := func() *model.Facts {
		f := there()
		delete(f.API.Nodes, "c-w-2")
		return f
	}
	larger := func(s *model.ClusterSpec) { s.Workers[0].CPU = 4 }
	moved := func(s *model.ClusterSpec) { s.Workers[0].Placements = []model.Placement{place(otherPoolID)} }
	for name, c := range map[string]struct {
		facts    func() *model.Facts
		total    int // addresses of the IP pool, of which those that are claimed are taken
		other    int // addresses of the other IP pool
		strategy model.RollStrategy
		change   func(*model.ClusterSpec)
		problem  string
		warning  string
	}{
		"a creation with an address to spare": {facts: fresh, total: 6},
		"a creation without": {facts: fresh, total: 5,
			problem: "6 are needed: 1 for the VIP, 1 for the extra, 1 for the control plane, 2 for worker pool w, " +
				"1 for rolling workers (expand_first)"},
		"contract first":            {facts: fresh, total: 5, strategy: model.ContractFirst},
		"contract first, too small": {facts: fresh, total: 4, strategy: model.ContractFirst, problem: "5 are needed"},
		"no workers":                {facts: fresh, total: 3, change: func(s *model.ClusterSpec) { s.Workers[0].Count = 0 }},
		"two pools share it": {facts: fresh, total: 7, change: func(s *model.ClusterSpec) {
			s.Workers = append(s.Workers, nodePool("x", 1))
		}},
		"two pools share it, too small": {facts: fresh, total: 6, change: func(s *model.ClusterSpec) {
			s.Workers = append(s.Workers, nodePool("x", 1))
		}, problem: "7 are needed"},
		"a rollout with an address to spare": {facts: there, total: 6, change: larger},
		"a rollout without": {facts: there, total: 5, change: larger,
			problem: "5 addresses, 5 in use and 0 free; 1 are needed: 1 for rolling worker pool w"},
		"a rollout without, contract first": {facts: there, total: 5, strategy: model.ContractFirst, change: larger},
		"a worker more without": {facts: there, total: 6, change: func(s *model.ClusterSpec) { s.Workers[0].Count = 3 },
			problem: "2 are needed: 1 for worker pool w, 1 for rolling"},
		"a rollout to other addresses": {facts: there, total: 5, other: 3, change: moved},
		"a rollout to too few other addresses": {facts: there, total: 5, other: 2, change: moved,
			problem: "has 2 addresses, 0 in use and 2 free; 3 are needed: 2 for rolling worker pool w, 1 for rolling workers"},
		"a worker keeps its address when it is built again": {facts: unjoined, total: 5,
			warning: "1 are needed: 1 for rolling workers (expand_first). "},
		"a lost worker is replaced": {facts: lost, total: 5, warning: "1 are needed"},
		"a lost worker is replaced, and one is added": {facts: lost, total: 5, change: func(s *model.ClusterSpec) { s.Workers[0].Count = 3 },
			problem: "2 are needed: 2 for worker pool w, 1 for rolling workers (expand_first), less 1 that are released before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withCPUs(2, 2, c.strategy)
			if c.change != nil {
				c.change(s)
			}
			f := c.facts()
			l := limitsFor(s, c.total)
			change(l, poolID, func(p *model.IPPool) { p.Taken = len(f.Claims) })
			if c.other > 0 {
				l.IPPools[otherPoolID] = ipPool(otherPoolID, c.other)
			}
			p := checked(s, f, l)
			wantBudget(t, "problems", p.Problems, c.problem)
			wantBudget(t, "warnings", p.Warnings, c.warning)
		})
	}
}

// wantBudget expects one finding about an IP pool, or none.
func wantBudget(t *testing.T, what string, found []model.Finding, want string) {
	t.Helper()
	found = slices.DeleteFunc(slices.Clone(found), func(x model.Finding) bool { return !strings.Contains(x.Detail, "IP pool") })
	if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.Contains(found[0].Detail, want)) {
		t.Errorf("%s: got %v, want %q", what, found, want)
	}
}

func TestStepsAreKnownWithoutTheIPPool(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	l := limitsFor(s, 100)
	l.IPPools = nil
	p := checked(s, &model.Facts{}, l)
	if p.Empty() || p.Err() != nil {
		t.Fatalf("got %+v", p)
	}
	if len(p.MissingIPPools) != 1 || p.MissingIPPools[0].ID != poolID || p.MissingIPPools[0].Field != endpointPool {
		t.Errorf("missing %+v", p.MissingIPPools)
	}
	l.IPPools = map[uuid.UUID]model.IPPool{poolID: {ID: poolID, Damage: record.ErrNewer}}
	if p = checked(s, &model.Facts{}, l); len(p.MissingIPPools) != 1 || !errors.Is(p.MissingIPPools[0].Damage, record.ErrNewer) {
		t.Errorf("missing %+v", p.MissingIPPools)
	}
	if p = checked(s, running(1, 0), l); len(p.MissingIPPools) > 0 {
		t.Error("an IP pool that no new node uses is missing")
	}
}
