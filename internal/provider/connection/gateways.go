package connection

import (
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// gateways are the gateways as this run of the provider has planned them.
type gateways struct {
	mu      sync.Mutex
	planned map[uuid.UUID]model.PlannedGateway
}

// PlanGateway notes what a resource plans its gateway to be, for what is made through it
// and planned after it.
func (c *Connection) PlanGateway(id uuid.UUID, gateway model.PlannedGateway) {
	g := &c.process.gateways
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.planned == nil {
		g.planned = map[uuid.UUID]model.PlannedGateway{}
	}
	gateway.Planned = true
	g.planned[id] = gateway
}

// PlannedGateway is what this run is known to plan a gateway to be. Of what another
// configuration of the provider plans, which has a process of its own, nothing is known.
func (c *Connection) PlannedGateway(id uuid.UUID) model.PlannedGateway {
	g := &c.process.gateways
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.planned[id]
}
