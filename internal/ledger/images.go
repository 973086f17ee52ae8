package ledger

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// LockImage is Ledger.LockImage for a run that holds another lock.
func (s *Lease) LockImage(ctx context.Context, image uuid.UUID, wait func(*LockedError) error) (*Lease, error) {
	return s.l.LockImage(ctx, image, s.holder, wait)
}

// LockImage takes the lock of an image's record, however long another run has it: an import
// takes longer than a lock is waited for otherwise. Runs of this process take turns. wait is
// called with each error of a run that is alive and holds it, and may end the wait by
// returning one.
func (l *Ledger) LockImage(ctx context.Context, image uuid.UUID, holder string, wait func(*LockedError) error) (*Lease, error) {
	end, err := l.turns.take(ctx, image)
	if err != nil {
		return nil, err
	}
	for {
		lease, err := l.Lock(ctx, image, holder)
		if err == nil {
			context.AfterFunc(lease.Context(), end) // which Release ends
			return lease, nil
		}
		var locked *LockedError
		if errors.As(err, &locked) {
			if err = wait(locked); err == nil {
				continue
			}
		}
		end()
		return nil, err
	}
}
