package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Waited is how a run that took a lock has waited for another one.
type Waited struct {
	// Holder is the run that was waited for last.
	Holder LockedError
	For    time.Duration
	// Died reports whether that run's lock was taken over; otherwise it was released.
	Died bool
}

// String says who was waited for, how long, and how that ended.
func (w *Waited) String() string {
	how := "it released the lock"
	if w.Died {
		how = fmt.Sprintf("it had not shown a sign of life for %s, and its lock was taken over", staleAfter)
	}
	return fmt.Sprintf("%s. It was waited for, for %s, until %s", w.Holder.Words(), w.For.Round(time.Second), how)
}

// waitFor notes that a holder is waited for, and reports each one once. Without a
// holder that can be named, what was noted stays.
func (l *Ledger) waitFor(ctx context.Context, before *Waited, blocker lockView, record uuid.UUID) *Waited {
	if blocker.note.State != stateHeld {
		return before
	}
	holder := blocker.locked(record)
	if l.Waiting != nil && (before == nil || before.Holder.Holder != holder.Holder) {
		l.Waiting(ctx, holder, staleAfter)
	}
	return &Waited{Holder: *holder}
}

// ended completes a wait once its lock was taken from the view; nil for none.
func (w *Waited) ended(from lockView, after time.Duration) *Waited {
	if w == nil {
		return nil
	}
	w.For = after
	w.Died = from.note.State == stateHeld
	return w
}

// Waited is how this run has waited for the lock; nil where it had not to.
func (s *Lease) Waited() *Waited { return s.waited }
