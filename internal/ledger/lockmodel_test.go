package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/ledgertest"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// rough is a connection on which everything goes wrong that can: calls are
// slow, sometimes slower than any timeout; requests and responses get lost; a
// call that its caller gave up on is carried out later; the process is stopped
// in the middle and goes on long after.
type rough struct {
	ledger.Store
	dead chan struct{} // closed when the process is killed
	// One call in so many is slow, very slow, lost, or answered in vain.
	slow, stuck, lost, deaf int

	mu  sync.Mutex
	rnd *rand.Rand
}

// newRough draws how rough it is going to be.
func newRough(store ledger.Store, seed1, seed2 uint64) *rough {
	rnd := rand.New(rand.NewPCG(seed1, seed2))
	draw := func() int { return []int{4, 8, 20, 60}[rnd.IntN(4)] }
	return &rough{Store: store, dead: make(chan struct{}), slow: draw(), stuck: 2 * draw(), lost: draw(), deaf: draw(), rnd: rnd}
}

var errRough = errors.New("rough")

func (r *rough) killed() bool {
	select {
	case <-r.dead:
		return true
	default:
		return false
	}
}

// clock is a process's clock: nothing wakes up in a dead process.
type clock struct{ *rough }

func (clock) Now() time.Time { return time.Now() }

func (r clock) Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-r.dead:
		return errRough
	case <-ctx.Done():
		return ctx.Err()
	}
}

// delay is mostly short, and sometimes long enough for a lock to go stale.
func (r *rough) delay() time.Duration {
	upTo := 300 * time.Millisecond
	if r.chance(r.slow) {
		upTo = 25 * time.Second
	}
	if r.chance(r.stuck) {
		upTo = 3 * time.Minute
	}
	return r.draw(upTo)
}

func (r *rough) draw(upTo time.Duration) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(r.rnd.Int64N(int64(upTo)))
}

func (r *rough) chance(n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rnd.IntN(n) == 0
}

func through[T any](ctx context.Context, r *rough, work func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	there, back := r.delay(), r.delay()
	lost, deaf := r.chance(r.lost), r.chance(r.deaf)
	go func() {
		var a result
		time.Sleep(there)
		if a.err = errRough; !lost && !r.killed() {
			a.value, a.err = work()
		}
		time.Sleep(back)
		if deaf {
			a.err = errRough
		}
		done <- a
	}()
	select {
	case a := <-done:
		return a.value, a.err
	case <-ctx.Done():
		var zero T
		return zero, ctx.Err()
	}
}

func (r *rough) Create(ctx context.Context, tag ledger.Tag) error {
	_, err := through(ctx, r, func() (int, error) { return 0, r.Store.Create(ctx, tag) })
	return err
}

func (r *rough) Get(ctx context.Context, id uuid.UUID) (ledger.Tag, error) {
	return through(ctx, r, func() (ledger.Tag, error) { return r.Store.Get(ctx, id) })
}

func (r *rough) Update(ctx context.Context, id uuid.UUID, description string) error {
	_, err := through(ctx, r, func() (int, error) { return 0, r.Store.Update(ctx, id, description) })
	return err
}

func (r *rough) Delete(ctx context.Context, id uuid.UUID) error {
	_, err := through(ctx, r, func() (int, error) { return 0, r.Store.Delete(ctx, id) })
	return err
}

func (r *rough) List(ctx context.Context) ([]uuid.UUID, error) {
	return through(ctx, r, func() ([]uuid.UUID, error) { return r.Store.List(ctx) })
}

func (r *rough) Now(ctx context.Context) (time.Time, error) {
	return through(ctx, r, func() (time.Time, error) { return r.Store.Now(ctx) })
}

// referee knows who got the lock when.
type referee struct {
	mu     sync.Mutex
	grants int
	acts   int
	foul   string
}

func (r *referee) grant() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.grants++
	return r.grants
}

// act is what Check allows: no other run may have got the lock since.
func (r *referee) act(grant int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acts++
	if grant != r.grants && r.foul == "" {
		r.foul = fmt.Sprintf("holder %d acts, although holder %d has got the lock", grant, r.grants)
	}
}

// contend is a process that takes the lock again and again, until it is killed.
func contend(ctx context.Context, conn *rough, vcenter string, record uuid.UUID, name string, ref *referee) {
	l := ledger.New(conn, vcenter)
	l.Clock = clock{conn}
	for range 6 {
		lease, err := l.Lock(ctx, record, name)
		if err != nil {
			continue
		}
		grant := ref.grant()
		for range 1 + conn.draw(8) {
			if lease.Check(ctx) == nil {
				ref.act(grant)
			}
			time.Sleep(conn.draw(25 * time.Second))
		}
		if conn.chance(4) {
			close(conn.dead)
			return
		}
		_ = lease.Release(ctx)
	}
}

func TestLockHasOneHolderWhateverHappens(t *testing.T) {
	t.Parallel()
	grants, acts := 0, 0
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			store := ledgertest.NewStore()
			ctx, cancel := context.WithCancel(t.Context())
			home := ledger.New(store, "vc")
			// Registered, so that releases leave their tag.
			record, err := home.Register(ctx, ledger.Record{Ref: ref(record.KindCluster, "prod"), Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			var ref referee
			var wg sync.WaitGroup
			for i := range uint64(3) {
				wg.Go(func() {
					// A process that is killed is started anew.
					for life := range uint64(2) {
						contend(ctx, newRough(store, seed, i*2+life), "vc", record, fmt.Sprintf("process %d.%d", i, life), &ref)
					}
				})
			}
			// vCenter's clock is corrected now and then.
			wg.Go(func() {
				for range 3 {
					time.Sleep(5 * time.Minute)
					store.Advance(-time.Duration(seed%3) * 4 * time.Minute)
				}
			})
			wg.Wait()
			cancel()
			if ref.foul != "" {
				t.Fatalf("seed %d: %s", seed, ref.foul)
			}
			grants, acts = grants+ref.grants, acts+ref.acts

			// Whatever is left, a new run gets the lock.
			time.Sleep(time.Hour)
			lease, err := home.Lock(t.Context(), record, "afterwards")
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if err := lease.Release(t.Context()); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		})
	}
	if grants < 100 || acts < 300 {
		t.Errorf("the lock was granted %d times and used %d times: too little to show anything", grants, acts)
	}
}
