package ledger

import (
	"context"
	"errors"
	"fmt"
)

// errReleased is what Check answers after Release.
var errReleased = fmt.Errorf("the lock was released by this run: %w", ErrLost)

// Release gives the lock back. dirty tells the next run to look for what this
// one may have left. A lease that is lost is left alone, which is no error: the
// new holder cleans up. Releasing again changes nothing. ctx being cancelled
// does not keep the lock from being released.
//
// After an error the lock is taken over once its heartbeat is stale.
func (s *Lease) Release(ctx context.Context, dirty bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*callBudget)
	defer cancel()
	s.stop()
	<-s.done
	// Only the current holder may write: see to that first.
	err := s.Check(ctx)
	if errors.Is(err, ErrLost) {
		return nil
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("release the lock of record %s: %w", s.record, context.Cause(ctx))
	}
	s.mu.Lock()
	again := s.lost != nil
	if !again {
		s.lost = errReleased
	}
	s.mu.Unlock()
	defer s.end(errReleased)
	if again {
		return nil
	}
	if err == nil {
		err = s.giveBack(ctx, dirty)
	}
	if err != nil {
		return fmt.Errorf("release the lock of record %s: %w", s.record, err)
	}
	return nil
}

// giveBack leaves a free or dirty tag, or none where the record is gone.
func (s *Lease) giveBack(ctx context.Context, dirty bool) error {
	s.dropOlder(ctx)
	s.note.State, s.note.Heartbeat = stateFree, ""
	if dirty {
		s.note.State = stateDirty
		return s.settled(ctx)
	}
	if len(s.older) == 0 {
		_, err := s.l.store.Get(ctx, s.record)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
		if err != nil || s.epoch >= epochsWrap {
			return s.l.store.Delete(ctx, lockID(s.record, s.epoch))
		}
	}
	return s.settled(ctx)
}

// settled writes the last word of this holder.
func (s *Lease) settled(ctx context.Context) error {
	if err := s.write(ctx); err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	return nil
}
