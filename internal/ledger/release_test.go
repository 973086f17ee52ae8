package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

func TestAddressThatIsReleasedWhileItsHolderIsReadIsClaimed(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "50")
	other, _ := join(store)
	addr := netip.MustParseAddr("10.0.0.7")
	must(t, other.ClaimAddress(t.Context(), pool, owner("dev", 1), addr))
	l, p := join(store)
	p.Fail(func(ctx context.Context, call ledgertest.Call) ledgertest.Fault {
		if call.Method == ledgertest.Get {
			must(t, other.Release(ctx, pool, addr, owner("dev", 1)))
		}
		return ledgertest.None
	})
	must(t, l.ClaimAddress(t.Context(), pool, owner("prod", 1), addr))
	if holder, err := other.Holder(t.Context(), pool.ID, addr); err != nil || holder != owner("prod", 1) {
		t.Errorf("%s is held by %v (%v)", addr, holder, err)
	}
}

func TestRestrictedPoolHasOneCluster(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "50")
	pool.SingleCluster = true
	l, p := join(store)
	snap := snapshot(t, l)
	p.Reset()
	addr := claim(t, l, pool, owner("prod", 1), snap)
	claim(t, l, pool, owner("prod", 2), snap)
	wantCalls(t, p, map[string]int{ledgertest.Create: 3})

	var reserved *ledger.ReservedError
	if _, err := l.Claim(t.Context(), pool, owner("dev", 1), snap); !errors.As(err, &reserved) {
		t.Fatalf("Claim by another cluster: %v, want a *ReservedError", err)
	}
	if reserved.Cluster != clusterID("prod") || reserved.IPPool != "nodes" || reserved.Since.IsZero() {
		t.Errorf("the error is %+v", reserved)
	}
	if err := l.ClaimAddress(t.Context(), pool, owner("dev", 1), addr.Next().Next().Next()); !errors.Is(err, ledger.ErrReserved) {
		t.Errorf("ClaimAddress by another cluster: %v, want ErrReserved", err)
	}
	must(t, l.ReleaseReservation(t.Context(), pool.ID, clusterID("dev"))) // not its own
	if cluster, _, err := l.Reservation(t.Context(), pool.ID); err != nil || cluster != clusterID("prod") {
		t.Errorf("the pool is reserved for %q (%v)", cluster, err)
	}
	must(t, l.ReleaseReservation(t.Context(), pool.ID, clusterID("prod")))
	must(t, l.ReleaseReservation(t.Context(), pool.ID, clusterID("prod")))
	claim(t, l, pool, owner("dev", 1), snapshot(t, l))
}

func TestManyClustersWantARestrictedPoolAndOneGetsIt(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "50")
	pool.SingleCluster = true
	var mu sync.Mutex
	winners := map[string]bool{}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			cluster := fmt.Sprint("cluster", i/2)
			l, _ := join(store)
			snap, err := l.Snapshot(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			switch _, err := l.Claim(t.Context(), pool, owner(cluster, i), snap); {
			case err == nil:
				mu.Lock()
				winners[cluster] = true
				mu.Unlock()
			case !errors.Is(err, ledger.ErrReserved):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(winners) != 1 {
		t.Errorf("the pool is reserved for %v", winners)
	}
}

func TestReleaseDeletesOnlyTheOwnersClaim(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := nodes(t, "50")
	addr := claim(t, l, pool, owner("prod", 1), snapshot(t, l))
	var held *ledger.HeldError
	if err := l.Release(t.Context(), pool, addr, owner("prod", 2)); !errors.As(err, &held) || held.Owner != owner("prod", 1) {
		t.Fatalf("Release of another owner's address: %v, want a *HeldError", err)
	}
	wantTags(t, store, 1)
	p.Reset()
	must(t, l.Release(t.Context(), pool, addr, owner("prod", 1)))
	wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Delete: 1})
	must(t, l.Release(t.Context(), pool, addr, owner("prod", 1)))
	wantTags(t, store, 0)
	if _, err := l.Holder(t.Context(), pool.ID, addr); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("Holder of a free address: %v, want ErrNotFound", err)
	}
}

func TestReleaseThatWasStoppedLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := ledgertest.NewStore()
		pool := nodes(t, "50")
		other, _ := join(store)
		addr := netip.MustParseAddr("10.0.0.7")
		must(t, other.ClaimAddress(t.Context(), pool, owner("prod", 1), addr))
		conn := &stalled{Store: store, stop: func() {
			// Its successor has cleaned up, and the address has a new owner.
			time.Sleep(time.Minute)
			must(t, other.Release(t.Context(), pool, addr, owner("prod", 1)))
			must(t, other.ClaimAddress(t.Context(), pool, owner("dev", 1), addr))
		}}
		conn.arm.Store(true)
		l, _ := join(conn)
		if err := l.Release(t.Context(), pool, addr, owner("prod", 1)); !errors.Is(err, ledger.ErrExists) {
			t.Errorf("Release: %v, want a *HeldError", err)
		}
		if holder, err := other.Holder(t.Context(), pool.ID, addr); err != nil || holder != owner("dev", 1) {
			t.Errorf("%s is held by %v (%v)", addr, holder, err)
		}
	})
}

// veiled hides a tag from reading, as permissions do.
type veiled struct {
	ledger.Store
	hidden map[uuid.UUID]bool
}

func (v veiled) Get(ctx context.Context, id uuid.UUID) (ledger.Tag, error) {
	if v.hidden[id] {
		return ledger.Tag{}, ledger.ErrNotFound
	}
	return v.Store.Get(ctx, id)
}

func (v veiled) List(ctx context.Context) ([]uuid.UUID, error) {
	ids, err := v.Store.List(ctx)
	var seen []uuid.UUID
	for _, id := range ids {
		if !v.hidden[id] {
			seen = append(seen, id)
		}
	}
	return seen, err
}

func TestAddressWhoseTagMayNotBeReadIsTaken(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "3")
	other, _ := join(store)
	must(t, other.ClaimAddress(t.Context(), pool, owner("dev", 1), netip.MustParseAddr("10.0.0.2")))
	conn := veiled{Store: store, hidden: map[uuid.UUID]bool{store.Tags()[0].ID: true}}
	l, _ := join(conn)
	snap := snapshot(t, l)
	got := map[netip.Addr]bool{}
	for n := range 2 {
		got[claim(t, l, pool, owner("prod", n), snap)] = true
	}
	if got[netip.MustParseAddr("10.0.0.2")] || len(got) != 2 {
		t.Errorf("the claims are %v", got)
	}
	if _, err := l.Claim(t.Context(), pool, owner("prod", 3), snap); !errors.Is(err, ledger.ErrExhausted) {
		t.Errorf("Claim: %v, want ErrExhausted", err)
	}
}

func TestOwnedByReadsOnlyWhatIsNotAccountedFor(t *testing.T) {
	t.Parallel()
	l, p := join(ledgertest.NewStore())
	pool := nodes(t, "50")
	snap := snapshot(t, l)
	known := map[netip.Addr]bool{}
	var stray netip.Addr
	for n := range 10 {
		stray = claim(t, l, pool, owner("prod", n), snap)
		known[stray] = n < 9
		claim(t, l, pool, owner("dev", n), snap)
	}
	for _, addr := range snap.Addresses(pool) {
		if o, err := l.Holder(t.Context(), pool.ID, addr); err != nil || o.Cluster == clusterID("dev") {
			known[addr] = o.Node != owner("dev", 0).Node
		}
	}
	snap = snapshot(t, l)
	p.Reset()
	held, err := l.OwnedBy(t.Context(), pool, snap, clusterID("prod"), func(a netip.Addr) bool { return known[a] })
	must(t, err)
	wantCalls(t, p, map[string]int{ledgertest.Get: 2})
	if len(held) != 1 || held[stray] != owner("prod", 9) {
		t.Errorf("OwnedBy returned %v, want %s", held, stray)
	}
}
