package ledger_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
)

func TestParallelClaimsInOneRunDoNotCollide(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, p := join(store)
	pool := nodes(t, "100")
	snap := snapshot(t, l)
	p.Reset()
	claimAll(t, store, pool, 100, func(int) (*ledger.Ledger, *ledger.Snapshot) { return l, snap })
	wantCalls(t, p, map[string]int{ledgertest.Create: 100})
}

func TestClaimsOfFourRunsAreDistinct(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "100")
	var runs [4]*ledger.Ledger
	var snaps [4]*ledger.Snapshot
	for i := range runs {
		runs[i], _ = join(store)
		snaps[i] = snapshot(t, runs[i])
	}
	// All of one cluster, so that they want the same addresses; and as many as
	// there are, so that the last ones have to search.
	claimAll(t, store, pool, 100, func(n int) (*ledger.Ledger, *ledger.Snapshot) { return runs[n%4], snaps[n%4] })
}

// claimAll claims for n owners at once, each again until it works, and makes
// sure that each holds one address and no address has two owners.
func claimAll(t *testing.T, store *ledgertest.Store, pool ledger.IPPool, n int, run func(int) (*ledger.Ledger, *ledger.Snapshot)) {
	t.Helper()
	got := make([]netip.Addr, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			l, snap := run(i)
			for tries := 0; ; tries++ {
				addr, err := l.Claim(t.Context(), pool, owner("prod", i), snap)
				if err == nil {
					got[i] = addr
					return
				}
				if !errors.Is(err, ledgertest.ErrDropped) || tries > 500 {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	holder := map[netip.Addr]int{}
	for i, addr := range got {
		if other, twice := holder[addr]; twice {
			t.Errorf("%s was issued to both %d and %d", addr, other, i)
		}
		if !pool.Issuable(addr) {
			t.Errorf("%s was issued", addr)
		}
		holder[addr] = i
	}
	l, _ := join(store)
	held, err := l.OwnedBy(t.Context(), pool, snapshot(t, l), clusterID("prod"), func(netip.Addr) bool { return false })
	must(t, err)
	for addr, o := range held {
		if i, ok := holder[addr]; !ok || o != owner("prod", i) {
			t.Errorf("%s is held by %s, who does not know", addr, o.Node)
		}
	}
	if len(held) != n {
		t.Errorf("%d addresses are held by %d owners", len(held), n)
	}
}

func TestClaimsOnDroppingConnections(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "100")
	var runs [4]*ledger.Ledger
	var snaps [4]*ledger.Snapshot
	for i := range runs {
		var p *ledgertest.Process
		runs[i], p = join(store)
		snaps[i] = snapshot(t, runs[i])
		p.Fail(func(_ context.Context, call ledgertest.Call) ledgertest.Fault {
			rnd := rand.New(rand.NewPCG(uint64(i), uint64(call.N)))
			return []ledgertest.Fault{ledgertest.None, ledgertest.After, ledgertest.Before, ledgertest.None}[rnd.IntN(4)]
		})
	}
	// Fewer than there are, so that a second address for an owner would show.
	claimAll(t, store, pool, 60, func(n int) (*ledger.Ledger, *ledger.Snapshot) { return runs[n%4], snaps[n%4] })
}

// TestClustersThatMeetPart lets a cluster begin where another one, of which it
// does not know, has twenty addresses: it must not lose a race for each.
func TestClustersThatMeetPart(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	pool := nodes(t, "250")
	b, p := join(store)
	snap := snapshot(t, b)
	a, _ := join(store)
	first := claim(t, b, pool, owner("dev", 0), snap)
	for range 20 {
		next := first.Next()
		if !pool.Issuable(next) {
			next = pool.Start
		}
		must(t, a.ClaimAddress(t.Context(), pool, owner("prod", 0), next))
		first = next
	}
	p.Reset()
	for n := range 20 {
		claim(t, b, pool, owner("dev", 1+n), snap)
	}
	if p.Total() > 30 {
		t.Errorf("20 claims took %v", p.Calls())
	}
}

// What stands in the way of a claim need not be in the list: a tag that may not be
// read, a tag of the same name that an administrator has made, or of the same id that
// was renamed.
func TestClaimsPassOverWhatIsNotListed(t *testing.T) {
	t.Parallel()
	store := ledgertest.NewStore()
	l, _ := join(store)
	pool := nodes(t, "3")
	first := snapshot(t, l)
	for n := range 3 {
		if _, err := l.Claim(t.Context(), pool, owner("prod", n), first); err != nil {
			t.Fatal(err)
		}
	}
	claimed := store.Tags()
	for n := range 2 { // of three
		tag := claimed[n]
		if err := store.Delete(t.Context(), tag.ID); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			tag.ID = uuid.New() // the name is taken by another tag
		}
		if err := store.Create(t.Context(), tag); err != nil {
			t.Fatal(err)
		}
		if n == 1 {
			store.Hide(tag.ID)
		}
	}
	if err := store.Delete(t.Context(), claimed[2].ID); err != nil {
		t.Fatal(err)
	}
	other, _ := join(store)
	snap := snapshot(t, other)
	if n := snap.Count(pool); n > 0 {
		t.Errorf("%d claims are listed", n)
	}
	addr, err := other.Claim(t.Context(), pool, owner("test", 1), snap)
	if err != nil || !strings.HasSuffix(claimed[2].Name, "/"+addr.String()) {
		t.Errorf("claimed %s, %v, want that of %s", addr, err, claimed[2].Name)
	}
	if addr, err := other.Claim(t.Context(), pool, owner("test", 2), snap); !errors.Is(err, ledger.ErrExhausted) {
		t.Errorf("then claimed %s, %v", addr, err)
	}
}
