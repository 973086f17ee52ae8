package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Lease is a lock that this run holds. Its methods may be used concurrently.
type Lease struct {
	l      *Ledger
	record uuid.UUID
	nonce  string
	holder string
	listed idSet     // the ledger as it was listed when the lock stood
	since  time.Time // the local time before that list call
	waited *Waited

	ctx            context.Context
	end            context.CancelCauseFunc
	background     context.Context    // of the heartbeat
	stopHeartbeat  context.CancelFunc // ends it
	heartbeatEnded chan struct{}      // is closed then

	// calling is a mutex that respects contexts: it is held while the lease makes
	// calls.
	calling chan struct{}
	// Guarded by calling:
	note      lockNote
	older     []int // epochs to delete
	uncertain bool  // a heartbeat was written of which the outcome is not known

	mu       sync.Mutex
	epoch    int       // changed with calling and mu
	provenAt time.Time // when the last successful heartbeat was begun
	lost     error
	presence presence
	written  *Tag // the record's, as this run has written it last; nil: not known
}

// presence is whether the record of a lock is known to exist.
type presence int

const (
	presenceUnknown presence = iota
	present
	absent
)

// newLease returns the lease of an epoch that was created no earlier than proven.
func newLease(ctx context.Context, c *contender, epoch int, note lockNote, proven time.Time) *Lease {
	s := &Lease{
		l:              c.l,
		record:         c.record,
		nonce:          c.nonce,
		holder:         c.holder,
		heartbeatEnded: make(chan struct{}),
		calling:        make(chan struct{}, 1),
		note:           note,
		epoch:          epoch,
		provenAt:       proven,
	}
	s.ctx, s.end = context.WithCancelCause(ctx)
	s.background, s.stopHeartbeat = context.WithCancel(context.WithoutCancel(ctx))

	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.l.leases[c.record] = s
	return s
}

// notePresence notes at the lease of a record, if it is held through this Ledger,
// whether the record exists.
func (l *Ledger) notePresence(record uuid.UUID, p presence) {
	l.mu.Lock()
	s := l.leases[record]
	l.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.presence = p
}

// noteWritten notes at the lease of a record, if it is held through this Ledger, what
// its tag is since a write; nil where that is not known.
func (l *Ledger) noteWritten(record uuid.UUID, tag *Tag) {
	l.mu.Lock()
	s := l.leases[record]
	l.mu.Unlock()
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written = tag
}

// recordTag returns the tag of a record. What this run has written under the lock that
// it holds is not read again: no other run writes it.
func (l *Ledger) recordTag(ctx context.Context, record uuid.UUID) (Tag, error) {
	l.mu.Lock()
	s := l.leases[record]
	l.mu.Unlock()
	if s != nil {
		s.mu.Lock()
		written := s.written
		s.mu.Unlock()
		if written != nil {
			return *written, nil
		}
	}
	return l.store.Get(ctx, record)
}

// detach ends the lease's context, and that the ledger knows the lease.
func (s *Lease) detach(cause error) {
	s.end(cause)
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	if s.l.leases[s.record] == s {
		delete(s.l.leases, s.record)
	}
}

// abandon ends a lease that was never returned.
func (s *Lease) abandon(cause error) {
	s.stopHeartbeat()
	s.detach(cause)
}

// Epoch returns the number of this holder; each later holder of the record has a
// higher one while the record exists.
func (s *Lease) Epoch() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epoch
}

// RecordListed reports whether the lock's record was in the ledger's list when the lock
// stood. A record that the account may not see is not, either.
func (s *Lease) RecordListed() bool { return s.listed.has(s.record) }

// Snapshot is the ledger as it was listed when the lock stood, without a call: for whom
// observes at once. Later it is too old to tell what others have claimed or released.
func (s *Lease) Snapshot() *Snapshot { return newSnapshot(s.since, maps.Clone(s.listed)) }

