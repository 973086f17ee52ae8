package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

// OverlapError says that two pools could hand out the same address.
type OverlapError struct {
	Name   string // of the pool that is looked at
	Other  RegisteredPool
	Shared ipam.Range
}

// Error names both pools and what they share.
func (e *OverlapError) Error() string {
	which := "the address " + e.Shared.Start.String()
	if e.Shared.Start != e.Shared.End {
		which = fmt.Sprintf("addresses from %s to %s", e.Shared.Start, e.Shared.End)
	}
	other := fmt.Sprintf("IP pool %q", e.Other.Record.Name)
	if gateway := e.Other.Record.GatewayID; gateway != "" {
		other += " of gateway " + gateway
	}
	return fmt.Sprintf("IP pool %q and %s of this vCenter both have %s: two nodes could get the same one", e.Name, other, which)
}

// Overlaps compares a pool, registered or not, with all others of this vCenter:
// with one, it could hand out the same addresses unless both name different
// networks. Those of which nobody can tell are answered apart. It takes a list
// call and two for each pool.
func (l *Ledger) Overlaps(ctx context.Context, id uuid.UUID, body PoolBody) (overlaps []*OverlapError, damaged []RegisteredPool, err error) {
	others, err := l.Pools(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, other := range others {
		switch {
		case other.ID == id:
		case other.Damage != nil:
			damaged = append(damaged, other)
		default:
			if overlap := body.Overlap(other); overlap != nil {
				overlaps = append(overlaps, overlap)
			}
		}
	}
	return overlaps, damaged, nil
}

// Overlap tells whether two pools could hand out the same addresses; nil where
// they could not, or where one of them is no pool.
func (b PoolBody) Overlap(other RegisteredPool) *OverlapError {
	if !MaybeSameNetwork(b.Network, other.Body.Network) {
		return nil
	}
	ours, err := b.IPAM()
	theirs, err2 := other.Body.IPAM()
	if err == nil && err2 == nil {
		if shared, ok := ours.Shared(theirs); ok {
			return &OverlapError{Name: b.Name, Other: other, Shared: shared}
		}
	}
	return nil
}
