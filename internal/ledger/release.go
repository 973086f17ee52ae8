package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// releaseWindow is how old the proof of ownership may be when a claim is
// deleted. A delete carries no condition: a run that was paused between reading
// and deleting must not delete what another owner has claimed since.
const releaseWindow = 10 * time.Second

// Release gives an address back. It cools down for the pool's ReuseDelay: until
// then no other cluster gets it. One that is free is success; one that another
// owner has is a *HeldError, and nothing is deleted. Prove first that nothing
// uses the address any more.
//
// It takes three calls: the claim is read, as the proof of ownership, the
// cool-down begins, the claim is deleted. A run without a lock also reads
// vCenter's clock, once a minute.
func (l *Ledger) Release(ctx context.Context, pool IPPool, addr netip.Addr, owner Owner) error {
	wrap := func(err error) error { return fmt.Errorf("release address %s: %w", addr, err) }
	if !owner.Known() {
		return wrap(errors.New("the owner is not known"))
	}

	for range maxAttempts {
		started := l.Clock.Now()
		claim, err := l.readClaim(ctx, pool.ID, addr)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return wrap(err)
		}
		if claim.owner() != owner {
			return &HeldError{IPPool: pool.label(), Address: addr, Owner: claim.owner(), Since: parseTime(claim.Since)}
		}

		// First the cool-down and then the claim: in between the address is claimed.
		if pool.ReuseDelay > 0 && pool.Contains(addr) {
			if err := l.startCooldown(ctx, pool, addr, owner.Cluster); err != nil {
				return wrap(err)
			}
		}

		if elapsed(l.Clock.Now(), started) > releaseWindow {
			continue
		}
		if err := l.store.Delete(ctx, claimID(pool.ID, addr)); err != nil {
			return wrap(err)
		}
		return nil
	}
	return wrap(fmt.Errorf("vCenter took longer than %s to respond, %d times", releaseWindow, maxAttempts))
}
