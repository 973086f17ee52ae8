package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// cooldownNote is the description of an address's cool-down.
type cooldownNote struct {
	Cluster  uuid.UUID `json:"cluster"`  // the last holder
	Released string    `json:"released"` // by vCenter's clock
}

// parseCooldown reads a cool-down's description. One that cannot be read is the
// unknown cluster's, and has expired.
func parseCooldown(description string) cooldownNote {
	var note cooldownNote
	if json.Unmarshal([]byte(description), &note) != nil || !isCluster(note.Cluster) {
		return cooldownNote{Cluster: UnknownCluster}
	}
	return note
}

// end returns when the cool-down expires.
func (n cooldownNote) end(delay time.Duration) time.Time { return parseTime(n.Released).Add(delay) }

// expired reports whether the cool-down is over. So is one that cannot be read,
// or that begins in the future: its tag was edited, or vCenter's clock was set
// back, and the address must not be lost for ever. A cool-down is a courtesy;
// nothing but its claim decides who holds an address.
func (n cooldownNote) expired(delay time.Duration, now time.Time) bool {
	released := parseTime(n.Released)
	return released.IsZero() || released.After(now.Add(clockMaxAge)) || !n.end(delay).After(now)
}

// startCooldown records that an address cools down from now on. Only its holder
// does so; what an earlier cool-down has left is written over.
func (l *Ledger) startCooldown(ctx context.Context, pool IPPool, addr netip.Addr, cluster uuid.UUID) error {
	now, err := l.approximateNow(ctx)
	if err != nil {
		return fmt.Errorf("read vCenter's clock: %w", err)
	}
	// A timestamp has no fractions, and a cool-down is never cut short.
	note := cooldownNote{Cluster: cluster, Released: formatTime(now.Add(time.Second))}
	description, err := encode(&note, nil)
	if err != nil {
		return err
	}

	suffix := cooldownSuffix(addr.String())
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

// endCooldown deletes an address's cool-down tag. started is the local time
// before this run knew that it may. That it fails does no harm: the tag is
// written over when the address is released, and deleted with the pool.
func (l *Ledger) endCooldown(ctx context.Context, pool IPPool, addr netip.Addr, started time.Time, snap *Snapshot) {
	if elapsed(l.Clock.Now(), started) > releaseWindow {
		return
	}
	if l.store.Delete(ctx, cooldownID(pool.ID, addr)) == nil {
		snap.forgetCooldown(pool, addr)
	}
}

const (
	// cooldownBatch is how many cool-down tags are read before one that is usable
	// is looked for among them.
	cooldownBatch = 16
	// cooldownsKept is how many cool-down tags a pool may have before claims prune
	// those that have expired: up to pruneBatch each.
	cooldownsKept = 64
	pruneBatch    = 2
)

// pickCooledDown returns an address that cools down for the cluster itself or
// whose cool-down has expired. It reads the tags of those that cool down, each
// once, until one is usable.
func (l *Ledger) pickCooledDown(ctx context.Context, pool IPPool, cluster uuid.UUID, snap *Snapshot) (netip.Addr, bool, error) {
	if snap.CoolingDown(pool) == 0 {
		return netip.Addr{}, false, nil
	}
	now, err := l.approximateNow(ctx)
	if err != nil {
		return netip.Addr{}, false, fmt.Errorf("read vCenter's clock: %w", err)
	}
	for {
		if addr, ok := snap.pickCooledDown(pool, cluster, now); ok {
			return addr, true, nil
		}
		read, err := l.readCooldowns(ctx, pool, snap, cooldownBatch)
		if err != nil || read == 0 {
			return netip.Addr{}, false, err
		}
	}
}

// readCooldowns reads up to n cool-down tags that were not read, and returns how
// many.
func (l *Ledger) readCooldowns(ctx context.Context, pool IPPool, snap *Snapshot, n int) (int, error) {
	unread := snap.unreadCooldowns(pool, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for _, addr := range unread {
		group.Go(func() error {
			tag, err := l.store.Get(ctx, cooldownID(pool.ID, addr))
			switch {
			case errors.Is(err, ErrNotFound):
				snap.forgetCooldown(pool, addr)
			case err != nil:
				return fmt.Errorf("read when address %s was released: %w", addr, err)
			default:
				snap.learnCooldown(pool, addr, parseCooldown(tag.Description))
			}
			return nil
		})
	}
	return len(unread), group.Wait()
}

// pruneSome keeps cool-down tags from piling up. The claim that it comes after
// stands whatever its outcome.
func (l *Ledger) pruneSome(ctx context.Context, pool IPPool, snap *Snapshot) {
	if snap.CoolingDown(pool) <= cooldownsKept {
		return
	}
	started := l.Clock.Now()
	if _, err := l.readCooldowns(ctx, pool, snap, pruneBatch); err == nil {
		_ = l.deleteExpired(ctx, pool, started, snap, pruneBatch)
	}
}

// pruneAll deletes the tags of all expired cool-downs of a pool.
func (l *Ledger) pruneAll(ctx context.Context, pool IPPool, snap *Snapshot) error {
	for {
		started := l.Clock.Now()
		read, err := l.readCooldowns(ctx, pool, snap, cooldownBatch)
		if err != nil || read == 0 {
			return err
		}
		if err := l.deleteExpired(ctx, pool, started, snap, cooldownBatch); err != nil {
			return err
		}
	}
}

// deleteExpired deletes the tags of up to n cool-downs that are known to have
// expired.
func (l *Ledger) deleteExpired(ctx context.Context, pool IPPool, started time.Time, snap *Snapshot, n int) error {
	now, err := l.approximateNow(ctx)
	if err != nil {
		return fmt.Errorf("read vCenter's clock: %w", err)
	}
	expired := snap.expiredCooldowns(pool, now)
	for _, addr := range expired[:min(n, len(expired))] {
		l.endCooldown(ctx, pool, addr, started, snap)
	}
	return nil
}
