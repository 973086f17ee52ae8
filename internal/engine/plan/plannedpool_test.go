package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// use is what another cluster of the same plan takes.
func use(addresses int) []model.IPPoolUse {
	return []model.IPPoolUse{{Ref: record.Ref{Kind: record.KindCluster, Name: "other"}, Addresses: addresses}}
}

func TestBudgetCountsWhatOthersOfThePlanTake(t *testing.T) {
	t.Parallel()
	s := small(1, 2) // with the VIP, the extra and one to roll workers: 6
	for others, want := range map[int]string{
		4: "",
		5: `IP pool "pool" has 10 addresses, 0 in use and 5 free; 6 are needed: 1 for the VIP, 1 for the extra, 1 for the control plane, ` +
			`2 for worker pool w, 1 for rolling workers (expand_first). In the same plan, cluster "other" takes 5, which are not free.`,
	} {
		l := change(limitsFor(s, 10), poolID, func(p *model.IPPool) { p.Uses = use(others) })
		p := checked(s, &model.Facts{}, l)
		wantBudget(t, "beside others", p.Problems, want)
		if uses := plan.Uses(s, &model.Facts{}, p, l); uses[poolID].Addresses != 5 {
			t.Errorf("the plan takes %v", uses)
		}
	}
	former := change(limitsFor(s, 10), poolID, func(p *model.IPPool) { p.Former = 4 })
	if uses := plan.Uses(s, &model.Facts{}, checked(s, &model.Facts{}, former), former); uses[poolID].Addresses != 1 {
		t.Errorf("beyond what it replaces, the plan takes %v", uses)
	}
	f := running(1, 2)
	if uses := plan.Uses(s, f, planned(s, f), limitsFor(s, 10)); len(uses) > 0 {
		t.Errorf("a plan without steps takes %v", uses)
	}
}

func TestCheckRefusesAnotherClusterOnARestrictedIPPool(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	for restricted, want := range map[bool]int{true: 1, false: 0} {
		l := change(limitsFor(s, 10), poolID, func(p *model.IPPool) {
			p.Record.RestrictToSingleCluster = restricted
			p.Uses = use(0)
		})
		if got := on(checked(s, &model.Facts{}, l).Problems, endpointPool); len(got) != want {
			t.Errorf("restricted %t: %v", restricted, got)
		}
	}
}

// A pool that was written after the plan was made may be another one than the plan has
// seen: its apply refuses it.
func TestCheckContestsARecentIPPool(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	for name, change := range map[string]func(*model.IPPool){
		"too small":     func(p *model.IPPool) { p.Total = 2 },
		"other network": func(p *model.IPPool) { p.Record.Network = "elsewhere" },
		"other gateway": func(p *model.IPPool) { p.GatewayID = otherCluster },
	} {
		for _, recent := range []bool{false, true} {
			l := limitsFor(s, 10)
			pool := l.IPPools[poolID]
			change(&pool)
			pool.Planned.Recent = recent
			l.IPPools[poolID] = pool
			p := checked(s, &model.Facts{}, l)
			if len(p.Problems) != 1 || p.Problems[0].Contested != recent {
				t.Errorf("%s, recent %t: %v", name, recent, p.Problems)
			}
		}
	}
}

func TestCheckDoesNotMissNameserversThatAreNotKnownYet(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	for partial, want := range map[bool]int{false: 1, true: 0} {
		l := change(limitsFor(s, 10), poolID, func(p *model.IPPool) {
			p.Record.Nameservers = nil
			p.Planned.Partial = partial
		})
		if got := checked(s, &model.Facts{}, l).Warnings; len(got) != want {
			t.Errorf("partial %t: %v", partial, got)
		}
	}
}

func TestMissingIPPoolsSayWhatBecomesOfThem(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	l := change(limitsFor(s, 10), poolID, func(p *model.IPPool) {
		p.Registered = false
		p.Planned.Fate = model.IPPoolDeleted
	})
	missing := checked(s, &model.Facts{}, l).MissingIPPools
	if len(missing) != 1 || missing[0].Fate != model.IPPoolDeleted {
		t.Errorf("missing %+v", missing)
	}
}
