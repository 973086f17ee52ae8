package ledger_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestAddressesInUseAreAvoided(t *testing.T) {
	t.Parallel()
	l, _ := join(ledgertest.NewStore())
	pool := nodes(t, "4")
	snap := snapshot(t, l)
	mine := claim(t, l, pool, owner("prod", 0), snap)
	foreign := netip.MustParseAddr("10.0.0.1")
	for foreign == mine {
		foreign = foreign.Next()
	}
	snap.Avoid(map[netip.Addr]string{
		foreign:                          "VM printer",
		mine:                             "prod-general-0", // has it claimed
		netip.MustParseAddr("192.0.2.1"): "VM elsewhere",
	})
	if len(snap.Avoided(pool)) != 0 {
		t.Errorf("%v were passed over before a claim", snap.Avoided(pool))
	}
	if snap.Free(pool) != 2 {
		t.Errorf("%d addresses are free, want 2", snap.Free(pool))
	}
	for n := range 2 {
		if got := claim(t, l, pool, owner("prod", 1+n), snap); got == foreign || got == mine {
			t.Errorf("%s was issued", got)
		}
	}
	_, err := l.Claim(t.Context(), pool, owner("prod", 3), snap)
	if !errors.Is(err, ledger.ErrExhausted) || !strings.Contains(err.Error(), "in use by machines that have not claimed them: 1") {
		t.Errorf("Claim: %v, want ErrExhausted", err)
	}
	if got := snap.Avoided(pool); len(got) != 1 || got[foreign] != "VM printer" {
		t.Errorf("%v were passed over, want %s", got, foreign)
	}
	if got := claim(t, l, pool, owner("prod", 0), snap); got != mine {
		t.Errorf("the owner of %s got %s", mine, got)
	}
}

func TestAllocationsNameOwners(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := nodes(t, "9")
	store.Advance(-72 * time.Hour) // vCenter's clock is not the local one
	lease, err := l.Lock(t.Context(), l.ID(ref(record.KindCluster, "prod")), "a test")
	must(t, err)
	snap := snapshot(t, l)
	want := map[netip.Addr]ledger.Owner{}
	for n := range 3 {
		want[claim(t, l, pool, owner("prod", n), snap)] = owner("prod", n)
	}
	must(t, lease.Release(t.Context()))
	edited := claim(t, l, pool, owner("prod", 3), snap)
	for _, tag := range store.Tags() {
		if strings.HasSuffix(tag.Name, "/"+edited.String()) {
			must(t, store.Update(t.Context(), tag.ID, "edited"))
		}
	}
	want[edited] = ledger.Owner{Cluster: ledger.UnknownCluster}
	p.Reset()
	held, err := l.Allocations(t.Context(), pool, snapshot(t, l))
	must(t, err)
	wantCalls(t, p, map[string]int{ledgertest.List: 1, ledgertest.Get: 4})
	if len(held) != len(want) {
		t.Fatalf("the allocations are %v", held)
	}
	var last netip.Addr
	for _, a := range held {
		if owner, ok := want[a.Address]; !ok || a.Owner != owner || a.Address.Compare(last) <= 0 && last.IsValid() {
			t.Errorf("%+v, want %v", a, owner)
		}
		last = a.Address
		if ago := time.Until(a.Since.Add(72 * time.Hour)).Abs(); a.Owner.Known() && ago > time.Minute {
			t.Errorf("%s is claimed since %s, which is not vCenter's time", a.Address, a.Since)
		}
	}
}