// Context returns Lock's context, which is cancelled with a *LostError as its
// cause when the lock is lost.
func (s *Lease) Context() context.Context { return s.ctx }

// Check is called before each change of the world. It returns nil, without a
// call, while the last successful heartbeat is less than 30 s old; otherwise it
// makes one now. ErrLost means that another run has taken over. After any other
// error the lock may or may not be held, and nothing may be changed.
func (s *Lease) Check(ctx context.Context) error {
	// A heartbeat that was delayed proves nothing about now.
	for range maxAttempts {
		if fresh, err := s.fresh(); fresh || err != nil {
			return err
		}
		if err := s.heartbeat(ctx); err != nil {
			return err
		}
	}
	if fresh, err := s.fresh(); fresh || err != nil {
		return err
	}
	return fmt.Errorf("vCenter responds too slowly to keep the lock of record %s", s.record)
}

func (s *Lease) fresh() (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil {
		return false, s.lost
	}
	return elapsed(s.l.Clock.Now(), s.provenAt) < freshFor, nil
}

func (s *Lease) failed(err error) error {
	return fmt.Errorf("keep the lock of record %s: %w", s.record, err)
}

// markLost ends the lease for good.
func (s *Lease) markLost(takenBy string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost == nil {
		s.lost = &LostError{Record: s.record, By: takenBy}
		s.detach(s.lost)
	}
	return s.lost
}

// errReleased is what Check returns after Release.
var errReleased = fmt.Errorf("the lock was released by this run: %w", ErrLost)

// Release gives the lock back. A lease that is lost is left alone, which is no
// error: the new holder cleans up. Releasing again changes nothing. ctx being
// cancelled does not keep the lock from being released.
//
// After an error the lock is taken over once its heartbeat is stale.
func (s *Lease) Release(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*callTimeout)
	defer cancel()
	s.stopHeartbeat()
	<-s.heartbeatEnded
	// Only the current holder may write: prove that first.
	err := s.Check(ctx)
	if errors.Is(err, ErrLost) {
		return nil
	}

	select {
	case s.calling <- struct{}{}:
		defer func() { <-s.calling }()
	case <-ctx.Done():
		return fmt.Errorf("release the lock of record %s: %w", s.record, context.Cause(ctx))
	}
	s.mu.Lock()
	again := s.lost != nil
	if !again {
		s.lost = errReleased
	}
	s.mu.Unlock()
	defer s.detach(errReleased)
	if again {
		return nil
	}

	if err == nil {
		err = s.releaseTag(ctx)
		if err != nil && s.l.Clock.Sleep(ctx, releasePause) == nil {
			err = s.releaseTag(ctx) // an answer may have been lost
		}
	}
	if err != nil {
		return fmt.Errorf("release the lock of record %s: %w", s.record, err)
	}
	return nil
}

// releaseTag leaves a free tag, or none where the record is gone.
func (s *Lease) releaseTag(ctx context.Context) error {
	s.deleteOlder(ctx)
	if len(s.older) == 0 {
		gone, err := s.recordGone(ctx)
		if err != nil {
			return err
		}
		if gone || s.epoch >= epochsWrap {
			return s.l.store.Delete(ctx, lockID(s.record, s.epoch))
		}
	}

	s.note.State = stateFree
	s.note.Heartbeat = ""
	if err := s.write(ctx); err != nil && !errors.Is(err, ErrLost) {
		return err
	}
	return nil
}

// recordGone reports whether the record does not exist: without a call where
// this run has listed, created or deleted it under the lock. Should it have been
// deleted by hand meanwhile, a free tag is left, which does no harm.
func (s *Lease) recordGone(ctx context.Context) (bool, error) {
	s.mu.Lock()
	known := s.presence
	s.mu.Unlock()
	if known != presenceUnknown {
		return known == absent, nil
	}
	_, err := s.l.store.Get(ctx, s.record)
	if errors.Is(err, ErrNotFound) {
		return true, nil
	}
	return false, err
}
