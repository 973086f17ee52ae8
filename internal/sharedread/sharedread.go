// Package sharedread reads once what several callers ask for at the same moment,
// and again what has changed.
package sharedread

import (
	"context"
	"errors"
	"sync"
	"time"
)

// gather is how long a read waits for further callers before it begins, where
// its caller accepts no older data. Without it, of callers that ask at the same
// moment the first would begin a read that the others are too late for.
const gather = 5 * time.Millisecond

// A read that took long is kept longer than its callers ask, so that of the time that
// they share it at most a tenth goes into reading, but never for longer than keepMost
// on that account: a large inventory, read again every few seconds, would cost more
// than everything else that a plan does.
const (
	keepFactor = 10
	keepMost   = 30 * time.Second
)

// errUnfinished is the error of a read whose goroutine ended without a result.
var errUnfinished = errors.New("the read ended without a result")

// Read is something that is read for all who ask. The zero value is ready to
// use. Of the reads that it makes at most one runs at a time, but for one that
// no caller waits for any more.
type Read[T any] struct {
	mu      sync.Mutex
	kept    kept[T]
	running *flight[T]
	next    *flight[T] // callers gather for it; it begins when no other one is running
}

// kept is the last successful read.
type kept[T any] struct {
	value    T
	finished time.Time // zero: there is none
	took     time.Duration
}

// usable reports whether the read is young enough for a caller.
func (k kept[T]) usable(maxAge time.Duration) bool {
	if maxAge <= 0 || k.finished.IsZero() {
		return false
	}
	return time.Since(k.finished) <= max(maxAge, min(keepFactor*k.took, keepMost))
}

// flight is one read and the callers that share it.
type flight[T any] struct {
	read   func(context.Context) (T, error)
	ctx    context.Context
	cancel context.CancelFunc

	done  chan struct{} // closed when value and err are set
	value T
	err   error

	// The rest is guarded by Read.mu.
	began     time.Time
	callers   int
	forgotten bool
}

// Get returns what read returns, which several callers may share: they must not
// change it. If maxAge is 0, the read begins after the call to Get. Otherwise a
// read that is running may be used, and one that finished at most maxAge ago, or
// somewhat longer ago where it took long. A failed read is returned to the callers that wait for it, and not kept.
//
// A caller whose ctx ends stops waiting; the read goes on for the others, with
// the values of one caller's ctx, and is cancelled when the last one has left.
func (r *Read[T]) Get(ctx context.Context, maxAge time.Duration, read func(context.Context) (T, error)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	f, value, ok := r.join(ctx, maxAge, read)
	if ok {
		return value, nil
	}
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		r.leave(f)
		return none, ctx.Err()
	}
}

// Kept returns what a read has returned that finished at most maxAge ago, as Get would,
// and false where there is none: nothing is read.
func (r *Read[T]) Kept(maxAge time.Duration) (value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.kept.usable(maxAge) {
		return value, false
	}
	return r.kept.value, true
}

// Forget drops what was read, because it has changed: reads that began before
// are not used for later calls.
func (r *Read[T]) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = kept[T]{}
	if r.running != nil {
		r.running.forgotten = true
	}
}

// join returns a kept value, or the flight to wait for.
func (r *Read[T]) join(
	ctx context.Context, maxAge time.Duration, read func(context.Context) (T, error),
) (f *flight[T], value T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kept.usable(maxAge) {
		return nil, r.kept.value, true
	}
	if maxAge > 0 {
		if r.running != nil && !r.running.forgotten {
			r.running.callers++
			return r.running, value, false
		}
	}
	f = r.next
	if f == nil {
		f = newFlight(ctx, read)
		r.next = f
		if r.running == nil {
			r.schedule(f, maxAge)
		}
	}
	f.callers++
	return f, value, false
}

func newFlight[T any](ctx context.Context, read func(context.Context) (T, error)) *flight[T] {
	f := &flight[T]{read: read, done: make(chan struct{}), err: errUnfinished}
	f.ctx, f.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return f
}

// schedule begins a flight that no other one is ahead of. Callers that accept a
// running read need not gather.
func (r *Read[T]) schedule(f *flight[T], maxAge time.Duration) {
	if maxAge > 0 {
		r.begin(f)
		return
	}
	time.AfterFunc(gather, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.next == f {
			r.begin(f)
		}
	})
}

// begin starts a flight. The lock is held.
func (r *Read[T]) begin(f *flight[T]) {
	r.next = nil
	r.running = f
	f.began = time.Now()
	go r.run(f)
}

func (r *Read[T]) run(f *flight[T]) {
	defer r.finish(f)
	f.value, f.err = f.read(f.ctx)
}

func (r *Read[T]) finish(f *flight[T]) {
	f.cancel()
	close(f.done)
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.err == nil && !f.forgotten {
		now := time.Now()
		r.kept = kept[T]{value: f.value, finished: now, took: now.Sub(f.began)}
	}
	r.release(f)
}

// leave takes a caller out of a flight. One without callers is cancelled.
func (r *Read[T]) leave(f *flight[T]) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.callers--
	if f.callers > 0 {
		return
	}
	f.cancel()
	f.forgotten = true
	if r.next == f {
		r.next = nil
	}
	r.release(f)
}

// release lets the next flight begin if f was the one that it waited for. The
// lock is held.
func (r *Read[T]) release(f *flight[T]) {
	if r.running != f {
		return
	}
	r.running = nil
	if r.next != nil {
		r.begin(r.next)
	}
}
