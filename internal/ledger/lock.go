package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
)

// The times of a lock. The package comment says how they work together.
const (
	heartbeatInterval = 15 * time.Second
	freshFor          = 30 * time.Second
	staleAfter        = 60 * time.Second
	// lockTimeout is how long Lock waits for a holder, so that a dead one's
	// heartbeat has become stale in any case.
	lockTimeout  = 75 * time.Second
	pollInterval = 5 * time.Second
	// releasePause is between the two attempts to release a lock.
	releasePause = 100 * time.Millisecond
	// callTimeout bounds the calls that a lock makes by itself.
	callTimeout = 20 * time.Second
)

const (
	// epochsWrap is the epoch at which a release starts over from 1, so that
	// the search for the current epoch stays short. By then hundreds of holders
	// have come and gone since the last request to the reused tag was sent.
	epochsWrap = 250
	// maxEpoch leaves room for takeovers beyond epochsWrap.
	maxEpoch = 500
)

// contender is one run's attempt to get a lock.
type contender struct {
	l      *Ledger
	record uuid.UUID
	nonce  string
	holder string
	// deletes is what a holder's note says of its purpose.
	deletes bool

	current int  // the epoch to watch; 0: to be found
	listed  bool // the ledger was listed for this attempt; else an older list may do

	// The holder's tag and since when it has not changed by the local clock:
	// should vCenter's clock be set back, a dead holder would look alive.
	seen   Tag
	seenAt time.Time
}

// Lock takes the lock of a record, which need not be registered yet. holder is
// how the run names itself to people: host and process. While another run that
// is alive holds the lock, Lock waits somewhat longer than a minute, and then
// fails with a *LockedError. The lock of a dead run is taken over.
//
// The lease lives on when ctx ends, until it is released: a run that is being
// cancelled still has to clean up.
func (l *Ledger) Lock(ctx context.Context, record uuid.UUID, holder string) (*Lease, error) {
	return l.lock(ctx, &contender{l: l, record: record, nonce: uuid.NewString(), holder: holder})
}

// LockToDelete is Lock for a run that deletes what the record is of: others see that.
func (l *Ledger) LockToDelete(ctx context.Context, record uuid.UUID, holder string) (*Lease, error) {
	return l.lock(ctx, &contender{l: l, record: record, nonce: uuid.NewString(), holder: holder, deletes: true})
}

func (l *Ledger) lock(ctx context.Context, c *contender) (*Lease, error) {
	record := c.record
	started := l.Clock.Now()
	var waited *Waited
	for {
		lease, blocker, err := c.attempt(ctx)
		if err != nil {
			return nil, fmt.Errorf("take the lock of record %s: %w", record, err)
		}
		if lease != nil {
			lease.waited = waited.ended(blocker, elapsed(l.Clock.Now(), started))
			return lease, nil
		}

		if !c.listed && c.current == 0 { // the list was too old
			c.listed = true
			continue
		}
		c.listed = true
		if elapsed(l.Clock.Now(), started) >= lockTimeout {
			return nil, blocker.error(record)
		}
		waited = l.waitFor(ctx, waited, blocker, record)
		// Not in step with other contenders.
		if err := l.Clock.Sleep(ctx, pollInterval+rand.N(time.Second)); err != nil {
			return nil, fmt.Errorf("wait for the lock of record %s: %w", record, err)
		}
	}
}

// attempt tries once. Without lease and error, blocker is in the way.
func (c *contender) attempt(ctx context.Context) (lease *Lease, blocker lockView, err error) {
	if c.current == 0 {
		listed, err := c.list(ctx)
		if err != nil {
			return nil, blocker, err
		}
		if epochs := epochsIn(c.record, listed); len(epochs) > 0 {
			c.current = epochs[len(epochs)-1]
		}
	}

	// Both clocks before the tag: a heartbeat never looks older than it is.
	local := c.l.Clock.Now()
	now, err := c.l.now(ctx)
	if err != nil {
		return nil, blocker, fmt.Errorf("read vCenter's clock: %w", err)
	}

	if c.current > 0 {
		tag, err := c.l.store.Get(ctx, lockID(c.record, c.current))
		if errors.Is(err, ErrNotFound) {
			c.current = 0
			return nil, blocker, nil
		}
		if err != nil {
			return nil, blocker, err
		}
		blocker = viewLock(c.current, tag)
		if !c.ended(blocker, now, local) {
			return nil, blocker, nil
		}
	}

	lease, err = c.takeOver(ctx, blocker, now, local)
	if lease == nil {
		c.current = 0
	}
	return lease, blocker, err
}

