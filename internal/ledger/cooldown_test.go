package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

const delay = 5 * time.Minute

// over is a little more than the delay: a rest is rounded up to full seconds.
const over = delay + 2*time.Second

func resting(t *testing.T, last string) ledger.IPPool {
	t.Helper()
	pool := nodes(t, last)
	pool.ReuseDelay = delay
	return pool
}

// used claims the first n addresses that prod gets, and releases them.
func used(t *testing.T, store ledger.Store, pool ledger.IPPool, n int) []netip.Addr {
	t.Helper()
	l, _ := join(store)
	snap := snapshot(t, l)
	var all []netip.Addr
	for i := range n {
		all = append(all, claim(t, l, pool, owner("prod", i), snap))
	}
	for i, addr := range all {
		must(t, l.Release(t.Context(), pool, addr, owner("prod", i)))
	}
	return all
}

func TestReleasedAddressRests(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := resting(t, "3")
	used(t, store, pool, 3)

	other, _ := join(store)
	snap := snapshot(t, other)
	if snap.Count(pool) != 0 || snap.CoolingDown(pool) != 3 || snap.Free(pool) != 3 {
		t.Errorf("%d are taken, %d rest, %d are free", snap.Count(pool), snap.CoolingDown(pool), snap.Free(pool))
	}
	_, err := other.Claim(t.Context(), pool, owner("dev", 1), snap)
	var full *ledger.ExhaustedError
	if !errors.As(err, &full) || full.CoolingDown != 3 || full.Next.Before(time.Now().Add(delay)) || full.Next.After(time.Now().Add(over)) {
		t.Fatalf("Claim from a pool that rests: %v, want an *ExhaustedError that says until when", err)
	}
	for _, word := range []string{"3 cool down after other clusters released them", "the next is available at " + full.Next.UTC().Format(time.RFC3339)} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}

	own, _ := join(store)
	claim(t, own, pool, owner("prod", 7), snapshot(t, own))
	wantTags(t, store, 3) // one claim, and two rest

	store.Advance(over)
	later, p := join(store)
	snap = snapshot(t, later)
	p.Reset()
	claim(t, later, pool, owner("dev", 1), snap)
	wantCalls(t, p, map[string]int{ledgertest.Now: 1, ledgertest.Get: 2, ledgertest.Create: 1, ledgertest.Delete: 1})
	claim(t, later, pool, owner("dev", 2), snap)
	wantCalls(t, p, map[string]int{ledgertest.Create: 1, ledgertest.Delete: 1})
	if snap.CoolingDown(pool) != 0 {
		t.Errorf("%d addresses rest", snap.CoolingDown(pool))
	}
	wantTags(t, store, 3)
}

func TestClaimsPreferWhatDoesNotRest(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := resting(t, "5")
	rested := used(t, store, pool, 3)
	for _, cluster := range []string{"prod", "dev"} {
		l, p := join(store)
		snap := snapshot(t, l)
		p.Reset()
		addr := claim(t, l, pool, owner(cluster, 9), snap)
		wantCalls(t, p, map[string]int{ledgertest.Create: 1})
		for _, r := range rested {
			if addr == r {
				t.Errorf("%s got %s, which rests, while others do not", cluster, addr)
			}
		}
	}
	// What is over for all is not preferred to what rests for the cluster.
	l, _ := join(store)
	addr := claim(t, l, pool, owner("dev", 1), storeLater(t, store, l))
	must(t, l.Release(t.Context(), pool, addr, owner("dev", 1)))
	fresh, _ := join(store)
	snap := snapshot(t, fresh)
	if got := claim(t, fresh, pool, owner("dev", 2), snap); got != addr {
		t.Errorf("dev got %s, not its own %s", got, addr)
	}
}

// storeLater lets the rests that there are be over.
func storeLater(t *testing.T, store *ledgertest.Store, l *ledger.Ledger) *ledger.Snapshot {
	t.Helper()
	store.Advance(over)
	return snapshot(t, l)
}

func TestRestCostsOneCreate(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := resting(t, "9")
	snap := snapshot(t, l)
	addrs := []netip.Addr{claim(t, l, pool, owner("prod", 0), snap), claim(t, l, pool, owner("prod", 1), snap), claim(t, l, pool, owner("prod", 2), snap)}
	p.Reset()
	must(t, l.Release(t.Context(), pool, addrs[0], owner("prod", 0)))
	wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Now: 1, ledgertest.Create: 1, ledgertest.Delete: 1})
	must(t, l.Release(t.Context(), pool, addrs[1], owner("prod", 1)))
	wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Create: 1, ledgertest.Delete: 1})
	pool.ReuseDelay = 0
	must(t, l.Release(t.Context(), pool, addrs[2], owner("prod", 2)))
	wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Delete: 1})
	wantTags(t, store, 2)
}

