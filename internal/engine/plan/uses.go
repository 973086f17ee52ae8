package plan

import (
	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Uses is what a plan takes from each IP pool in the end, beyond what it and what it
// replaces have. A pool that it only needs an address to spare of is there with 0; a plan
// that builds nothing takes nothing.
func Uses(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, limits *model.Limits) map[uuid.UUID]model.IPPoolUse {
	c := newCheck(spec, facts, p, limits)
	if !c.claims() {
		return nil
	}
	uses := map[uuid.UUID]model.IPPoolUse{}
	if len(c.builds) > 0 {
		for _, ref := range c.placements() {
			if id := c.place(ref).IPPoolID; id != uuid.Nil { // nodes with leases take none
				uses[id] = model.IPPoolUse{Ref: spec.Ref}
			}
		}
	}
	for id, usage := range c.usage() {
		uses[id] = model.IPPoolUse{Ref: spec.Ref, Addresses: max(0, usage.end.count()-c.limits.IPPools[id].Former)}
	}
	for _, s := range c.reserves {
		use := uses[s.IPPoolID]
		use.Ref = spec.Ref
		use.Ranges = append(use.Ranges, s.Range)
		uses[s.IPPoolID] = use
	}
	return uses
}
