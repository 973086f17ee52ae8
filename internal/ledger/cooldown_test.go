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

// expiry is a little more than the delay: a cool-down is rounded up to full
// seconds.
const expiry = delay + 2*time.Second

// coolingDown is an IP pool whose released addresses cool down.
func coolingDown(t *testing.T, last string) ledger.IPPool {
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

func TestReleasedAddressCoolsDown(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := coolingDown(t, "3")
	used(t, store, pool, 3)

	other, _ := join(store)
	snap := snapshot(t, other)
	if snap.Count(pool) != 0 || snap.CoolingDown(pool) != 3 || snap.Free(pool) != 3 {
		t.Errorf("%d are taken, %d cool down, %d are free", snap.Count(pool), snap.CoolingDown(pool), snap.Free(pool))
	}
	_, err := other.Claim(t.Context(), pool, owner("dev", 1), snap)
	var full *ledger.ExhaustedError
	if !errors.As(err, &full) || full.CoolingDown != 3 || full.Next.Before(time.Now().Add(delay)) || full.Next.After(time.Now().Add(expiry)) {
		t.Fatalf("Claim from a pool that cools down: %v, want an *ExhaustedError that says until when", err)
	}
	next := "the next is available at " + full.Next.UTC().Format(time.RFC3339)
	for _, word := range []string{"cooling down after other clusters released them: 3", next} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}

	own, _ := join(store)
	claim(t, own, pool, owner("prod", 7), snapshot(t, own))
	wantTags(t, store, 3) // one claim, and two cool down

	store.Advance(expiry)
	later, p := join(store)
	snap = snapshot(t, later)
	p.Reset()
	claim(t, later, pool, owner("dev", 1), snap)
	wantCalls(t, p, map[string]int{ledgertest.Now: 1, ledgertest.Get: 2, ledgertest.Create: 1, ledgertest.Delete: 1})
	claim(t, later, pool, owner("dev", 2), snap)
	wantCalls(t, p, map[string]int{ledgertest.Create: 1, ledgertest.Delete: 1})
	if snap.CoolingDown(pool) != 0 {
		t.Errorf("%d addresses cool down", snap.CoolingDown(pool))
	}
	wantTags(t, store, 3)
}

func TestClaimsPreferWhatDoesNotCoolDown(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := coolingDown(t, "5")
	cooling := used(t, store, pool, 3)
	for _, cluster := range []string{"prod", "dev"} {
		l, p := join(store)
		snap := snapshot(t, l)
		p.Reset()
		addr := claim(t, l, pool, owner(cluster, 9), snap)
		wantCalls(t, p, map[string]int{ledgertest.Create: 1})
		for _, r := range cooling {
			if addr == r {
				t.Errorf("%s got %s, which cools down, while others do not", cluster, addr)
			}
		}
	}
	// What has expired for all is not preferred to what cools down for the cluster.
	l, _ := join(store)
	addr := claim(t, l, pool, owner("dev", 1), snapshotLater(t, store, l))
	must(t, l.Release(t.Context(), pool, addr, owner("dev", 1)))
	fresh, _ := join(store)
	snap := snapshot(t, fresh)
	if got := claim(t, fresh, pool, owner("dev", 2), snap); got != addr {
		t.Errorf("dev got %s, not its own %s", got, addr)
	}
}

// snapshotLater lets all cool-downs expire.
func snapshotLater(t *testing.T, store *ledgertest.Store, l *ledger.Ledger) *ledger.Snapshot {
	t.Helper()
	store.Advance(expiry)
	return snapshot(t, l)
}

