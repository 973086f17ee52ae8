package ledger

import (
	"context"
	"errors"
)

// start begins the heartbeat.
func (s *Lease) start() {
	go func() {
		defer close(s.heartbeatEnded)
		pause := heartbeatInterval
		for s.l.Clock.Sleep(s.background, pause) == nil {
			// Not cut short by Release: a write that was given up on may still
			// arrive, after the last one.
			err := s.heartbeat(context.WithoutCancel(s.background))
			if errors.Is(err, ErrLost) {
				return
			}
			pause = heartbeatInterval
			if err != nil {
				pause = pollInterval
			}
		}
	}()
}

// heartbeat writes a heartbeat and verifies that no other run has taken over.
// Where several callers want one, it is made once.
func (s *Lease) heartbeat(ctx context.Context) error {
	requested := s.l.Clock.Now()
	select {
	case s.calling <- struct{}{}:
		defer func() { <-s.calling }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.mu.Lock()
	lost := s.lost
	recent := !s.provenAt.Before(requested)
	s.mu.Unlock()
	if lost != nil || recent {
		return lost
	}

	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	began := s.l.Clock.Now()
	// Never an estimate: by a local clock that stood still, with the machine, the
	// heartbeat would look stale.
	now, err := s.l.now(ctx)
	if err != nil {
		return s.failed(err)
	}
	s.note.Heartbeat = formatTime(now)
	s.note.Beats++
	if s.uncertain {
		if err := s.advanceEpoch(ctx); err != nil {
			return err
		}
	}
	if err := s.write(ctx); err != nil {
		return err
	}
	if err := s.checkNoSuccessor(ctx); err != nil {
		return err
	}

	s.mu.Lock()
	defer s.mu.Unlock()
	s.provenAt = began
	return nil
}

// write puts the note into the lock tag.
func (s *Lease) write(ctx context.Context) error {
	tag, err := lockTag(s.record, s.epoch, s.nonce, &s.note)
	if err != nil {
		return err
	}
	err = s.l.store.Update(ctx, tag.ID, tag.Description)
	if errors.Is(err, ErrNotFound) {
		return s.markLost("")
	}
	if err != nil {
		s.uncertain = true
		return s.failed(err)
	}
	return nil
}

// checkNoSuccessor proves that no next epoch existed when it began. It reads
// first the next epoch's tag, then the own one: had there been a successor that
// is gone again, the own tag would be gone before it.
func (s *Lease) checkNoSuccessor(ctx context.Context) error {
	next, err := s.l.store.Get(ctx, lockID(s.record, s.epoch+1))
	if err == nil {
		return s.markLost(viewLock(s.epoch+1, next).note.Holder)
	}
	if !errors.Is(err, ErrNotFound) {
		return s.failed(err)
	}
	return s.checkOwnTag(ctx)
}

// checkOwnTag proves that the own tag is there.
func (s *Lease) checkOwnTag(ctx context.Context) error {
	own, err := s.l.store.Get(ctx, lockID(s.record, s.epoch))
	if errors.Is(err, ErrNotFound) || err == nil && !hasNonce(own, s.nonce) {
		return s.markLost("")
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// advanceEpoch takes over from the own epoch, after a heartbeat that may still be
// in flight. Should that one arrive late, over newer ones, the lock would look
// stale while it is held; so it has to find no tag.
func (s *Lease) advanceEpoch(ctx context.Context) error {
	next := s.epoch + 1
	tag, err := lockTag(s.record, next, s.nonce, &s.note)
	if err != nil {
		return err
	}
	err = s.l.store.Create(ctx, tag)
	if errors.Is(err, ErrExists) {
		// Perhaps by an earlier attempt.
		there, gerr := s.l.store.Get(ctx, tag.ID)
		if gerr != nil {
			return s.failed(gerr)
		}
		if !hasNonce(there, s.nonce) {
			return s.markLost(viewLock(next, there).note.Holder)
		}
		err = nil
	}
	if err != nil {
		return s.failed(err)
	}
	if err := s.checkOwnTag(ctx); err != nil {
		return err
	}

	s.older = append(s.older, s.epoch)
	s.mu.Lock()
	s.epoch = next
	s.mu.Unlock()
	s.uncertain = false
	s.deleteOlder(ctx)
	return nil
}

// deleteOlder deletes the tags of earlier epochs, the oldest first.
func (s *Lease) deleteOlder(ctx context.Context) {
	for len(s.older) > 0 {
		if s.l.store.Delete(ctx, lockID(s.record, s.older[0])) != nil {
			return
		}
		s.older = s.older[1:]
	}
}
