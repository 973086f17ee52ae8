package ledger_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// bubble runs a test in which time passes only while all goroutines wait.
func bubble(t *testing.T, f func(t *testing.T, store *ledgertest.Store)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { f(t, ledgertest.NewStore()) })
}

func lock(t *testing.T, l *ledger.Ledger, record uuid.UUID, holder string) *ledger.Lease {
	t.Helper()
	lease, err := l.Lock(t.Context(), record, holder)
	if err != nil {
		t.Fatal(err)
	}
	return lease
}

func TestLockTakesFewCalls(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		id := l.ID(ref(record.KindCluster, "prod"))
		first := lock(t, l, id, "host:1")
		wantCalls(t, p, map[string]int{ledgertest.List: 2, ledgertest.Now: 1, ledgertest.Create: 1})
		time.Sleep(14 * time.Second) // just before the first heartbeat
		must(t, first.Check(t.Context()))
		wantCalls(t, p, nil)
		time.Sleep(2 * time.Second)
		must(t, first.Check(t.Context()))
		wantCalls(t, p, map[string]int{ledgertest.Now: 1, ledgertest.Update: 1, ledgertest.Get: 2})
		register(t, l, record.KindCluster, "prod", "{}")
		p.Reset()
		must(t, first.Release(t.Context()))
		wantCalls(t, p, map[string]int{ledgertest.Update: 1}) // it has registered the record

		again := lock(t, l, id, "host:2")
		wantCalls(t, p, map[string]int{ledgertest.List: 2, ledgertest.Now: 1, ledgertest.Get: 2, ledgertest.Create: 1, ledgertest.Delete: 1})
		if again.Epoch() != 2 {
			t.Errorf("the epoch after a release is %d, want 2", again.Epoch())
		}
		must(t, again.Release(t.Context()))
		wantCalls(t, p, map[string]int{ledgertest.Update: 1}) // it has listed the record

		last := lock(t, l, id, "host:3")
		must(t, l.Unregister(t.Context(), id))
		p.Reset()
		must(t, last.Release(t.Context()))
		wantCalls(t, p, map[string]int{ledgertest.Delete: 1}) // it has deleted the record
		wantTags(t, store, 0)

		unregistered := lock(t, l, id, "host:4")
		p.Reset()
		must(t, unregistered.Release(t.Context()))
		wantCalls(t, p, map[string]int{ledgertest.Get: 1, ledgertest.Delete: 1})
		wantTags(t, store, 0)
	})
}

// A list that the run has made for its plan tells where the lock begins, and nothing
// more: where it was too old, the ledger is listed at once.
func TestLockBeginsWithARecentList(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, p := join(store)
		id := l.ID(ref(record.KindCluster, "prod"))
		plan := func() {
			t.Helper()
			_, err := l.Recent(time.Minute).Snapshot(t.Context())
			must(t, err)
			p.Reset()
		}
		plan()
		first := lock(t, l, id, "host:1")
		wantCalls(t, p, map[string]int{ledgertest.List: 1, ledgertest.Now: 1, ledgertest.Create: 1})
		register(t, l, record.KindCluster, "prod", "{}")
		must(t, first.Release(t.Context()))

		plan()
		other, _ := join(store)
		must(t, lock(t, other, id, "elsewhere:1").Release(t.Context()))
		began := time.Now()
		again := lock(t, l, id, "host:1")
		if waited := time.Since(began); waited > time.Second || again.Epoch() != 3 {
			t.Errorf("epoch %d after %s", again.Epoch(), waited)
		}
		must(t, again.Release(t.Context()))
	})
}

func TestLockTagsGoWithTheRecordInEitherOrder(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		l, _ := join(store)
		id := register(t, l, record.KindCluster, "prod", "{}")
		must(t, lock(t, l, id, "host:1").Release(t.Context()))
		wantTags(t, store, 2)
		must(t, l.Unregister(t.Context(), id))
		wantTags(t, store, 0)
	})
}

func TestLiveHolderIsWaitedForAndThenNamed(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, _ := join(store)
		b, _ := join(store)
		id := a.ID(ref(record.KindCluster, "prod"))
		held := lock(t, a, id, "laptop:42")
		began := time.Now()
		time.Sleep(10 * time.Minute)
		asked := time.Now()
		_, err := b.Lock(t.Context(), id, "ci:7")
		var locked *ledger.LockedError
		if !errors.As(err, &locked) || !errors.Is(err, ledger.ErrLocked) {
			t.Fatalf("Lock of a held record: %v, want a *LockedError", err)
		}
		if waited := time.Since(asked); waited < time.Minute || waited > 2*time.Minute {
			t.Errorf("the holder was waited for %s", waited)
		}
		if locked.Holder != "laptop:42" || !locked.Since.Equal(began.Truncate(time.Second)) || time.Since(locked.Heartbeat) > 30*time.Second {
			t.Errorf("the error is %+v", locked)
		}
		if !strings.Contains(err.Error(), "laptop:42") || !strings.Contains(err.Error(), "taken over 1m0s after its last heartbeat") {
			t.Errorf("the error does not name the holder, or not how it ends: %v", err)
		}
		must(t, held.Check(t.Context()))
		must(t, held.Release(t.Context()))
	})
}

