package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// The times of a lock. See the package comment for how they work together.
const (
	heartbeatEvery = 15 * time.Second
	freshFor       = 30 * time.Second
	staleAfter     = 60 * time.Second
	// patience is how long Lock waits for a holder, so that a dead one's
	// heartbeat has become stale in any case.
	patience  = 75 * time.Second
	pollEvery = 5 * time.Second
	// callBudget bounds calls that the lock makes on its own account.
	callBudget = 20 * time.Second
)

const (
	// epochsWrap is the epoch at which a release starts over from 1, so that
	// the search for the current epoch stays short. By then hundreds of holders
	// have come and gone since the last request to the reused tag was sent.
	epochsWrap = 250
	// maxEpoch leaves room for takeovers beyond epochsWrap.
	maxEpoch = 500
)

// The states of a lock tag.
const (
	stateHeld  = "held"
	stateFree  = "free"
	stateDirty = "dirty"
)

// lockNote is the description of a lock tag.
type lockNote struct {
	State     string `json:"state"`
	Holder    string `json:"holder"`
	Since     string `json:"since"`
	Heartbeat string `json:"heartbeat,omitempty"`
	// Beats makes two heartbeats within a second differ.
	Beats int `json:"beats"`
}

// lockView is a lock tag as it was read.
type lockView struct {
	epoch int
	tag   Tag
	note  lockNote
}

func viewLock(epoch int, tag Tag) lockView {
	v := lockView{epoch: epoch, tag: tag}
	if json.Unmarshal([]byte(tag.Description), &v.note) != nil {
		// Not readable: held by somebody unknown, until it is seen not to move.
		v.note = lockNote{State: stateHeld}
	}
	return v
}

func (v lockView) error(record uuid.UUID) error {
	return &LockedError{Record: record, Holder: v.note.Holder, Since: moment(v.note.Since), Heartbeat: moment(v.note.Heartbeat)}
}

func lockID(record uuid.UUID, epoch int) uuid.UUID { return derive(record, lockSuffix(epoch)) }

func lockName(record uuid.UUID, epoch int, nonce string) string {
	return record.String() + lockSuffix(epoch) + " " + nonce
}

// epochsIn finds a record's lock tags, in ascending order, without a call.
func epochsIn(record uuid.UUID, there idSet) []int {
	var epochs []int
	for epoch := 1; epoch <= maxEpoch; epoch++ {
		if there.has(lockID(record, epoch)) {
			epochs = append(epochs, epoch)
		}
	}
	return epochs
}

// contender is one run's attempt to get a lock.
type contender struct {
	l      *Ledger
	record uuid.UUID
	nonce  string
	holder string

	current int // the epoch to watch; 0: look for it

	// The holder's tag and since when it has not moved by the local clock:
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
	c := &contender{l: l, record: record, nonce: uuid.NewString(), holder: holder}
	started := l.Clock.Now()
	for {
		lease, blocker, err := c.try(ctx)
		if err != nil {
			return nil, fmt.Errorf("take the lock of record %s: %w", record, err)
		}
		if lease != nil {
			return lease, nil
		}
		if elapsed(l.Clock.Now(), started) >= patience {
			return nil, blocker.error(record)
		}
		// Not in step with other contenders.
		if err := l.Clock.Sleep(ctx, pollEvery+rand.N(time.Second)); err != nil {
			return nil, fmt.Errorf("wait for the lock of record %s: %w", record, err)
		}
	}
}

// try makes one attempt. Without lease and error, blocker is in the way.
func (c *contender) try(ctx context.Context) (lease *Lease, blocker lockView, err error) {
	if c.current == 0 {
		there, err := c.l.listed(ctx)
		if err != nil {
			return nil, blocker, err
		}
		if epochs := epochsIn(c.record, there); len(epochs) > 0 {
			c.current = epochs[len(epochs)-1]
		}
	}
	// Both clocks before the tag: a heartbeat never looks older than it is.
	asked := c.l.Clock.Now()
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
		if !c.over(blocker, now, asked) {
			return nil, blocker, nil
		}
	}
	lease, err = c.succeed(ctx, blocker, now, asked)
	return lease, blocker, err
}

