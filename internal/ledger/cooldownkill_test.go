package ledger_test

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

// TestCooldownHoldsWhereverAReleaseDies kills a release at each of its calls,
// with and without what an earlier cool-down has left: the address is claimed or
// cools down, and the next run ends it.
func TestCooldownHoldsWhereverAReleaseDies(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{false, true} {
		for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
			calls := 0
			for k, died := 1, true; died; k++ {
				store := ledgertest.NewStore()
				pool := coolingDown(t, "1")
				l, _ := join(store)
				if left {
					must(t, l.ClaimAddress(t.Context(), pool, owner("old", 1), pool.Start))
					must(t, l.Release(t.Context(), pool, pool.Start, owner("old", 1)))
					store.Advance(expiry)
				}
				must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), pool.Start))
				victim, p := join(store)
				p.Fail(ledgertest.StopAt(k, fault))
				err := victim.Release(t.Context(), pool, pool.Start, owner("prod", 1))
				if died = p.Total() >= k; died {
					calls++
				}
				if err != nil && !errors.Is(err, ledgertest.ErrDropped) {
					t.Fatal(err)
				}
				wantRefused(t, store, pool)
				next, _ := join(store)
				must(t, next.Release(t.Context(), pool, pool.Start, owner("prod", 1)))
				wantRefused(t, store, pool)
				store.Advance(expiry)
				dev, _ := join(store)
				claim(t, dev, pool, owner("dev", 1), snapshot(t, dev))
				wantTags(t, store, 1)
			}
			if calls < 4 {
				t.Errorf("only %d calls were interrupted", calls)
			}
		}
	}
}

func wantRefused(t *testing.T, store *ledgertest.Store, pool ledger.IPPool) {
	t.Helper()
	dev, _ := join(store)
	if addr, err := dev.Claim(t.Context(), pool, owner("dev", 1), snapshot(t, dev)); !errors.Is(err, ledger.ErrExhausted) {
		t.Fatalf("dev got %s (%v), want ErrExhausted", addr, err)
	}
}

// TestClaimConvergesWhereverItDies kills a claim of an address that has cooled
// down at each of its calls.
func TestClaimConvergesWhereverItDies(t *testing.T) {
	t.Parallel()
	for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
		calls := 0
		for k, died := 1, true; died; k++ {
			store := ledgertest.NewStore()
			pool := coolingDown(t, "2")
			used(t, store, pool, 2)
			store.Advance(expiry)
			victim, p := join(store)
			snap := snapshot(t, victim)
			p.Reset()
			p.Fail(ledgertest.StopAt(k, fault))
			_, err := victim.Claim(t.Context(), pool, owner("dev", 1), snap)
			if died = p.Total() >= k; died {
				calls++
			}
			if err != nil && !errors.Is(err, ledgertest.ErrDropped) {
				t.Fatal(err)
			}
			next, _ := join(store)
			snap = snapshot(t, next)
			_, err = next.OwnedBy(t.Context(), pool, snap, clusterID("dev"), func(netip.Addr) bool { return false })
			must(t, err)
			addr := claim(t, next, pool, owner("dev", 1), snap)
			if n := snapshot(t, next).Count(pool); n != 1 {
				t.Fatalf("call %d: %d addresses are claimed", k, n)
			}
			must(t, next.Release(t.Context(), pool, addr, owner("dev", 1)))
			if snap := snapshot(t, next); snap.Count(pool) != 0 || snap.CoolingDown(pool) != 2 {
				t.Fatalf("call %d: %d are claimed and %d cool down", k, snap.Count(pool), snap.CoolingDown(pool))
			}
		}
		if calls < 5 {
			t.Errorf("only %d calls were interrupted", calls)
		}
	}
}
