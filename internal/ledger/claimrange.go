package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sync/errgroup"
)

// Doer carries out a change: it checks what has to hold right before, and may repeat it.
type Doer func(ctx context.Context, change func(context.Context) error) error

// ClaimRange takes addresses for an owner, a few at a time and each by do: a create call for
// each that the owner does not have. The snapshot knows of them after that. Where one cannot be
// had, what was claimed before stands; the owner claims again, or releases it. Whether an
// address cools down for another cluster does not matter.
//
// Errors: *HeldError where another owner has an address, ErrNotIssuable, *ReservedError,
// *CapError.
func (l *Ledger) ClaimRange(ctx context.Context, pool IPPool, owner Owner, addresses []netip.Addr, snap *Snapshot, do Doer) error {
	if err := do(ctx, func(ctx context.Context) error { return l.reserve(ctx, pool, owner.Cluster, snap) }); err != nil {
		return err
	}
	if err := l.checkCap(ctx, pool, snap, len(addresses)); err != nil {
		return err
	}
	return each(ctx, addresses, do, func(ctx context.Context, addr netip.Addr) error {
		if !pool.Issuable(addr) {
			return fmt.Errorf("claim %s of IP pool %q: %w", addr, pool.Name, ErrNotIssuable)
		}
		claim, err := l.claimOrGet(ctx, pool, addr, owner, snap)
		if err != nil {
			return fmt.Errorf("claim %s of IP pool %q: %w", addr, pool.Name, err)
		}
		if claim.owner() != owner {
			return &HeldError{IPPool: pool.label(), Address: addr, Owner: claim.owner(), Since: parseTime(claim.Since)}
		}
		return nil
	})
}

// ReleaseRange gives addresses of an owner back, as Release does, a few at a time and each by
// do. What another owner has by now is left alone.
func (l *Ledger) ReleaseRange(ctx context.Context, pool IPPool, addresses []netip.Addr, owner Owner, do Doer) error {
	return each(ctx, addresses, do, func(ctx context.Context, addr netip.Addr) error {
		err := l.Release(ctx, pool, addr, owner)
		if held := (*HeldError)(nil); errors.As(err, &held) {
			return nil
		}
		return err
	})
}

// each does something with each address, a few at a time. The first failure ends it.
func each(ctx context.Context, addresses []netip.Addr, do Doer, change func(context.Context, netip.Addr) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for _, addr := range addresses {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			return do(ctx, func(ctx context.Context) error { return change(ctx, addr) })
		})
	}
	return group.Wait()
}