// TestRestHoldsWhereverAReleaseDies kills a release at each of its calls, with
// and without what an earlier rest has left: the address is claimed or rests,
// and the next run ends it.
func TestRestHoldsWhereverAReleaseDies(t *testing.T) {
	t.Parallel()
	for _, left := range []bool{false, true} {
		for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
			calls := 0
			for k, died := 1, true; died; k++ {
				store := ledgertest.NewStore()
				pool := resting(t, "1")
				l, _ := join(store)
				if left {
					must(t, l.ClaimAddress(t.Context(), pool, owner("old", 1), pool.Start))
					must(t, l.Release(t.Context(), pool, pool.Start, owner("old", 1)))
					store.Advance(over)
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
				store.Advance(over)
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

// TestClaimConvergesWhereverItDies kills a claim of an address that has rested
// at each of its calls.
func TestClaimConvergesWhereverItDies(t *testing.T) {
	t.Parallel()
	for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
		calls := 0
		for k, died := 1, true; died; k++ {
			store := ledgertest.NewStore()
			pool := resting(t, "2")
			used(t, store, pool, 2)
			store.Advance(over)
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
				t.Fatalf("call %d: %d are claimed and %d rest", k, snap.Count(pool), snap.CoolingDown(pool))
			}
		}
		if calls < 5 {
			t.Errorf("only %d calls were interrupted", calls)
		}
	}
}

func TestRestTagsDoNotPileUp(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := resting(t, "250")
	used(t, store, pool, 200)
	l, p := join(store)
	snap := snapshot(t, l)
	p.Reset()
	claim(t, l, pool, owner("dev", 0), snap)
	wantCalls(t, p, map[string]int{ledgertest.Create: 1, ledgertest.Get: 2, ledgertest.Now: 1})
	if snap.CoolingDown(pool) != 200 {
		t.Errorf("%d addresses rest: some were swept before their time", snap.CoolingDown(pool))
	}
	store.Advance(over)
	l, p = join(store)
	snap = snapshot(t, l)
	for n := range 40 {
		p.Reset()
		claim(t, l, pool, owner("dev", 1+n), snap)
		if p.Total() > 6 {
			t.Errorf("a claim that tidies up took %v", p.Calls())
		}
	}
	if snap.CoolingDown(pool) != 120 || snapshot(t, l).CoolingDown(pool) != 120 {
		t.Errorf("%d addresses rest, want two less for each claim", snap.CoolingDown(pool))
	}

	// At the cap all that are over go, before a claim is refused.
	l, _ = join(store)
	l.MaxClaims = len(store.Tags())
	claim(t, l, pool, owner("dev", 50), snapshot(t, l))
	wantTags(t, store, 42)
}

func TestUnreadableRestIsOver(t *testing.T) {
	t.Parallel()
	for _, description := range []string{"", "?", `{"cluster":"prod"}`, `{"released":"never"}`, `{"cluster":"prod","released":"9999-12-31T23:59:59Z"}`} {
		store := ledgertest.NewStore()
		pool := resting(t, "1")
		used(t, store, pool, 1)
		must(t, store.Update(t.Context(), store.Tags()[0].ID, description))
		l, _ := join(store)
		claim(t, l, pool, owner("dev", 1), snapshot(t, l))
		wantTags(t, store, 1)
	}
}

// TestOldListIsReadAgain: what was claimed and released since would be handed
// out without a rest.
func TestOldListIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := ledgertest.NewStore()
		pool := resting(t, "1")
		l, _ := join(store)
		snap := snapshot(t, l)
		used(t, store, pool, 1)
		time.Sleep(61 * time.Second)
		if addr, err := l.Claim(t.Context(), pool, owner("dev", 1), snap); !errors.Is(err, ledger.ErrExhausted) {
			t.Errorf("dev got %s (%v), want ErrExhausted", addr, err)
		}
	})
}

func TestPoolTakesItsRestsAlong(t *testing.T) {
	t.Parallel()
	for _, shrunk := range []string{"", "10.0.0.4"} {
		store := ledgertest.NewStore()
		l, _ := join(store)
		body := `{"name":"nodes","start":"10.0.0.1","end":"%s","prefix_length":24}`
		id := register(t, l, record.KindIPPool, "nodes", fmt.Sprintf(body, "10.0.0.9"))
		pool := resting(t, "9")
		used(t, store, pool, 9)
		want := 9
		if shrunk != "" {
			must(t, l.UpdateRecord(t.Context(), id, fmt.Appendf(nil, body, shrunk)))
			want = 4
		}
		wantTags(t, store, 2+want)
		must(t, l.Unregister(t.Context(), id))
		wantTags(t, store, 0)
	}
}

func TestPoolWithClaimsStays(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	id := register(t, l, record.KindIPPool, "nodes", `{"name":"nodes","start":"10.0.0.1","end":"10.0.0.9","prefix_length":24}`)
	pool := nodes(t, "9")
	addr := claim(t, l, pool, owner("prod", 1), snapshot(t, l))
	err := l.Unregister(context.Background(), id)
	if !errors.Is(err, ledger.ErrInUse) || !strings.Contains(err.Error(), addr.String()) {
		t.Fatalf("Unregister of a pool with a claim: %v, want ErrInUse", err)
	}
	if _, err := l.Record(t.Context(), id); err != nil {
		t.Error(err)
	}
}
