package ippool

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// readUsage counts the addresses in use: one call, and one more for a pool
// that is restricted to a single cluster. It answers the pool and what was seen.
func (m *model) readUsage(ctx context.Context, l *ledger.Ledger) (ledger.IPPool, *ledger.Snapshot, error) {
	pool, diags := m.in(ctx, l)
	if diags.HasError() {
		return pool, nil, fmt.Errorf("%s: %s", diags[0].Summary(), diags[0].Detail())
	}
	taken, err := l.Snapshot(ctx)
	if err != nil {
		return pool, nil, err
	}
	u := usage{allocated: taken.Count(pool), available: taken.Free(pool)}
	if pool.SingleCluster {
		by, err := l.ReservedBy(ctx, pool.ID)
		switch {
		case err != nil:
			return pool, nil, err
		case by == ledger.UnknownCluster:
			u.reservedBy = "(unknown)"
		case by != uuid.Nil:
			u.reservedBy = by.String()
		}
	}
	m.setUsage(pool.Total(), u)
	return pool, taken, nil
}
