package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// maxParallelReads bounds the calls that a reader of many tags has in flight.
const maxParallelReads = 4

// Allocation is a claimed address.
type Allocation struct {
	Address netip.Addr
	Owner   Owner
	Since   time.Time // zero where the claim cannot be read
}

// Allocations returns the claims of an IP pool in the order of their addresses:
// one call each.
func (l *Ledger) Allocations(ctx context.Context, pool IPPool, snap *Snapshot) ([]Allocation, error) {
	return l.allocationsOf(ctx, pool, snap.Addresses(pool))
}

func (l *Ledger) allocationsOf(ctx context.Context, pool IPPool, taken []netip.Addr) ([]Allocation, error) {
	claims, err := l.readClaims(ctx, pool, taken)
	if err != nil {
		return nil, err
	}
	var allocations []Allocation
	for i, addr := range taken {
		if claims[i] != nil {
			allocations = append(allocations, Allocation{Address: addr, Owner: claims[i].owner(), Since: parseTime(claims[i].Since)})
		}
	}
	return allocations, nil
}

// Unaccounted returns the claims of an IP pool that known does not account for, in the order of
// their addresses: one call each.
func (l *Ledger) Unaccounted(ctx context.Context, pool IPPool, snap *Snapshot, known func(netip.Addr) bool) ([]Allocation, error) {
	var unaccounted []netip.Addr
	for _, addr := range snap.Addresses(pool) {
		if !known(addr) {
			unaccounted = append(unaccounted, addr)
		}
	}
	return l.allocationsOf(ctx, pool, unaccounted)
}

// OwnedBy returns the addresses of an IP pool that a cluster holds, of those
// that known does not account for: one call each. The snapshot learns what was
// read, so that claims of the same owners return the same addresses.
func (l *Ledger) OwnedBy(
	ctx context.Context, pool IPPool, snap *Snapshot, cluster uuid.UUID, known func(netip.Addr) bool,
) (map[netip.Addr]Owner, error) {
	var unaccounted []netip.Addr
	for _, addr := range snap.Addresses(pool) {
		if !known(addr) {
			unaccounted = append(unaccounted, addr)
		}
	}
	claims, err := l.readClaims(ctx, pool, unaccounted)
	if err != nil {
		return nil, err
	}

	owned := map[netip.Addr]Owner{}
	for i, addr := range unaccounted {
		if claims[i] == nil || !claims[i].owner().Known() {
			continue
		}
		owner := claims[i].owner()
		snap.Learn(pool.ID, addr, owner)
		if owner.Cluster == cluster {
			owned[addr] = owner
		}
	}
	return owned, nil
}

// readClaims reads the claims of addresses; nil for one that is gone.
func (l *Ledger) readClaims(ctx context.Context, pool IPPool, addresses []netip.Addr) ([]*claimNote, error) {
	claims := make([]*claimNote, len(addresses))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxParallelReads)
	for i, addr := range addresses {
		group.Go(func() error {
			claim, err := l.readClaim(ctx, pool.ID, addr)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read the claim of %s: %w", addr, err)
			}
			claims[i] = &claim
			return nil
		})
	}
	return claims, group.Wait()
}
