package connection

import (
	"cmp"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// ipPools are the IP pools as this run of the provider has planned them, and what
// clusters and gateways that it plans take from pools.
type ipPools struct {
	mu      sync.Mutex
	planned map[uuid.UUID]PlannedPool
	uses    map[record.Ref]map[uuid.UUID]model.IPPoolUse
}

// PlannedPool is what a resource plans its IP pool to be.
type PlannedPool struct {
	ledger.RegisteredIPPool
	// Partial reports whether nameservers or search domains are not known yet.
	Partial bool
}

// MarkPlanned notes that this run plans to create or change the IP pool with the id, to
// what PlanPool says or, without that, to what is not known yet.
func (c *Connection) MarkPlanned(id uuid.UUID) { c.process.planned.add(id) }

// PlanPool notes what a resource plans its IP pool to be, and returns those that
// other resources plan in the same run: of two that one configuration creates, the
// ledger has neither, and the one that is planned second finds the other here.
func (c *Connection) PlanPool(pool PlannedPool) []ledger.RegisteredIPPool {
	p := &c.process.ipPools
	p.mu.Lock()
	defer p.mu.Unlock()
	var others []ledger.RegisteredIPPool
	for id, other := range p.planned {
		if id != pool.ID {
			others = append(others, other.RegisteredIPPool)
		}
	}
	if p.planned == nil {
		p.planned = map[uuid.UUID]PlannedPool{}
	}
	p.planned[pool.ID] = pool
	return others
}

// PlanUses notes what the plan of a cluster or gateway takes from IP pools, in the place
// of what an earlier plan of it took; nil: nothing any more, or it is taken now. It
// returns what others take of the same pools, which Terraform plans side by side.
func (c *Connection) PlanUses(by record.Ref, uses map[uuid.UUID]model.IPPoolUse) map[uuid.UUID][]model.IPPoolUse {
	p := &c.process.ipPools
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.uses == nil {
		p.uses = map[record.Ref]map[uuid.UUID]model.IPPoolUse{}
	}
	p.uses[by] = uses
	others := map[uuid.UUID][]model.IPPoolUse{}
	for id := range uses {
		for other, theirs := range p.uses {
			if use, shared := theirs[id]; shared && other != by {
				others[id] = append(others[id], use)
			}
		}
		slices.SortFunc(others[id], func(a, b model.IPPoolUse) int { return cmp.Compare(a.Ref.String(), b.Ref.String()) })
	}
	return others
}

// PlannedIPPool is what this run is known to do to an IP pool, for the plan of a cluster
// or gateway: Terraform plans what a resource refers to before the resource. Of what
// another configuration of the provider plans, which has a process of its own, nothing
// is known.
func (c *Connection) PlannedIPPool(id uuid.UUID) model.PlannedIPPool {
	p := &c.process.ipPools
	p.mu.Lock()
	defer p.mu.Unlock()
	pool := model.PlannedIPPool{Since: c.process.began.Load()}
	written, known := p.planned[id]
	switch {
	case known:
		pool.Fate = model.IPPoolWritten
		pool.Record = written.Body
		pool.GatewayID = written.Ref.GatewayID
		pool.Partial = written.Partial
	case c.process.planned.has(id):
		pool.Fate = model.IPPoolUnknown
	case c.Leaving(id), c.Deleted(id):
		pool.Fate = model.IPPoolDeleted
	}
	return pool
}
