package connection

import (
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// plannedPools are the IP pools as this run of the provider has planned them.
type plannedPools struct {
	mu    sync.Mutex
	pools map[uuid.UUID]ledger.RegisteredIPPool
}

// PlanPool notes what a resource plans its pool to be, and answers the pools that
// other resources plan in the same run: of two that are made by one configuration
// the ledger knows neither, and whoever is planned second sees the other.
func (c *Connection) PlanPool(pool ledger.RegisteredIPPool) []ledger.RegisteredIPPool {
	p := &c.process.pools
	p.mu.Lock()
	defer p.mu.Unlock()
	var others []ledger.RegisteredIPPool
	for id, other := range p.pools {
		if id != pool.ID {
			others = append(others, other)
		}
	}
	if p.pools == nil {
		p.pools = map[uuid.UUID]ledger.RegisteredIPPool{}
	}
	p.pools[pool.ID] = pool
	return others
}
