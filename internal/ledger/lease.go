package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Lease is a lock that this run holds. Its methods may be used concurrently.
type Lease struct {
	l         *Ledger
	record    uuid.UUID
	nonce     string
	recovered bool

	ctx  context.Context
	end  context.CancelCauseFunc
	stop context.CancelFunc // ends the heartbeat
	done chan struct{}      // closed when the heartbeat has ended
	bg   context.Context

	// turn is held by whoever talks to vCenter about the lock.
	turn chan struct{}
	// Guarded by turn:
	note   lockNote
	older  []int // epochs to delete
	unsure bool  // a heartbeat was written of which the outcome is not known

	mu    sync.Mutex
	epoch int       // changed with turn and mu
	good  time.Time // when the last good heartbeat was begun
	lost  error
}

func newLease(ctx context.Context, c *contender, epoch int, note lockNote, recovered bool, began time.Time) *Lease {
	s := &Lease{
		l: c.l, record: c.record, epoch: epoch, nonce: c.nonce, recovered: recovered,
		done: make(chan struct{}), turn: make(chan struct{}, 1), note: note, good: began,
	}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.bg, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	return s
}

// Epoch is the number of this holder; each later holder of the record has a
// higher one while the record exists.
func (s *Lease) Epoch() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// Recovered reports whether the previous holder died, or failed and said so:
// there may be claims and machines that nobody has noted.
func (s *Lease) Recovered() bool { return s.recovered }

// Context is Lock's context, cancelled with a *LostError as its cause when the
// lock is lost.
func (s *Lease) Context() context.Context { return s.ctx }

// start begins the heartbeat.
func (s *Lease) start() {
	go func() {
		defer close(s.done)
		pause := heartbeatEvery
		for s.l.Clock.Sleep(s.bg, pause) == nil {
			// Not cut short by Release: a write that was given up on may still
			// arrive, after the last word.
			err := s.beat(context.WithoutCancel(s.bg))
			if errors.Is(err, ErrLost) {
				return
			}
			pause = heartbeatEvery
			if err != nil {
				pause = pollEvery
			}
		}
	}()
}

// Check is asked before each change of the world. It answers nil, without a
// call, while the last good heartbeat is less than 30 s old; otherwise it makes
// one now. ErrLost means that another run has taken over. After any other error
// the lock may or may not be held, and nothing may be changed.
func (s *Lease) Check(ctx context.Context) error {
	// A heartbeat that was stopped on its way proves nothing about now.
	for range rereads {
		if fresh, err := s.fresh(); fresh || err != nil {
			return err
		}
		if err := s.beat(ctx); err != nil {
			return err
		}
	}
	if fresh, err := s.fresh(); fresh || err != nil {
		return err
	}
	return fmt.Errorf("vCenter answers too slowly to keep the lock of record %s", s.record)
}

func (s *Lease) fresh() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		return false, s.lost
	}
	return elapsed(s.l.Clock.Now(), s.good) < freshFor, nil
}

// beat writes a heartbeat and makes sure that nobody has taken over. Where
// several want one, it is made once.
func (s *Lease) beat(ctx context.Context) error {
	asked := s.l.Clock.Now()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s.mu.Lock()
	lost, recent := s.lost, !s.good.Before(asked)
	s.mu.Unlock()
	if lost != nil || recent {
		return lost
	}
	ctx, cancel := context.WithTimeout(ctx, callBudget)
	defer cancel()
	began := s.l.Clock.Now()
	now, err := s.l.now(ctx)
	if err != nil {
		return s.failed(err)
	}
	s.note.Heartbeat = stamp(now)
	s.note.Beats++
	if s.unsure {
		if err := s.move(ctx); err != nil {
			return err
		}
	}
	if err := s.write(ctx); err != nil {
		return err
	}
	if err := s.unchallenged(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.good = began
	return nil
}

// write puts the note into the lock tag.
func (s *Lease) write(ctx context.Context) error {
	description, err := encode(&s.note, &s.note.Holder)
	if err != nil {
		return err
	}
	err = s.l.store.Update(ctx, lockID(s.record, s.epoch), description)
	if errors.Is(err, ErrNotFound) {
		return s.lose("")
	}
	if err != nil {
		s.unsure = true
		return s.failed(err)
	}
	return nil
}

// unchallenged proves that no next epoch had been made when it began. First the
// next epoch's tag, then the own one: had there been a successor that is gone
// again, the own tag would be gone before it.
func (s *Lease) unchallenged(ctx context.Context) error {
	next, err := s.l.store.Get(ctx, lockID(s.record, s.epoch+1))
	if err == nil {
		return s.lose(viewLock(s.epoch+1, next).note.Holder)
	}
	if !errors.Is(err, ErrNotFound) {
		return s.failed(err)
	}
	return s.present(ctx)
}

// present makes sure that the own tag is there.
func (s *Lease) present(ctx context.Context) error {
	own, err := s.l.store.Get(ctx, lockID(s.record, s.epoch))
	if errors.Is(err, ErrNotFound) || err == nil && !mine(own, s.nonce) {
		return s.lose("")
	}
	if err != nil {
		return s.failed(err)
	}
	return nil
}

// move succeeds to the own lock, after a heartbeat that may still be on its way.
// Should that one arrive late, on top of newer ones, the lock would look stale
// while it is held; so it has to find no tag.
func (s *Lease) move(ctx context.Context) error {
	next := s.epoch + 1
	description, err := encode(&s.note, &s.note.Holder)
	if err != nil {
		return err
	}
	tag := Tag{ID: lockID(s.record, next), Name: lockName(s.record, next, s.nonce), Description: description}
	err = s.l.store.Create(ctx, tag)
	if errors.Is(err, ErrExists) {
		// Perhaps by an earlier attempt.
		there, gerr := s.l.store.Get(ctx, tag.ID)
		if gerr != nil {
			return s.failed(gerr)
		}
		if !mine(there, s.nonce) {
			return s.lose(viewLock(next, there).note.Holder)
		}
		err = nil
	}
	if err != nil {
		return s.failed(err)
	}
	if err := s.present(ctx); err != nil {
		return err
	}
	s.older = append(s.older, s.epoch)
	s.mu.Lock()
	s.epoch = next
	s.mu.Unlock()
	s.unsure = false
	s.dropOlder(ctx)
	return nil
}

func (s *Lease) failed(err error) error {
	return fmt.Errorf("keep the lock of record %s: %w", s.record, err)
}

// lose ends the lease for good.
func (s *Lease) lose(by string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		s.lost = &LostError{Record: s.record, By: by}
		s.end(s.lost)
	}
	return s.lost
}

// dropOlder deletes the tags of earlier epochs, the oldest first.
func (s *Lease) dropOlder(ctx context.Context) {
	for len(s.older) > 0 {
		if s.l.store.Delete(ctx, lockID(s.record, s.older[0])) != nil {
			return
		}
		s.older = s.older[1:]
	}
}
