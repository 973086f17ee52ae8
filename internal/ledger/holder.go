package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/google/uuid"
)

// Holder is a run that has the lock of a record and has not given it back.
type Holder struct {
	Lock LockedError
	// Dead reports whether it has shown no sign of life for so long that its lock may be
	// taken over.
	Dead bool
}

// LockHolder reads which run has the lock of a record; nil: none. It takes a list of the
// ledger that this run has made a moment ago, if it has, one call for the lock and one
// more where it is held.
func (l *Ledger) LockHolder(ctx context.Context, record uuid.UUID) (*Holder, error) {
	c := &contender{l: l, record: record}
	v, dead, err := c.look(ctx)
	if err != nil || v.note.State != stateHeld {
		return nil, err
	}
	return &Holder{Lock: *v.locked(record), Dead: dead}, nil
}

// WaitForHolder waits until no run that is alive has the lock of a record, without taking
// it, and returns how long that was; nil where there was nothing to wait for. One that
// deletes is not waited for. Where ctx ends before, the error is a *LockedError.
func (l *Ledger) WaitForHolder(ctx context.Context, record uuid.UUID) (*Waited, error) {
	c := &contender{l: l, record: record}
	started := l.Clock.Now()
	var waited *Waited
	for {
		v, dead, err := c.look(ctx)
		if err != nil && ctx.Err() != nil && waited != nil {
			return nil, &waited.Holder
		}
		if err != nil {
			return nil, err
		}
		if v.note.State != stateHeld || dead || v.note.Deletes {
			return waited.ended(v, elapsed(l.Clock.Now(), started)), nil
		}
		waited = l.waitFor(ctx, waited, v, record)
		if l.Clock.Sleep(ctx, pollInterval+rand.N(pollInterval/5)) != nil {
			return nil, v.error(record)
		}
	}
}

// look reads the lock as it is now, and whether its holder is dead; the zero view where
// there is none.
func (c *contender) look(ctx context.Context) (v lockView, dead bool, err error) {
	wrap := func(err error) error { return fmt.Errorf("read the lock of record %s: %w", c.record, err) }
	for range maxAttempts {
		if c.current == 0 {
			listed, err := c.list(ctx)
			if err != nil {
				return v, false, wrap(err)
			}
			epochs := epochsIn(c.record, listed)
			if len(epochs) == 0 {
				return v, false, nil
			}
			c.current = epochs[len(epochs)-1]
		}
		local := c.l.Clock.Now()
		tag, err := c.l.store.Get(ctx, lockID(c.record, c.current))
		if errors.Is(err, ErrNotFound) { // it was taken over, or given back for good
			c.current = 0
			c.listed = true
			continue
		}
		if err != nil {
			return v, false, wrap(err)
		}
		v = viewLock(c.current, tag)
		if v.note.State != stateHeld {
			return v, false, nil
		}
		now, err := c.l.now(ctx)
		if err != nil {
			return v, false, wrap(err)
		}
		return v, c.ended(v, now, local), nil
	}
	return lockView{}, false, wrap(errors.New("it changes hands all the time"))
}
