package ledger_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

func owner(cluster string, n int) ledger.Owner {
	return ledger.Owner{Cluster: clusterID(cluster), Node: fmt.Sprintf("%s-general-%d", cluster, n)}
}

func claim(t *testing.T, l *ledger.Ledger, pool ledger.IPPool, o ledger.Owner, snap *ledger.Snapshot) netip.Addr {
	t.Helper()
	addr, err := l.Claim(t.Context(), pool, o, snap)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestSnapshotIsOneListAndAClaimOneCreate(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := nodes(t, "50")
	snap := snapshot(t, l)
	wantCalls(t, p, map[string]int{ledgertest.List: 1})
	var last netip.Addr
	for n := range 20 {
		addr := claim(t, l, pool, owner("prod", n), snap)
		if next := last.Next(); last.IsValid() && addr != next && addr != pool.Start {
			t.Errorf("%s follows %s", addr, last)
		}
		last = addr
	}
	wantCalls(t, p, map[string]int{ledgertest.Create: 20})
	if snap.Count(pool) != 20 || snap.Free(pool) != 30 || !snap.Has(pool.ID, last) {
		t.Errorf("the snapshot counts %d taken and %d free", snap.Count(pool), snap.Free(pool))
	}
	if again := snapshot(t, l); again.Count(pool) != 20 {
		t.Errorf("a new snapshot counts %d", again.Count(pool))
	}
}

func TestClaimingAgainReturnsTheSameAddress(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "50")
	l, p := join(store)
	snap := snapshot(t, l)
	others := claim(t, l, pool, owner("prod", 1), snap)
	want := claim(t, l, pool, owner("prod", 2), snap)
	if got := claim(t, l, pool, owner("prod", 2), snap); got != want {
		t.Errorf("the second claim of the same run got %s, want %s", got, want)
	}
	must(t, l.Release(t.Context(), pool, others, owner("prod", 1)))

	// Another run, which calls OwnedBy first. The lower address is free by now.
	snap = snapshot(t, l)
	_, err := l.OwnedBy(t.Context(), pool, snap, clusterID("prod"), func(netip.Addr) bool { return false })
	must(t, err)
	p.Reset()
	if got := claim(t, l, pool, owner("prod", 2), snap); got != want {
		t.Errorf("the claim of a later run got %s, want %s", got, want)
	}
	wantCalls(t, p, map[string]int{ledgertest.Create: 1, ledgertest.Get: 1})

	// A third, which has read it from the machine's marker.
	snap = snapshot(t, l)
	snap.Learn(pool.ID, want, owner("prod", 2))
	if got := claim(t, l, pool, owner("prod", 2), snap); got != want {
		t.Errorf("the claim after a marker got %s, want %s", got, want)
	}

	// The snapshot still knows the address after it was given back; it must be
	// claimed anew, and only if no other owner has.
	must(t, l.Release(t.Context(), pool, want, owner("prod", 2)))
	if got := claim(t, l, pool, owner("prod", 2), snap); got != want {
		t.Errorf("the claim after a release got %s, want %s", got, want)
	}
	if holder, err := l.Holder(t.Context(), pool.ID, want); err != nil || holder != owner("prod", 2) {
		t.Errorf("%s is held by %v (%v)", want, holder, err)
	}
	must(t, l.Release(t.Context(), pool, want, owner("prod", 2)))
	must(t, l.ClaimAddress(t.Context(), pool, owner("other", 1), want))
	if got := claim(t, l, pool, owner("prod", 2), snap); got == want {
		t.Errorf("%s was issued, although another owner has it", got)
	}
}

func TestOwnerComesBackToAClaimInDoubt(t *testing.T) {
	t.Parallel()
	l, p := join(ledgertest.NewStore())
	pool := nodes(t, "50")
	snap := snapshot(t, l)
	p.Reset()
	p.Fail(ledgertest.DropAt(1, ledgertest.After))
	if _, err := l.Claim(t.Context(), pool, owner("prod", 1), snap); !errors.Is(err, ledgertest.ErrDropped) {
		t.Fatalf("Claim: %v, want ErrDropped", err)
	}
	// The snapshot is refreshed before the owner comes back, and shows the address
	// as claimed.
	l.MaxClaims = 0
	if _, err := l.Claim(t.Context(), pool, owner("prod", 2), snap); !errors.Is(err, ledger.ErrCap) {
		t.Fatalf("Claim: %v, want ErrCap", err)
	}
	l.MaxClaims = ledger.DefaultMaxClaims
	want := snap.Addresses(pool)
	if got := claim(t, l, pool, owner("prod", 1), snap); len(want) != 1 || got != want[0] {
		t.Errorf("the owner got %s, and holds %v", got, want)
	}
}

