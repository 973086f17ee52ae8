package plan

import (
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// holder is an owner of an address in one IP pool.
type holder struct {
	pool  uuid.UUID
	owner string
}

// addressed are the nodes that have an address, sorted: by the cluster's claims, and, where
// nodes take leases, those of the control plane by the record.
func (v view) addressed() []string {
	var names []string
	for _, c := range v.facts.Claims {
		names = append(names, c.Owner)
	}
	for ordinal := range v.facts.Record.Members {
		names = append(names, v.nodeNames.Node(model.ControlPlanePool, ordinal))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// strayClaims releases the addresses of nodes that neither exist nor are created,
// and those of a control plane that an earlier attempt built on another pool.
func strayClaims(v view, pools []nodePoolPlan, removed nodePoolPlan) []model.Step {
	if v.apiSilent() {
		return nil // whether the API still hears from a node is unknown
	}
	keep := neededAddresses(v, pools)
	lost := map[string]bool{}
	for _, p := range append(slices.Clone(pools), removed) {
		for _, step := range p.cleanup {
			if gone, ok := step.(model.RemoveLostNode); ok {
				lost[gone.Node] = true // the step releases them
			}
		}
	}
	var steps []model.Step
	for _, c := range v.facts.Claims {
		if c.Owner == model.OwnerRanges {
			continue // releasedRanges
		}
		if builderOf(v.facts, c.Owner) {
			continue // DeleteBuilder releases it
		}
		if !keep[holder{c.IPPool, c.Owner}] && !lost[c.Owner] && !v.mayBePresent(c.Owner) {
			steps = append(steps, model.ReleaseAddress{Claim: c})
		}
	}
	return steps
}

// neededAddresses are those of the endpoint, of the machines and of the nodes that
// the plan creates.
func neededAddresses(v view, pools []nodePoolPlan) map[holder]bool {
	endpoint := v.spec.Endpoint().IPPool
	keep := map[holder]bool{
		{endpoint, model.OwnerVIP}:   true,
		{endpoint, model.OwnerExtra}: true,
	}
	for _, m := range slices.Concat(v.facts.Machines, v.former) {
		keep[holder{m.Marker.IPPool, m.Marker.Node}] = true
		if v.apiReached() && m.Marker.ControlPlane() {
			keep[holder{m.Marker.IPPool, model.OwnerVIP}] = true
			keep[holder{m.Marker.IPPool, model.OwnerExtra}] = true
		}
	}
	var held []string
	for _, p := range v.spec.NodePools() {
		held = append(held, v.heldBack(p)...)
	}
	for _, c := range v.facts.Claims {
		if slices.Contains(held, c.Owner) {
			keep[holder{c.IPPool, c.Owner}] = true // nothing else says that there was a node
		}
	}
	for _, p := range pools {
		for _, step := range slices.Concat(p.create, stepsOf(p.rollout)) {
			if create, ok := step.(model.CreateNode); ok {
				keep[holder{create.IPPool(), create.Node}] = true
			}
		}
	}
	return keep
}

// lostClaims claims again what nodes live on: an address in use is never handed
// out because its tag was deleted.
func lostClaims(v view, deleted map[string]bool) []model.Step {
	var steps []model.Step
	for _, c := range v.facts.Unclaimed {
		if !deleted[c.Owner] && !builderOf(v.facts, c.Owner) {
			steps = append(steps, model.ClaimAddress{Claim: c})
		}
	}
	return steps
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
