package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
)

// restNote is the description of an address that rests.
type restNote struct {
	Cluster  string `json:"cluster"`  // who had it
	Released string `json:"released"` // by vCenter's clock
}

// end is when the rest is over.
func (n restNote) end(delay time.Duration) time.Time { return moment(n.Released).Add(delay) }

// over reports whether the rest is over. One that cannot be read, or that begins
// in the future, is: somebody has edited it, or vCenter's clock was set back,
// and the address must not be lost for ever. Rest is a courtesy; nothing but an
// address's claim decides whose it is.
func (n restNote) over(delay time.Duration, now time.Time) bool {
	released := moment(n.Released)
	return released.IsZero() || released.After(now.Add(hearsay)) || !n.end(delay).After(now)
}

func readRest(description string) restNote {
	var n restNote
	if json.Unmarshal([]byte(description), &n) != nil {
		return restNote{}
	}
	return n
}

// releaseWindow is how old the proof of ownership may be when a claim is
// deleted. A delete carries no condition: a runner that was stopped between
// reading and deleting must not delete what somebody else has claimed since.
const releaseWindow = 10 * time.Second

// Release gives an address back. It rests for the pool's ReuseDelay: until then
// no other cluster gets it. One that is free is success; one that another owner
// has is a *HeldError, and nothing is deleted. Prove first that nothing uses the
// address any more.
func (l *Ledger) Release(ctx context.Context, pool Pool, addr netip.Addr, owner Owner) error {
	wrap := func(err error) error { return fmt.Errorf("release address %s: %w", addr, err) }
	for range rereads {
		asked := l.Clock.Now()
		note, err := l.note(ctx, pool.ID, addr)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		if note.owner() != owner {
			return &HeldError{Pool: pool.words(), Address: addr, Owner: note.owner(), Since: moment(note.Since)}
		}
		// First the rest and then the claim: in between the address is claimed.
		if pool.ReuseDelay > 0 && pool.Contains(addr) {
			if err := l.beginRest(ctx, pool, addr, owner.Cluster); err != nil {
				return wrap(err)
			}
		}
		if elapsed(l.Clock.Now(), asked) > releaseWindow {
			continue
		}
		if err := l.store.Delete(ctx, claimID(pool.ID, addr)); err != nil {
			return wrap(err)
		}
		return nil
	}
	return wrap(fmt.Errorf("vCenter took longer than %s to answer, %d times", releaseWindow, rereads))
}

func (p Pool) words() string {
	if p.Name == "" {
		return p.ID.String()
	}
	return p.Name
}

// beginRest writes down that an address rests from now on. Only who has the
// address claimed does; what an earlier rest has left is written over.
func (l *Ledger) beginRest(ctx context.Context, pool Pool, addr netip.Addr, cluster string) error {
	now, err := l.about(ctx)
	if err != nil {
		return fmt.Errorf("read vCenter's clock: %w", err)
	}
	// A stamp has no fractions, and a rest is never cut short.
	note := restNote{Cluster: cluster, Released: stamp(now.Add(time.Second))}
	description, err := encode(&note, nil)
	if err != nil {
		return err
	}
	suffix := restSuffix(addr.String())
	tag := Tag{ID: derive(pool.ID, suffix), Name: pool.ID.String() + suffix, Description: description}
	// Twice: what was in the way may be gone by the time it is written over.
	for range 2 {
		err = l.store.Create(ctx, tag)
		if !errors.Is(err, ErrExists) {
			return err
		}
		if err = l.store.Update(ctx, tag.ID, description); !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return err
}

// endRest deletes what is left of an address's rest. asked is the local time
// before this run knew that it may. That it fails does no harm: the tag is
// written over when the address is released, and deleted with the pool.
func (l *Ledger) endRest(ctx context.Context, pool Pool, addr netip.Addr, asked time.Time, snap *Snapshot) {
	if elapsed(l.Clock.Now(), asked) > releaseWindow {
		return
	}
	if l.store.Delete(ctx, restID(pool.ID, addr)) == nil {
		snap.forgetRest(pool, addr)
	}
}

const (
	// restBatch is how many rest tags are read before one that will do is
	// looked for among them.
	restBatch = 16
	// restsKept is how many rest tags a pool may have before claims sweep those
	// that are over: up to tidyBatch each.
	restsKept = 64
	tidyBatch = 2
)

// rested is an address that rests for the cluster itself or has rested long
// enough. It reads the tags of those that rest, each once, until one will do.
func (l *Ledger) rested(ctx context.Context, pool Pool, cluster string, snap *Snapshot) (netip.Addr, bool, error) {
	if snap.Resting(pool) == 0 {
		return netip.Addr{}, false, nil
	}
	now, err := l.about(ctx)
	if err != nil {
		return netip.Addr{}, false, fmt.Errorf("read vCenter's clock: %w", err)
	}
	for {
		if addr, ok := snap.pickRested(pool, cluster, now); ok {
			return addr, true, nil
		}
		read, err := l.readRests(ctx, pool, snap, restBatch)
		if err != nil || read == 0 {
			return netip.Addr{}, false, err
		}
	}
}

// readRests reads up to n rest tags that were not read, and answers how many.
func (l *Ledger) readRests(ctx context.Context, pool Pool, snap *Snapshot, n int) (int, error) {
	ask := snap.unread(pool, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepers)
	for _, addr := range ask {
		group.Go(func() error {
			tag, err := l.store.Get(ctx, restID(pool.ID, addr))
			switch {
			case errors.Is(err, ErrNotFound):
				snap.forgetRest(pool, addr)
			case err != nil:
				return fmt.Errorf("read when address %s was released: %w", addr, err)
			default:
				snap.learnRest(pool, addr, readRest(tag.Description))
			}
			return nil
		})
	}
	return len(ask), group.Wait()
}

// tidy keeps rest tags from piling up. The claim that it comes after stands
// whatever happens here.
func (l *Ledger) tidy(ctx context.Context, pool Pool, snap *Snapshot) {
	if snap.Resting(pool) <= restsKept {
		return
	}
	asked := l.Clock.Now()
	if _, err := l.readRests(ctx, pool, snap, tidyBatch); err == nil {
		_ = l.dropOver(ctx, pool, asked, snap, tidyBatch)
	}
}

// sweep deletes the tags of all rests of a pool that are over.
func (l *Ledger) sweep(ctx context.Context, pool Pool, snap *Snapshot) error {
	for {
		asked := l.Clock.Now()
		read, err := l.readRests(ctx, pool, snap, restBatch)
		if err != nil || read == 0 {
			return err
		}
		if err := l.dropOver(ctx, pool, asked, snap, restBatch); err != nil {
			return err
		}
	}
}

// dropOver deletes the tags of up to n rests that are known to be over.
func (l *Ledger) dropOver(ctx context.Context, pool Pool, asked time.Time, snap *Snapshot, n int) error {
	now, err := l.about(ctx)
	if err != nil {
		return fmt.Errorf("read vCenter's clock: %w", err)
	}
	over := snap.over(pool, now)
	for _, addr := range over[:min(n, len(over))] {
		l.endRest(ctx, pool, addr, asked, snap)
	}
	return nil
}
