package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// Pass gives the claim of an address to another owner of the same cluster, without
// releasing it in between: no other cluster can get it. One that the owner has already is
// success, and one whose tag was deleted is claimed. An address of another cluster is a
// *HeldError.
//
// It takes two calls: the claim is read, and its description replaced. Two runs must not
// pass one address: the caller has the lock of the cluster's record.
func (l *Ledger) Pass(ctx context.Context, pool IPPool, addr netip.Addr, to Owner, snap *Snapshot) error {
	wrap := func(err error) error {
		return fmt.Errorf("pass address %s of IP pool %q to %s: %w", addr, pool.Name, to.Node, err)
	}
	tag, err := l.claimTag(pool.ID, addr, to)
	if err != nil {
		return wrap(err)
	}
	for range maxAttempts {
		started := l.Clock.Now()
		claim, err := l.readClaim(ctx, pool.ID, addr)
		switch {
		case errors.Is(err, ErrNotFound):
			if err := l.ClaimAddress(ctx, pool, to, addr); err != nil {
				return wrap(err)
			}
			snap.passed(pool.ID, addr, to)
			return nil
		case err != nil:
			return wrap(err)
		case claim.owner() == to:
			snap.passed(pool.ID, addr, to)
			return nil
		case claim.Cluster != to.Cluster:
			return wrap(&HeldError{IPPool: pool.label(), Address: addr, Owner: claim.owner(), Since: parseTime(claim.Since)})
		}
		// An update carries no condition: a run that was paused after it had read must not
		// write over what another cluster has claimed since.
		if elapsed(l.Clock.Now(), started) > releaseWindow {
			continue
		}
		if err := l.store.Update(ctx, tag.ID, tag.Description); err != nil {
			return wrap(err)
		}
		snap.passed(pool.ID, addr, to)
		return nil
	}
	return wrap(fmt.Errorf("vCenter took longer than %s to respond, %d times", releaseWindow, maxAttempts))
}
