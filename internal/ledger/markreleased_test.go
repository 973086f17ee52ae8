package ledger_test

import (
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

// TestReleasedAddressIsIssuedAgain moves a cluster that fills its pool from
// node to node, with and without a cool-down: each new node gets the address that the
// run has just released, although a VM was seen on it.
func TestReleasedAddressIsIssuedAgain(t *testing.T) {
	t.Parallel()
	for name, pool := range map[string]func(*testing.T, string) ledger.IPPool{"at once": nodes, "after a cool-down": coolingDown} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, pool := ledgertest.NewStore(), pool(t, "2")
			l, _ := join(store)
			snap := snapshot(t, l)
			addr := claim(t, l, pool, owner("prod", 1), snap)
			claim(t, l, pool, owner("prod", 100), snap)
			for i := range 3 {
				snap.Avoid(map[netip.Addr]string{addr: "the VM that had it"})
				must(t, l.Release(t.Context(), pool, addr, owner("prod", i+1)))
				snap.MarkReleased(pool, addr, owner("prod", i+1), "the VM that had it")
				if snap.Free(pool) != 1 {
					t.Fatalf("%d are free, not the one that was released", snap.Free(pool))
				}
				if got := claim(t, l, pool, owner("prod", i+2), snap); got != addr {
					t.Fatalf("got %s, not %s", got, addr)
				}
			}
			if passed := snap.Avoided(pool); len(passed) > 0 {
				t.Errorf("skipped %v", passed)
			}
		})
	}
}

// TestReleasedAddressOfAnotherUserIsAvoided releases an address that a VM of others has
// taken: it is not issued.
func TestReleasedAddressOfAnotherUserIsAvoided(t *testing.T) {
	t.Parallel()
	pool := nodes(t, "2")
	l, _ := join(ledgertest.NewStore())
	snap := snapshot(t, l)
	addr := claim(t, l, pool, owner("prod", 1), snap)
	snap.Avoid(map[netip.Addr]string{addr: "/dc-1/vm/foreign"})
	must(t, l.Release(t.Context(), pool, addr, owner("prod", 1)))
	snap.MarkReleased(pool, addr, owner("prod", 1), "/dc-1/vm/prod-cp-1")
	if got := claim(t, l, pool, owner("prod", 2), snap); got == addr {
		t.Fatalf("%s was issued although another VM uses it", got)
	}
}