// over reports whether the holder of a lock has ended. now and asked are the
// time in vCenter and here, before the tag was read.
func (c *contender) over(v lockView, now, asked time.Time) bool {
	if v.tag != c.seen {
		c.seen, c.seenAt = v.tag, c.l.Clock.Now()
	}
	if v.note.State != stateHeld {
		return true
	}
	if beat := moment(v.note.Heartbeat); !beat.IsZero() && now.Sub(beat) >= staleAfter {
		return true
	}
	// Only time that surely passed counts here: the monotonic clock's.
	return asked.Sub(c.seenAt) >= staleAfter
}

// succeed creates the epoch after old, which is the zero view when there is
// none, and makes sure that nothing has happened in between. now and asked are
// the same moment by vCenter's clock and, or earlier, by the local one.
func (c *contender) succeed(ctx context.Context, old lockView, now, asked time.Time) (*Lease, error) {
	epoch := old.epoch + 1
	if epoch > maxEpoch {
		return nil, fmt.Errorf("the lock has been taken over %d times without a release: delete the tags %s#... in vCenter", maxEpoch, c.record)
	}
	note := lockNote{State: stateHeld, Holder: c.holder, Since: stamp(now), Heartbeat: stamp(now)}
	description, err := encode(&note, &note.Holder)
	if err != nil {
		return nil, err
	}
	tag := Tag{ID: lockID(c.record, epoch), Name: lockName(c.record, epoch, c.nonce), Description: description}
	if err := c.l.store.Create(ctx, tag); err != nil {
		c.current = 0
		if errors.Is(err, ErrExists) {
			return nil, nil
		}
		c.withdraw(ctx, epoch)
		return nil, err
	}
	older, ok, err := c.verify(ctx, old, epoch)
	if err != nil || !ok {
		c.current = 0
		c.withdraw(ctx, epoch)
		return nil, err
	}
	lease := newLease(ctx, c, epoch, note, old.epoch > 0 && old.note.State != stateFree, asked)
	lease.older = older
	lease.dropOlder(ctx)
	// All this may have taken so long that it is somebody else's turn already.
	if err := lease.Check(ctx); err != nil {
		c.current = 0
		lease.stop()
		lease.end(err)
		if errors.Is(err, ErrLost) {
			return nil, nil
		}
		c.withdraw(ctx, lease.Epoch())
		return nil, err
	}
	lease.start()
	return lease, nil
}

// verify answers the epochs before the one that was just made, and whether the
// world is still as it was when old was read. As long as the old tag is there,
// nobody else has verifiably succeeded it, since predecessors go before
// successors; and what a dead run's late request brings back lies below the
// epoch that counts.
func (c *contender) verify(ctx context.Context, old lockView, epoch int) (older []int, ok bool, err error) {
	there, err := c.l.listed(ctx)
	if err != nil {
		return nil, false, err
	}
	epochs := epochsIn(c.record, there)
	last := len(epochs) - 1
	if last < 0 || epochs[last] != epoch {
		return nil, false, nil
	}
	older = epochs[:last]
	if old.epoch == 0 {
		return nil, len(older) == 0, nil
	}
	tag, err := c.l.store.Get(ctx, old.tag.ID)
	if errors.Is(err, ErrNotFound) {
		return nil, false, nil
	}
	return older, err == nil && tag == old.tag && slices.Contains(older, old.epoch), err
}

// withdraw deletes the tag that this contender made, or may have made. Should
// it fail, the tag becomes stale.
func (c *contender) withdraw(ctx context.Context, epoch int) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callBudget)
	defer cancel()
	tag, err := c.l.store.Get(ctx, lockID(c.record, epoch))
	if err == nil && tag.Name == lockName(c.record, epoch, c.nonce) {
		_ = c.l.store.Delete(ctx, tag.ID) // nothing else can be done about it
	}
}

// dropFreeLocks deletes the lock tags of a record that nobody holds.
func (l *Ledger) dropFreeLocks(ctx context.Context, record uuid.UUID, there idSet) error {
	for _, epoch := range epochsIn(record, there) {
		tag, err := l.store.Get(ctx, lockID(record, epoch))
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if viewLock(epoch, tag).note.State == stateHeld {
			return nil
		}
		if err := l.store.Delete(ctx, tag.ID); err != nil {
			return err
		}
	}
	return nil
}

// mine reports whether a tag is the lock tag that this nonce names.
func mine(tag Tag, nonce string) bool { return strings.HasSuffix(tag.Name, " "+nonce) }
