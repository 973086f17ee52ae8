package ledger_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

// rangeOf are the addresses of a pool from the one with the number first on.
func rangeOf(pool ledger.IPPool, first, n int) []netip.Addr {
	addr := pool.Start
	for range first {
		addr = addr.Next()
	}
	var addresses []netip.Addr
	for range n {
		addresses = append(addresses, addr)
		addr = addr.Next()
	}
	return addresses
}

// once carries a change out.
func once(ctx context.Context, change func(context.Context) error) error { return change(ctx) }

func ranges(cluster string) ledger.Owner {
	return ledger.Owner{Cluster: clusterID(cluster), Node: "load_balancer_pools"}
}

// TestRangesAreClaimedOnce claims a range with one call for each address, and again; nodes
// get none of its addresses after that, also with the snapshot of before.
func TestRangesAreClaimedOnce(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := nodes(t, "20")
	snap := snapshot(t, l)
	addresses := rangeOf(pool, 5, 10)
	p.Reset()
	must(t, l.ClaimRange(t.Context(), pool, ranges("prod"), addresses, snap, once))
	wantCalls(t, p, map[string]int{ledgertest.Create: 10})
	must(t, l.ClaimRange(t.Context(), pool, ranges("prod"), addresses, snapshot(t, l), once))
	if snap.Count(pool) != 10 {
		t.Errorf("the snapshot counts %d taken", snap.Count(pool))
	}
	for n := range 10 {
		if addr := claim(t, l, pool, owner("prod", n), snap); slices.Contains(addresses, addr) {
			t.Errorf("node %d got %s of the range", n, addr)
		}
	}
	_, err := l.Claim(t.Context(), pool, owner("prod", 10), snap)
	if exhausted := (*ledger.ExhaustedError)(nil); !errors.As(err, &exhausted) {
		t.Errorf("an eleventh node: %v", err)
	}
}

// TestRangeThatOthersHold is refused with who holds an address of it, and never released
// by others.
func TestRangeThatOthersHold(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "20")
	stale := snapshot(t, l)
	addresses := rangeOf(pool, 5, 10)
	must(t, l.ClaimAddress(t.Context(), pool, owner("dev", 1), addresses[3]))
	err := l.ClaimRange(t.Context(), pool, ranges("prod"), addresses, stale, once)
	if held := (*ledger.HeldError)(nil); !errors.As(err, &held) || held.Address != addresses[3] || held.Owner != owner("dev", 1) {
		t.Errorf("the range of which another cluster has an address: %v", err)
	}
	must(t, l.ReleaseRange(t.Context(), pool, addresses, ranges("prod"), once))
	snap := snapshot(t, l)
	if left := snap.Addresses(pool); !slices.Equal(left, addresses[3:4]) {
		t.Errorf("after the release %v are claimed", left)
	}
	must(t, l.ReleaseRange(t.Context(), pool, addresses, ranges("prod"), once)) // again
}

// TestReleasedRangeCoolsDown lets what comes after wait for as long as the pool says.
func TestReleasedRangeCoolsDown(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "3")
	pool.ReuseDelay = time.Hour
	addresses := rangeOf(pool, 0, 3)
	must(t, l.ClaimRange(t.Context(), pool, ranges("prod"), addresses, snapshot(t, l), once))
	must(t, l.ReleaseRange(t.Context(), pool, addresses, ranges("prod"), once))
	if _, err := l.Claim(t.Context(), pool, owner("dev", 1), snapshot(t, l)); err == nil {
		t.Error("another cluster got an address of the range at once")
	}
	if addr := claim(t, l, pool, owner("prod", 1), snapshot(t, l)); !slices.Contains(addresses, addr) {
		t.Errorf("the cluster itself got %s", addr)
	}
}

// TestRangeOverTheCap is refused as a whole.
func TestRangeOverTheCap(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	l.MaxClaims = 5
	pool := nodes(t, "20")
	snap := snapshot(t, l)
	p.Reset()
	err := l.ClaimRange(t.Context(), pool, ranges("prod"), rangeOf(pool, 0, 6), snap, once)
	if full := (*ledger.CapError)(nil); !errors.As(err, &full) {
		t.Errorf("six addresses where five tags may be: %v", err)
	}
	wantCalls(t, p, map[string]int{ledgertest.List: 1})
	must(t, l.ClaimRange(t.Context(), pool, ranges("prod"), rangeOf(pool, 0, 5), snap, once))
}

// TestRangeOfAnExcludedAddress is not claimed.
func TestRangeOfAnExcludedAddress(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	pool := nodes(t, "20")
	outside := netip.MustParseAddr("192.0.2.1")
	err := l.ClaimRange(t.Context(), pool, ranges("prod"), []netip.Addr{outside}, snapshot(t, l), once)
	if !errors.Is(err, ledger.ErrNotIssuable) {
		t.Errorf("an address that the pool does not issue: %v", err)
	}
	if err := l.ClaimRange(t.Context(), pool, ledger.Owner{Cluster: uuid.Nil}, rangeOf(pool, 0, 1), snapshot(t, l), once); err == nil {
		t.Error("an owner that is none got an address")
	}
}
