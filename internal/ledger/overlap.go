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
	addresses, err := body.IPAM()
	if err != nil {
		return nil, nil, err
	}
	others, err := l.Pools(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, other := range others {
		switch {
		case other.ID == id:
		case other.Damage != nil:
			damaged = append(damaged, other)
		case MaybeSameNetwork(body.Network, other.Body.Network):
			theirs, err := other.Body.IPAM()
			if err != nil {
				return nil, nil, fmt.Errorf("compare with IP pool %q: %w", other.Record.Name, err)
			}
			if shared, ok := addresses.Shared(theirs); ok {
				overlaps = append(overlaps, &OverlapError{Name: body.Name, Other: other, Shared: shared})
			}
		}
	}
	return overlaps, damaged, nil
}