func TestPoolIsReservedForItsOnlyHolder(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	id := register(t, l, record.KindIPPool, "nodes", poolBody)
	pool := nodes(t, "9")
	if by, err := l.ReservedBy(t.Context(), id); err != nil || by != uuid.Nil {
		t.Errorf("the pool is reserved by %s (%v)", by, err)
	}
	snap := snapshot(t, l)
	claim(t, l, pool, owner("prod", 1), snap)
	other := claim(t, l, pool, owner("dev", 1), snap)
	err := l.Reserve(t.Context(), id, clusterID("prod"))
	var reserved *ledger.ReservedError
	if !errors.As(err, &reserved) || !errors.Is(err, ledger.ErrReserved) || reserved.Cluster != clusterID("dev") || reserved.Since.IsZero() {
		t.Fatalf("Reserve with another holder: %v, want a *ReservedError", err)
	}
	if by, err := l.ReservedBy(t.Context(), id); err != nil || by != uuid.Nil {
		t.Errorf("after a refusal the pool is reserved by %s (%v)", by, err)
	}
	must(t, l.Release(t.Context(), pool, other, owner("dev", 1)))
	must(t, l.Reserve(t.Context(), id, clusterID("prod")))
	must(t, l.Reserve(t.Context(), id, clusterID("prod")))
	if err := l.Reserve(t.Context(), id, clusterID("dev")); !errors.Is(err, ledger.ErrReserved) {
		t.Errorf("Reserve of a reserved pool: %v, want ErrReserved", err)
	}
	if by, err := l.ReservedBy(t.Context(), id); err != nil || by != clusterID("prod") {
		t.Errorf("the pool is reserved by %s (%v)", by, err)
	}
	pool.SingleCluster = true
	if _, err := l.Claim(t.Context(), pool, owner("dev", 1), snapshot(t, l)); !errors.Is(err, ledger.ErrReserved) {
		t.Errorf("Claim from a reserved pool: %v, want ErrReserved", err)
	}
	// Its description is edited.
	for _, tag := range store.Tags() {
		if strings.HasSuffix(tag.Name, "/!cluster") {
			must(t, store.Update(t.Context(), tag.ID, "edited"))
		}
	}
	if by, err := l.ReservedBy(t.Context(), id); err != nil || by != ledger.UnknownCluster {
		t.Errorf("the pool is reserved by %s (%v)", by, err)
	}
	if _, err := l.Claim(t.Context(), pool, owner("prod", 2), snapshot(t, l)); !errors.Is(err, ledger.ErrReserved) {
		t.Errorf("Claim from a pool reserved for an unknown cluster: %v, want ErrReserved", err)
	}
}

// TestOfTwoClustersOneGetsThePool lets the other one come between any two calls
// of the first.
func TestOfTwoClustersOneGetsThePool(t *testing.T) {
	t.Parallel()
	for k := 1; k < 8; k++ {
		for _, holds := range []bool{false, true} {
			store := ledgertest.NewStore()
			l, _ := join(store)
			id := register(t, l, record.KindIPPool, "nodes", poolBody)
			pool := nodes(t, "9")
			pool.SingleCluster = holds
			var second error
			first, p := join(store)
			p.Fail(at(k, func() {
				if second = l.Reserve(t.Context(), id, clusterID("dev")); second == nil {
					_, second = l.Claim(t.Context(), pool, owner("dev", 1), snapshot(t, l))
				}
			}))
			err := first.Reserve(t.Context(), id, clusterID("prod"))
			if k <= p.Total() && (err == nil) == (second == nil) {
				t.Errorf("call %d: the first got %v, the second %v", k, err, second)
			}
			by, rerr := l.ReservedBy(t.Context(), id)
			must(t, rerr)
			if err == nil && by != clusterID("prod") || err != nil && by == clusterID("prod") {
				t.Errorf("call %d: Reserve answered %v, and the pool is reserved by %s", k, err, by)
			}
		}
	}
}

// TestReservationGoesWithTheLastClaim kills the step at each of its calls.
func TestReservationGoesWithTheLastClaim(t *testing.T) {
	t.Parallel()
	pool := nodes(t, "9")
	pool.SingleCluster = true
	for _, fault := range []ledgertest.Fault{ledgertest.Before, ledgertest.After} {
		for k, died := 1, true; died; k++ {
			store := ledgertest.NewStore()
			l, _ := join(store)
			addr := claim(t, l, pool, owner("prod", 1), snapshot(t, l))
			must(t, l.ReleaseIfUnused(t.Context(), pool, clusterID("prod")))
			wantTags(t, store, 2)
			must(t, l.Release(t.Context(), pool, addr, owner("prod", 1)))
			must(t, l.ReleaseIfUnused(t.Context(), pool, clusterID("dev"))) // not its own
			wantTags(t, store, 1)
			victim, p := join(store)
			p.Fail(ledgertest.StopAt(k, fault))
			err := victim.ReleaseIfUnused(t.Context(), pool, clusterID("prod"))
			if died = p.Total() >= k; err != nil && !died {
				t.Fatal(err)
			}
			must(t, l.ReleaseIfUnused(t.Context(), pool, clusterID("prod")))
			wantTags(t, store, 0)
		}
	}
}
