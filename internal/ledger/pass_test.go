package ledger_test

import (
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

// An address goes from one node of a cluster to another without ever being free.
func TestPassedAddressHasAnotherOwner(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "50")
	l, p := join(store)
	snap := snapshot(t, l)
	addr := claim(t, l, pool, owner("prod", 1), snap)
	p.Reset()
	for range 2 { // done again, it is success
		must(t, l.Pass(t.Context(), pool, addr, owner("prod", 2), snap))
	}
	wantCalls(t, p, map[string]int{ledgertest.Get: 2, ledgertest.Update: 1})
	if holder, err := l.Holder(t.Context(), pool.ID, addr); err != nil || holder != owner("prod", 2) {
		t.Errorf("%s is held by %v (%v)", addr, holder, err)
	}
	if again := claim(t, l, pool, owner("prod", 2), snap); again != addr {
		t.Errorf("its new owner is given %s, too", again)
	}
	if other := claim(t, l, pool, owner("prod", 1), snap); other == addr {
		t.Error("its former owner is given it again")
	}
}

func TestAddressOfAnotherClusterIsNotPassed(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "50")
	other, _ := join(store)
	addr := claim(t, other, pool, owner("dev", 1), snapshot(t, other))
	l, _ := join(store)
	var held *ledger.HeldError
	if err := l.Pass(t.Context(), pool, addr, owner("prod", 1), snapshot(t, l)); !errors.As(err, &held) || held.Owner != owner("dev", 1) {
		t.Errorf("got %v", err)
	}
	// One whose tag was deleted is claimed, as it is in use.
	must(t, other.Release(t.Context(), pool, addr, owner("dev", 1)))
	must(t, l.Pass(t.Context(), pool, addr, owner("prod", 1), snapshot(t, l)))
}

func TestPassThatWasStoppedLooksAgain(t *testing.T) {
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
		l, _ := join(conn)
		snap := snapshot(t, l)
		conn.arm.Store(true)
		if err := l.Pass(t.Context(), pool, addr, owner("prod", 2), snap); !errors.Is(err, ledger.ErrExists) {
			t.Errorf("Pass: %v, want a *HeldError", err)
		}
		if holder, err := other.Holder(t.Context(), pool.ID, addr); err != nil || holder != owner("dev", 1) {
			t.Errorf("%s is held by %v (%v)", addr, holder, err)
		}
	})
}