// list returns the ledger's ids: in the first attempt, those that this run has read a
// moment ago, if it has. Which epoch is the lock shows after a new one was created, from
// a list that is made then.
func (c *contender) list(ctx context.Context) (idSet, error) {
	if c.listed {
		return c.l.list(ctx)
	}
	return c.l.listWith(ctx, func(ctx context.Context) ([]uuid.UUID, error) {
		return c.l.shared.list.Get(ctx, pollInterval, c.l.shared.Store.List)
	})
}

// ended reports whether the holder of a lock has released it or died. now and
// local are the time in vCenter and here, before the tag was read.
func (c *contender) ended(v lockView, now, local time.Time) bool {
	if v.tag != c.seen {
		c.seen = v.tag
		c.seenAt = c.l.Clock.Now()
	}
	if v.note.State != stateHeld {
		return true
	}
	if heartbeat := parseTime(v.note.Heartbeat); !heartbeat.IsZero() && now.Sub(heartbeat) >= staleAfter {
		return true
	}
	// Only time that surely passed counts here: the monotonic clock's.
	return local.Sub(c.seenAt) >= staleAfter
}

// takeOver creates the epoch after old, which is the zero view where there is
// none, and verifies that nothing has happened in between. now and local are the
// same moment by vCenter's clock and, or earlier, by the local one. Without lease
// and error, another run was faster.
func (c *contender) takeOver(ctx context.Context, old lockView, now, local time.Time) (*Lease, error) {
	epoch := old.epoch + 1
	if epoch > maxEpoch {
		return nil, fmt.Errorf("the lock has been taken over %d times without a release: delete the tags %s#... in vCenter", maxEpoch, c.record)
	}
	note := lockNote{State: stateHeld, Holder: c.holder, Since: formatTime(now), Heartbeat: formatTime(now), Deletes: c.deletes}
	tag, err := lockTag(c.record, epoch, c.nonce, &note)
	if err != nil {
		return nil, err
	}

	if err := c.l.store.Create(ctx, tag); err != nil {
		if errors.Is(err, ErrExists) {
			return nil, nil
		}
		c.withdraw(ctx, epoch)
		return nil, err
	}
	since := c.l.Clock.Now()
	listed, older, err := c.verify(ctx, old, epoch)
	if err != nil || listed == nil {
		c.withdraw(ctx, epoch)
		return nil, err
	}

	lease := newLease(ctx, c, epoch, note, local)
	lease.older = older
	lease.listed = listed
	lease.since = since
	if listed.has(c.record) {
		lease.presence = present
	}
	lease.deleteOlder(ctx)
	// All this may have taken so long that the lock was taken over already.
	if err := lease.Check(ctx); err != nil {
		lease.abandon(err)
		if errors.Is(err, ErrLost) {
			return nil, nil
		}
		c.withdraw(ctx, lease.Epoch())
		return nil, err
	}
	lease.start()
	return lease, nil
}

// verify lists the ledger after an epoch was created, and returns the list and
// the epochs before; no list where the world is no longer as it was when old was
// read. As long as the old tag is there, no other run has verifiably taken over
// from it, since predecessors are deleted before successors; and what a dead
// run's late request brings back lies below the epoch that counts.
func (c *contender) verify(ctx context.Context, old lockView, epoch int) (listed idSet, older []int, err error) {
	listed, err = c.l.list(ctx)
	if err != nil {
		return nil, nil, err
	}
	epochs := epochsIn(c.record, listed)
	last := len(epochs) - 1
	if last < 0 || epochs[last] != epoch {
		return nil, nil, nil
	}
	older = epochs[:last]
	if old.epoch == 0 {
		if len(older) > 0 {
			return nil, nil, nil
		}
		return listed, nil, nil
	}

	tag, err := c.l.store.Get(ctx, old.tag.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil || tag != old.tag || !slices.Contains(older, old.epoch) {
		return nil, nil, err
	}
	return listed, older, nil
}

// withdraw deletes the tag that this contender created, or may have created.
// Should it fail, the tag becomes stale.
func (c *contender) withdraw(ctx context.Context, epoch int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	tag, err := c.l.store.Get(ctx, lockID(c.record, epoch))
	if err == nil && tag.Name == lockName(c.record, epoch, c.nonce) {
		_ = c.l.store.Delete(ctx, tag.ID) // nothing else can be done about it
	}
}