// TestReleaseUnderALockTakesThreeCalls counts what a destroy pays for each address,
// however long it takes: each heartbeat reads vCenter's clock.
func TestReleaseUnderALockTakesThreeCalls(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		held := lock(t, l, register(t, l, record.KindCluster, "prod", "{}"), "a run")
		pool := coolingDown(t, "50")
		snap := snapshot(t, l)
		for i := range 30 {
			addr := claim(t, l, pool, owner("prod", i), snap)
			time.Sleep(time.Duration(i) * 7 * time.Second)
			must(t, held.Check(t.Context()))
			p.Reset()
			must(t, held.Check(t.Context()))
			must(t, l.Release(t.Context(), pool, addr, owner("prod", i)))
			wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Create: 1, ledgertest.Delete: 1})
		}
		must(t, held.Release(t.Context()))
	})
}

func TestCooldownCostsOneCreate(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := coolingDown(t, "9")
	snap := snapshot(t, l)
	var addrs []netip.Addr
	for n := range 3 {
		addrs = append(addrs, claim(t, l, pool, owner("prod", n), snap))
	}
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

func TestCooldownTagsDoNotPileUp(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := coolingDown(t, "250")
	used(t, store, pool, 200)
	l, p := join(store)
	snap := snapshot(t, l)
	p.Reset()
	claim(t, l, pool, owner("dev", 0), snap)
	wantCalls(t, p, map[string]int{ledgertest.Create: 1, ledgertest.Get: 2, ledgertest.Now: 1})
	if snap.CoolingDown(pool) != 200 {
		t.Errorf("%d addresses cool down: some were pruned before their time", snap.CoolingDown(pool))
	}
	store.Advance(expiry)
	l, p = join(store)
	snap = snapshot(t, l)
	for n := range 40 {
		p.Reset()
		claim(t, l, pool, owner("dev", 1+n), snap)
		if p.Total() > 6 {
			t.Errorf("a claim that prunes took %v", p.Calls())
		}
	}
	if snap.CoolingDown(pool) != 120 || snapshot(t, l).CoolingDown(pool) != 120 {
		t.Errorf("%d addresses cool down, want two less for each claim", snap.CoolingDown(pool))
	}

	// At the cap all that have expired are deleted, before a claim is refused.
	l, _ = join(store)
	l.MaxClaims = len(store.Tags())
	claim(t, l, pool, owner("dev", 50), snapshot(t, l))
	wantTags(t, store, 42)
}

func TestUnreadableCooldownHasExpired(t *testing.T) {
	t.Parallel()
	prod := clusterID("prod").String()
	for _, description := range []string{
		"", "?", `{"cluster":"` + prod + `"}`, `{"released":"never"}`, `{"cluster":"` + prod + `","released":"9999-12-31T23:59:59Z"}`,
	} {
		store := ledgertest.NewStore()
		pool := coolingDown(t, "1")
		used(t, store, pool, 1)
		must(t, store.Update(t.Context(), store.Tags()[0].ID, description))
		l, _ := join(store)
		claim(t, l, pool, owner("dev", 1), snapshot(t, l))
		wantTags(t, store, 1)
	}
}

// TestOldListIsReadAgain: what was claimed and released since would be issued
// without a cool-down.
func TestOldListIsReadAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := ledgertest.NewStore()
		pool := coolingDown(t, "1")
		l, _ := join(store)
		snap := snapshot(t, l)
		used(t, store, pool, 1)
		time.Sleep(61 * time.Second)
		if addr, err := l.Claim(t.Context(), pool, owner("dev", 1), snap); !errors.Is(err, ledger.ErrExhausted) {
			t.Errorf("dev got %s (%v), want ErrExhausted", addr, err)
		}
	})
}

func TestIPPoolTakesItsCooldownsAlong(t *testing.T) {
	t.Parallel()
	for _, shrunk := range []string{"", "10.0.0.4"} {
		store := ledgertest.NewStore()
		l, _ := join(store)
		body := `{"name":"nodes","start":"10.0.0.1","end":"%s","prefix_length":24}`
		id := register(t, l, record.KindIPPool, "nodes", fmt.Sprintf(body, "10.0.0.9"))
		pool := coolingDown(t, "9")
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

func TestIPPoolWithClaimsStays(t *testing.T) {
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
