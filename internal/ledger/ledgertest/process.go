package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// The methods of a store, as Calls and Call name them.
const (
	Create = "Create"
	Get    = "Get"
	Update = "Update"
	Delete = "Delete"
	List   = "List"
	Now    = "Now"
)

// ErrDropped is how a call fails of which the caller does not learn whether it
// was carried out.
var ErrDropped = errors.New("connection dropped")

// Fault is how a call goes wrong.
type Fault int

// The faults. The caller sees ErrDropped in both.
const (
	None   Fault = iota
	Before       // the call is not carried out
	After        // the call is carried out
)

// Call is one call of a process.
type Call struct {
	N      int // counted from 1
	Method string
	ID     uuid.UUID // of the tag; zero for List and Now
}

// Process is one process's connection to a store.
type Process struct {
	store  ledger.Store
	mu     sync.Mutex
	fault  func(ctx context.Context, call Call) Fault
	n      int
	counts map[string]int
}

var _ ledger.Store = (*Process)(nil)

// NewProcess connects to a store.
func NewProcess(store ledger.Store) *Process {
	return &Process{store: store, counts: map[string]int{}}
}

// Fail lets f decide how each call goes from now on; f may also wait. nil ends
// all faults.
func (p *Process) Fail(f func(ctx context.Context, call Call) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Calls counts the calls by method.
func (p *Process) Calls() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// Total is the number of calls.
func (p *Process) Total() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}

// Reset starts counting anew.
func (p *Process) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n, p.counts = 0, map[string]int{}
}

// StopAt is for Fail: a process that is killed at its k-th call: that call
// goes wrong as fault says, and none after it is carried out.
func StopAt(k int, fault Fault) func(context.Context, Call) Fault {
	return func(_ context.Context, call Call) Fault {
		switch {
		case call.N < k:
			return None
		case call.N == k:
			return fault
		default:
			return Before
		}
	}
}

// DropAt is for Fail: only the k-th call goes wrong.
func DropAt(k int, fault Fault) func(context.Context, Call) Fault {
	return func(_ context.Context, call Call) Fault {
		if call.N == k {
			return fault
		}
		return None
	}
}

func (p *Process) do(ctx context.Context, method string, id uuid.UUID, work func() error) error {
	p.mu.Lock()
	p.n++
	p.counts[method]++
	call, decide := Call{N: p.n, Method: method, ID: id}, p.fault
	p.mu.Unlock()
	fault := None
	if decide != nil {
		fault = decide(ctx, call)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if fault == Before {
		return fmt.Errorf("%s: %w", method, ErrDropped)
	}
	err := work()
	if fault == After {
		return fmt.Errorf("%s: %w", method, ErrDropped)
	}
	return err
}

// Create implements ledger.Store.
func (p *Process) Create(ctx context.Context, tag ledger.Tag) error {
	return p.do(ctx, Create, tag.ID, func() error { return p.store.Create(ctx, tag) })
}

// Get implements ledger.Store.
func (p *Process) Get(ctx context.Context, id uuid.UUID) (tag ledger.Tag, err error) {
	err = p.do(ctx, Get, id, func() (err error) { tag, err = p.store.Get(ctx, id); return err })
	return tag, err
}

// Update implements ledger.Store.
func (p *Process) Update(ctx context.Context, id uuid.UUID, description string) error {
	return p.do(ctx, Update, id, func() error { return p.store.Update(ctx, id, description) })
}

// Delete implements ledger.Store.
func (p *Process) Delete(ctx context.Context, id uuid.UUID) error {
	return p.do(ctx, Delete, id, func() error { return p.store.Delete(ctx, id) })
}

// List implements ledger.Store.
func (p *Process) List(ctx context.Context) (ids []uuid.UUID, err error) {
	err = p.do(ctx, List, uuid.UUID{}, func() (err error) { ids, err = p.store.List(ctx); return err })
	return ids, err
}

// Now implements ledger.Store.
func (p *Process) Now(ctx context.Context) (now time.Time, err error) {
	err = p.do(ctx, Now, uuid.UUID{}, func() (err error) { now, err = p.store.Now(ctx); return err })
	return now, err
}
