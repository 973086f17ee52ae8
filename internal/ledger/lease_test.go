package ledger_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func TestChecksEndWhenTheLockIsReleased(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		held := lock(t, l, l.ID(ref(record.KindCluster, "prod")), "a")
		p.Fail(dead)
		time.Sleep(31 * time.Second)
		p.Fail(func(context.Context, ledgertest.Call) ledgertest.Fault {
			time.Sleep(time.Second)
			return ledgertest.None
		})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if err := held.Check(t.Context()); err != nil && !errors.Is(err, ledger.ErrLost) {
					t.Error(err)
				}
			})
			wg.Go(func() {
				if err := held.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := held.Check(t.Context()); !errors.Is(err, ledger.ErrLost) {
			t.Errorf("Check: %v, want ErrLost", err)
		}
		wantTags(t, store, 0)
	})
}

func TestManyChecksMakeOneHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		held := lock(t, l, l.ID(ref(record.KindCluster, "prod")), "a")
		p.Fail(dead)
		time.Sleep(31 * time.Second)
		p.Fail(func(context.Context, ledgertest.Call) ledgertest.Fault {
			time.Sleep(100 * time.Millisecond)
			return ledgertest.None
		})
		p.Reset()
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if err := held.Check(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := p.Calls()[ledgertest.Now]; n != 1 {
			t.Errorf("%d heartbeats for 8 checks", n)
		}
		must(t, held.Release(t.Context()))
	})
}

func TestLateHeartbeatFindsNoTag(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		id := l.ID(ref(record.KindCluster, "prod"))
		held := lock(t, l, id, "a")
		var mu sync.Mutex
		var late uuid.UUID
		p.Fail(func(_ context.Context, call ledgertest.Call) ledgertest.Fault {
			mu.Lock()
			defer mu.Unlock()
			if call.Method == ledgertest.Update && late == (uuid.UUID{}) {
				late = call.ID // on its way, while the caller has given up
				return ledgertest.Before
			}
			return ledgertest.None
		})
		time.Sleep(time.Minute)
		must(t, held.Check(t.Context()))
		p.Fail(nil)
		if late == (uuid.UUID{}) {
			t.Fatal("no heartbeat was written")
		}
		if err := store.Update(t.Context(), late, "old news"); !errors.Is(err, ledger.ErrNotFound) {
			t.Errorf("the late heartbeat was written: %v", err)
		}
		if held.Epoch() != 2 {
			t.Errorf("the epoch is %d, want 2", held.Epoch())
		}
		must(t, held.Release(t.Context()))
		wantTags(t, store, 0)
	})
}

// stalled stops its process once between the result of a Get and its use.
type stalled struct {
	ledger.Store
	arm  atomic.Bool
	stop func()
}

func (s *stalled) Get(ctx context.Context, id uuid.UUID) (ledger.Tag, error) {
	tag, err := s.Store.Get(ctx, id)
	if err == nil && s.arm.CompareAndSwap(true, false) {
		s.stop()
	}
	return tag, err
}

func TestHeartbeatThatWasStoppedOnItsWayProvesNothing(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		var next *ledger.Lease
		conn := &stalled{Store: store}
		conn.stop = func() {
			// The process has read that its own tag is there.
			time.Sleep(61 * time.Second)
			b, _ := join(store)
			next = lock(t, b, b.ID(ref(record.KindCluster, "prod")), "b")
		}
		a, p := join(conn)
		held := lock(t, a, a.ID(ref(record.KindCluster, "prod")), "a")
		p.Fail(dead) // no heartbeat in the background
		time.Sleep(34 * time.Second)
		p.Fail(nil)
		conn.arm.Store(true)
		if err := held.Check(t.Context()); !errors.Is(err, ledger.ErrLost) {
			t.Fatalf("Check: %v, want ErrLost", err)
		}
		must(t, next.Check(t.Context()))
		must(t, next.Release(t.Context()))
		must(t, held.Release(t.Context()))
	})
}

func TestReleasedLockIsTakenAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, _ := join(store)
		id := register(t, l, record.KindCluster, "prod", "{}")
		must(t, lock(t, l, id, "a").Release(t.Context()))
		began := time.Now()
		next := lock(t, l, id, "b")
		if time.Since(began) != 0 {
			t.Errorf("the lock was got after %s", time.Since(began))
		}
		must(t, l.Unregister(t.Context(), id))
		must(t, next.Release(t.Context()))
		wantTags(t, store, 0)
	})
}

func TestReleaseWorksInACancelledRun(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		ctx, cancel := context.WithCancel(t.Context())
		held, err := l.Lock(ctx, l.ID(ref(record.KindCluster, "prod")), "a")
		must(t, err)
		cancel()
		if held.Context().Err() == nil {
			t.Error("the lease's context outlives the run's")
		}
		time.Sleep(2 * time.Minute) // cleaning up
		if n := p.Calls()[ledgertest.Update]; n < 7 {
			t.Errorf("%d heartbeats in two minutes", n)
		}
		must(t, held.Check(t.Context()))
		must(t, held.Release(ctx))
		must(t, held.Release(ctx))
		if err := held.Check(t.Context()); !errors.Is(err, ledger.ErrLost) {
			t.Errorf("Check after the release: %v, want ErrLost", err)
		}
		wantTags(t, store, 0)
	})
}

func TestLongHolderNamesFit(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, _ := join(store)
		id := l.ID(ref(record.KindCluster, "prod"))
		held := lock(t, l, id, strings.Repeat("größer<", 100))
		time.Sleep(time.Minute)
		must(t, held.Check(t.Context()))
		must(t, held.Release(t.Context()))
	})
}

func TestEpochsStartOverBeforeTheyAreTooManyToSearch(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, _ := join(store)
		id := register(t, l, record.KindCluster, "prod", "{}")
		highest, restarts, last := 0, 0, 0
		for range 600 {
			held := lock(t, l, id, "a")
			if held.Epoch() <= last {
				restarts++
			}
			last = held.Epoch()
			highest = max(highest, last)
			must(t, held.Release(t.Context()))
		}
		if highest > 300 || restarts != 2 {
			t.Errorf("the highest epoch of 600 is %d, after %d restarts", highest, restarts)
		}
	})
}

// TestALeaseHasListedTheLedger lets a run that has just locked its record observe without
// another list, each time as it was then: what is learned from it is not the lease's own.
func TestALeaseHasListedTheLedger(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		pool := nodes(t, "50")
		taken := claim(t, l, pool, owner("other", 1), snapshot(t, l))
		held := lock(t, l, l.ID(ref(record.KindCluster, "prod")), "a")
		p.Reset()
		snap := held.Snapshot()
		if !snap.Has(pool.ID, taken) || snap.Count(pool) != 1 {
			t.Errorf("it counts %d addresses", snap.Count(pool))
		}
		if addr := claim(t, l, pool, owner("prod", 1), snap); addr == taken || !snap.Has(pool.ID, addr) {
			t.Errorf("%s was claimed", addr)
		}
		if n := held.Snapshot().Count(pool); n != 1 {
			t.Errorf("what was listed counts %d addresses after a claim", n)
		}
		wantCalls(t, p, map[string]int{ledgertest.Create: 1})
		if err := held.Release(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
