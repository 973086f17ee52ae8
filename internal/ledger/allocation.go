package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"
)

// Allocation is an address and who has it.
type Allocation struct {
	Address netip.Addr
	Owner   Owner // zero when the claim cannot be read
	Since   time.Time
}

// Allocations are the claims of a pool in the order of their addresses: one
// call for each.
func (l *Ledger) Allocations(ctx context.Context, pool Pool, snap *Snapshot) ([]Allocation, error) {
	taken := snap.Addresses(pool)
	notes, err := l.notes(ctx, pool, taken)
	if err != nil {
		return nil, err
	}
	var held []Allocation
	for i, addr := range taken {
		if notes[i] != nil {
			held = append(held, Allocation{Address: addr, Owner: notes[i].owner(), Since: moment(notes[i].Since)})
		}
	}
	return held, nil
}

// sweepers bounds the calls that a reader of many tags has under way.
const sweepers = 4

// notes reads claims; nil for one that is gone.
func (l *Ledger) notes(ctx context.Context, pool Pool, addresses []netip.Addr) ([]*claimNote, error) {
	notes := make([]*claimNote, len(addresses))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(sweepers)
	for i, addr := range addresses {
		group.Go(func() error {
			note, err := l.note(ctx, pool.ID, addr)
			if errors.Is(err, ErrNotFound) {
				return nil
			}
			if err != nil {
				return fmt.Errorf("read the claim of %s: %w", addr, err)
			}
			notes[i] = &note
			return nil
		})
	}
	return notes, group.Wait()
}
