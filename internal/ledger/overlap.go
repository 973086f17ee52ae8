package ledger

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// OverlapError says that two IP pools could issue the same address.
type OverlapError struct {
	Name   string // of the IP pool that is compared
	Other  RegisteredIPPool
	Shared ipam.Range
}

// Error names both IP pools and what they share.
func (e *OverlapError) Error() string {
	shared := "the address " + e.Shared.Start.String()
	if e.Shared.Start != e.Shared.End {
		shared = fmt.Sprintf("addresses from %s to %s", e.Shared.Start, e.Shared.End)
	}
	other := e.Other.Ref.Describe()
	if gateway := e.Other.Ref.GatewayID; gateway != uuid.Nil {
		other += " of gateway " + gateway.String()
	}
	return fmt.Sprintf("IP pool %q and %s of this vCenter both have %s: two nodes could get the same one", e.Name, other, shared)
}

// Overlaps compares an IP pool, registered or not, with all others of this
// vCenter: with one, it could issue the same addresses unless both name different
// networks. Those that cannot be read are returned apart. It takes a list call
// and two for each IP pool.
func (l *Ledger) Overlaps(
	ctx context.Context, id uuid.UUID, body record.IPPool,
) (overlaps []*OverlapError, unreadable []RegisteredIPPool, err error) {
	others, err := l.IPPools(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, other := range others {
		switch {
		case other.ID == id:
		case other.Unreadable != nil:
			unreadable = append(unreadable, other)
		default:
			if overlap := other.Overlap(body); overlap != nil {
				overlaps = append(overlaps, overlap)
			}
		}
	}
	return overlaps, unreadable, nil
}

// Overlap compares the IP pool with one that has this body; nil where they could
// not issue the same address, or where one of them is not valid.
func (p RegisteredIPPool) Overlap(body record.IPPool) *OverlapError {
	if !body.MayServe(p.Body.Network) {
		return nil
	}
	ours, err := body.Addresses()
	theirs, err2 := p.Body.Addresses()
	if err == nil && err2 == nil {
		if shared, ok := ours.Shared(theirs); ok {
			return &OverlapError{Name: body.Name, Other: p, Shared: shared}
		}
	}
	return nil
}