func TestWaitingRunGetsTheLockOnRelease(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, _ := join(store)
		b, _ := join(store)
		id := register(t, a, record.KindCluster, "prod", "{}")
		held := lock(t, a, id, "a")
		go func() {
			time.Sleep(20 * time.Second)
			_ = held.Release(context.Background())
		}()
		asked := time.Now()
		next := lock(t, b, id, "b")
		if waited := time.Since(asked); waited < 20*time.Second || waited > 30*time.Second {
			t.Errorf("the lock was got after %s, want soon after 20 s", waited)
		}
		must(t, next.Release(t.Context()))
	})
}

func TestOfTwoContendersForADeadHoldersLockOneGetsIt(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, killed := join(store)
		id := a.ID(ref(record.KindCluster, "prod"))
		gone := lock(t, a, id, "a")
		killed.Fail(dead)
		defer func() { _ = gone.Release(context.Background()) }()
		var holders, worked atomic.Int32
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				l, _ := join(store)
				lease, err := l.Lock(t.Context(), id, "next")
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				worked.Add(1)
				time.Sleep(5 * time.Second)
				if err := lease.Check(t.Context()); err != nil {
					t.Error(err)
				}
				holders.Add(-1)
				if err := lease.Release(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if worked.Load() != 2 {
			t.Errorf("%d of 2 got the lock in the end", worked.Load())
		}
	})
}

func TestPausedHolderLearnsThatItLost(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, stopped := join(store)
		id := a.ID(ref(record.KindCluster, "prod"))
		paused := lock(t, a, id, "a")
		wake := make(chan struct{})
		stopped.Fail(func(context.Context, ledgertest.Call) ledgertest.Fault { <-wake; return ledgertest.None })
		time.Sleep(61 * time.Second)

		b, _ := join(store)
		asked := time.Now()
		next := lock(t, b, id, "b:2")
		if time.Since(asked) > 20*time.Second {
			t.Errorf("taken over after %s", time.Since(asked))
		}
		close(wake)
		err := paused.Check(t.Context())
		if !errors.Is(err, ledger.ErrLost) {
			t.Fatalf("Check after a pause: %v, want ErrLost", err)
		}
		var lost *ledger.LostError
		if !errors.As(context.Cause(paused.Context()), &lost) || lost.Record != id {
			t.Errorf("the lease's context ended with %v", context.Cause(paused.Context()))
		}
		must(t, paused.Release(t.Context()))
		must(t, paused.Release(t.Context()))
		time.Sleep(time.Minute)
		must(t, next.Check(t.Context()))
		must(t, next.Release(t.Context()))
		wantTags(t, store, 0)
	})
}

func TestHolderThatWakesInTimeKeepsTheLock(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, slow := join(store)
		id := a.ID(ref(record.KindCluster, "prod"))
		held := lock(t, a, id, "a")
		slow.Fail(dead)
		time.Sleep(50 * time.Second)
		if err := held.Check(t.Context()); err == nil || errors.Is(err, ledger.ErrLost) {
			t.Fatalf("Check without vCenter: %v; want an error that is not ErrLost", err)
		}
		slow.Fail(nil)
		must(t, held.Check(t.Context()))
		b, _ := join(store)
		if _, err := b.Lock(t.Context(), id, "b"); !errors.Is(err, ledger.ErrLocked) {
			t.Errorf("Lock: %v, want ErrLocked", err)
		}
		must(t, held.Release(t.Context()))
		wantTags(t, store, 0)
	})
}

func TestHolderThatWakesDuringTheTakeoverKeepsTheLock(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, slow := join(store)
		id := a.ID(ref(record.KindCluster, "prod"))
		held := lock(t, a, id, "a")
		slow.Fail(dead)
		time.Sleep(61 * time.Second)
		b, taker := join(store)
		taker.Fail(func(ctx context.Context, call ledgertest.Call) ledgertest.Fault {
			if call.Method == ledgertest.Create {
				slow.Fail(nil)
				if err := held.Check(context.WithoutCancel(ctx)); err != nil {
					t.Error(err)
				}
			}
			return ledgertest.None
		})
		if _, err := b.Lock(t.Context(), id, "b"); !errors.Is(err, ledger.ErrLocked) {
			t.Errorf("Lock: %v, want ErrLocked", err)
		}
		must(t, held.Check(t.Context()))
		must(t, held.Release(t.Context()))
		wantTags(t, store, 0)
	})
}

func TestDeadHolderIsNoticedWhenVCentersClockIsSetBack(t *testing.T) {
	bubble(t, func(t *testing.T, store *ledgertest.Store) {
		a, killed := join(store)
		id := a.ID(ref(record.KindCluster, "prod"))
		gone := lock(t, a, id, "a")
		killed.Fail(dead)
		defer func() { _ = gone.Release(context.Background()) }()
		store.Advance(-time.Hour)
		b, _ := join(store)
		next := lock(t, b, id, "b")
		must(t, next.Release(t.Context()))
	})
}