func TestExcludedAddressIsKeptByItsOwnerAndNotIssuedAnew(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	pool := nodes(t, "50")
	snap := snapshot(t, l)
	addr := claim(t, l, pool, owner("prod", 1), snap)
	pool.Excluded = append(pool.Excluded, pool.Range())
	pool.Excluded[0].Start, pool.Excluded[0].End = addr, addr
	if got := claim(t, l, pool, owner("prod", 1), snap); got != addr {
		t.Errorf("the owner got %s, and holds %s", got, addr)
	}
	must(t, l.Release(t.Context(), pool, addr, owner("prod", 1)))
	if got := claim(t, l, pool, owner("prod", 1), snap); got == addr {
		t.Errorf("the excluded %s was issued", got)
	}
	if err := l.ClaimAddress(t.Context(), pool, owner("prod", 3), addr); !errors.Is(err, ledger.ErrNotIssuable) {
		t.Errorf("ClaimAddress of an excluded address: %v, want ErrNotIssuable", err)
	}
}

func TestExhaustedPoolNamesItsHolders(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "5")
	a, _ := join(store)
	snap := snapshot(t, a)
	for n := range 3 {
		claim(t, a, pool, owner("prod", n), snap)
	}
	b, _ := join(store)
	stale := snapshot(t, b)
	first := claim(t, a, pool, owner("test", 1), snap)
	claim(t, a, pool, owner("test", 2), snap)

	_, err := b.Claim(t.Context(), pool, owner("dev", 1), stale)
	var full *ledger.ExhaustedError
	if !errors.As(err, &full) || !errors.Is(err, ledger.ErrExhausted) {
		t.Fatalf("Claim from a full pool: %v, want an *ExhaustedError", err)
	}
	// b knows what it came across; the others are unknown to it.
	if full.IPPool != "nodes" || full.Total != 5 || full.Free != 0 ||
		full.Holders[clusterID("test")] != 2 || full.Holders[ledger.UnknownCluster] != 3 {
		t.Errorf("the error is %+v", full)
	}
	for _, word := range []string{`"nodes"`, "0 of 5", "cluster " + clusterID("test").String() + " holds 2", "others hold 3"} {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %s: %v", word, err)
		}
	}

	// What was released in the meantime is found without a new snapshot.
	must(t, a.Release(t.Context(), pool, first, owner("test", 1)))
	if got := claim(t, b, pool, owner("dev", 1), stale); got != first {
		t.Errorf("%s was claimed, want %s", got, first)
	}
}

func TestClaimsAreCapped(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	l.MaxClaims = 2
	pool := nodes(t, "50")
	snap := snapshot(t, l)
	first := claim(t, l, pool, owner("prod", 1), snap)
	claim(t, l, pool, owner("prod", 2), snap)
	_, err := l.Claim(t.Context(), pool, owner("prod", 3), snap)
	var full *ledger.CapError
	if !errors.As(err, &full) || !errors.Is(err, ledger.ErrCap) || full.Live != 2 || full.Cap != 2 {
		t.Fatalf("Claim beyond the cap: %v, want a *CapError", err)
	}
	if got := claim(t, l, pool, owner("prod", 1), snap); got != first {
		t.Errorf("at the cap the owner of %s got %s", first, got)
	}
	must(t, l.Release(t.Context(), pool, first, owner("prod", 1)))
	claim(t, l, pool, owner("prod", 3), snap)
}

func TestOneAddressIsClaimedByOneOwner(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	pool := nodes(t, "50")
	vip := netip.MustParseAddr("10.0.0.7")
	must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), vip))
	must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), vip))
	err := l.ClaimAddress(t.Context(), pool, owner("prod", 2), vip)
	var held *ledger.HeldError
	if !errors.As(err, &held) || !errors.Is(err, ledger.ErrExists) {
		t.Fatalf("ClaimAddress of a held address: %v, want a *HeldError", err)
	}
	if held.Owner != owner("prod", 1) || held.Address != vip || held.Since.IsZero() {
		t.Errorf("the error is %+v", held)
	}
	for _, outside := range []string{"10.0.0.51", "10.0.0.0", "::1"} {
		if err := l.ClaimAddress(t.Context(), pool, owner("prod", 1), netip.MustParseAddr(outside)); !errors.Is(err, ledger.ErrNotIssuable) {
			t.Errorf("ClaimAddress(%s): %v, want ErrNotIssuable", outside, err)
		}
	}
}

func TestClaimsNeedAnOwnerThatFits(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "50")
	snap := snapshot(t, l)
	prod := clusterID("prod")
	for _, o := range []ledger.Owner{
		{}, {Cluster: prod}, {Node: "prod-1"}, {Cluster: ledger.UnknownCluster, Node: "prod-1"}, {Cluster: prod, Node: strings.Repeat("x", 250)},
	} {
		if addr, err := l.Claim(t.Context(), pool, o, snap); err == nil {
			t.Errorf("%+v got %s", o, addr)
		}
	}
	wantTags(t, store, 0)
	longest := ledger.Owner{Cluster: uuid.New(), Node: strings.Repeat("x", 63)}
	claim(t, l, pool, longest, snap)
}
