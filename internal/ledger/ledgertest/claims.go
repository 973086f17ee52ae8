package ledgertest

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// RunClaims lets several clusters claim and release addresses at once, over
// connections that drop and in runs that are killed: n random scripts, the same
// for each Store, and one with a run killed for each of its calls. At no moment
// an address has two owners, an owner never loses its address, a released one
// cools down, and in the end no claim is left without an owner. Nothing else may
// use the store meanwhile.
func RunClaims(t *testing.T, n int, open func(*testing.T) ledger.Store) {
	t.Helper()
	t.Run("random scripts", func(t *testing.T) {
		store := open(t)
		for seed := range n {
			play(t, store, fmt.Sprintf("script %d", seed), scripts.Example(seed))
		}
	})
	t.Run("killed at every call", func(t *testing.T) {
		store := open(t)
		for _, fault := range []Fault{Before, After} {
			k := 1
			for ; play(t, store, fmt.Sprintf("killed at call %d (%d)", k, fault), interrupted(k, fault)); k++ {
			}
			if k < 15 {
				t.Errorf("only %d calls were interrupted", k)
			}
		}
	})
}

const (
	reuseDelay = 5 * time.Minute
	later      = reuseDelay + 2*time.Second
)

// shifted is a store of which the clock can be moved.
type shifted struct {
	ledger.Store
	mu sync.Mutex
	by time.Duration
}

// Now implements ledger.Store.
func (s *shifted) Now(ctx context.Context) (time.Time, error) {
	now, err := s.Store.Now(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Add(s.by), err
}

// theater is where a script is played. It knows who relies on which address.
type theater struct {
	t       *testing.T
	name    string
	store   *shifted
	vcenter string
	pool    ledger.IPPool

	mu      sync.Mutex
	holders map[netip.Addr]ledger.Owner
	has     map[ledger.Owner]netip.Addr
	left    map[netip.Addr]departure
	moment  int // counts what happens
	shifts  int // counts how often the clock was moved
}

// departure is the last release of an address of which the outcome is known.
type departure struct {
	cluster        uuid.UUID
	moment, shifts int
}

// play plays a script, and reports whether the runs that were to be killed at
// some call came as far.
func play(t *testing.T, store ledger.Store, name string, s script) (reached bool) {
	t.Helper()
	before, err := store.List(t.Context())
	must(t, err)
	addresses, err := ipam.New("10.0.0.1", fmt.Sprintf("10.0.0.%d", s.Size), 24, "")
	must(t, err)
	w := &theater{
		t: t, name: name, store: &shifted{Store: store}, vcenter: uuid.NewString(),
		holders: map[netip.Addr]ledger.Owner{}, has: map[ledger.Owner]netip.Addr{}, left: map[netip.Addr]departure{},
	}
	w.pool = ledger.IPPool{ID: uuid.New(), Name: "nodes", Pool: addresses, SingleCluster: s.Single}
	if s.CoolsDown {
		w.pool.ReuseDelay = reuseDelay
	}
	reached = true
	for _, r := range s.Rounds {
		if r.Later {
			w.shift()
		}
		var wg sync.WaitGroup
		for i, script := range r.Runs {
			wg.Go(func() {
				actor := w.join(fmt.Sprint("cluster-", i), script.Fails)
				actor.play(script.Steps)
				if actor.p.Total() < script.Fails.At {
					w.mu.Lock()
					reached = false
					w.mu.Unlock()
				}
			})
		}
		wg.Wait()
	}
	w.finish(len(s.Rounds[0].Runs), len(before))
	return reached && !t.Failed()
}

func (w *theater) errorf(format string, args ...any) {
	w.t.Errorf(w.name+": "+format, args...)
}

// shift lets all cool-downs expire.
func (w *theater) shift() {
	w.store.mu.Lock()
	w.store.by += later
	w.store.mu.Unlock()
	w.shifts++
}

// finish destroys all clusters, and lets another one have every address.
func (w *theater) finish(clusters, before int) {
	for i := range clusters {
		actor := w.join(fmt.Sprint("cluster-", i), failing{})
		if !actor.begin() {
			return
		}
		for node := range nodesOf {
			actor.release(actor.owner(node))
		}
		if err := actor.l.ReleaseIfUnused(w.t.Context(), w.pool, actor.cluster); err != nil {
			w.errorf("%v", err)
		}
	}
	w.shift()
	last := w.join("last", failing{})
	if !last.begin() {
		return
	}
	if n := last.snap.Count(w.pool); n > 0 {
		w.errorf("%d addresses are claimed, and have no owner: %v", n, last.snap.Addresses(w.pool))
	}
	for node := range w.pool.Total() {
		last.claim(last.owner(node))
	}
	if len(w.holders) != w.pool.Total() {
		w.errorf("%d of %d addresses can be claimed in the end", len(w.holders), w.pool.Total())
	}
	last.check()
	w.pool.ReuseDelay = 0
	for node := range w.pool.Total() {
		last.release(last.owner(node))
	}
	if err := last.l.ReleaseIfUnused(w.t.Context(), w.pool, last.cluster); err != nil {
		w.errorf("%v", err)
	}
	after, err := w.store.List(w.t.Context())
	if err != nil || len(after) != before {
		w.errorf("%d tags are left, want %d (%v)", len(after), before, err)
	}
}

// got notes that an owner relies on an address from now on. seen is the moment
// from which on its run knows what was released.
func (w *theater) got(addr netip.Addr, owner ledger.Owner, seen int, picked bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moment++
	if other, taken := w.holders[addr]; taken && other != owner {
		w.errorf("%s was issued to %s, while %s has it", addr, owner.Node, other.Node)
	}
	if had, ok := w.has[owner]; ok && had != addr {
		w.errorf("%s got %s, and has %s", owner.Node, addr, had)
	}
	if w.pool.SingleCluster {
		for _, other := range w.holders {
			if other.Cluster != owner.Cluster {
				w.errorf("%s has an address of a pool that is restricted to a single cluster, and so has %s", owner.Node, other.Node)
			}
		}
	}
	if last, ok := w.left[addr]; ok && picked && w.pool.ReuseDelay > 0 &&
		last.cluster != owner.Cluster && last.moment <= seen && last.shifts == w.shifts {
		w.errorf("%s was issued to %s right after %s had it", addr, owner.Node, last.cluster)
	}
	delete(w.left, addr)
	w.holders[addr], w.has[owner] = owner, addr
}

// gone notes that an address was released.
func (w *theater) gone(addr netip.Addr, owner ledger.Owner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moment++
	w.left[addr] = departure{owner.Cluster, w.moment, w.shifts}
}
