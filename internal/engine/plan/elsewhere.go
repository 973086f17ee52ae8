package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// elsewhere makes warnings of what nodes go around: nothing can be put on their placement now,
// and with placement_policy = "any" they are built on another one of their pool.
func (c check) elsewhere(f model.Findings) model.Findings {
	var problems []model.Finding
	for _, problem := range f.Problems {
		around := problem
		around.Fields = nil
		kept := problem
		kept.Fields = nil
		for _, field := range problem.Fields {
			if problem.NoRoom && c.goesAround(field) {
				around.Fields = append(around.Fields, field)
			} else {
				kept.Fields = append(kept.Fields, field)
			}
		}
		if len(kept.Fields) > 0 {
			problems = append(problems, kept)
		}
		if len(around.Fields) > 0 {
			around.Detail += " With placement_policy = \"any\", nodes are built on the other placements of their pool meanwhile."
			f.Add(model.Findings{Warnings: []model.Finding{around}})
		}
	}
	f.Problems = problems
	return f
}

// goesAround reports whether nodes of the pool of a field may go to another placement, on which
// there can be VMs. A load balancer has the control plane's first placement alone.
func (c check) goesAround(field model.Field) bool {
	pool, ok := c.spec.NodePool(field.NodePool)
	if !ok || !pool.AnyPlacement || pool.ControlPlane() && field.Placement == model.At(0) && c.builds[model.LoadBalancerPool] {
		return false
	}
	for i := range pool.Placements {
		if model.At(i) != field.Placement && Usable(c.limits.Site.Placements[model.PlacementRef{NodePool: pool.Name, Index: i}]) {
			return true
		}
	}
	return false
}

// Usable reports whether all of a placement was found, and a host on which VMs can run there.
func Usable(place model.ResolvedPlacement) bool {
	return place.Complete() && slices.ContainsFunc(place.Hosts, model.Host.Reaches)
}

// Occupied is how many nodes each placement of a pool has once a plan is carried out, as far as
// they are built where the plan says.
func Occupied(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan) map[model.PlacementRef]int {
	deleted := map[string]bool{} // VMs, and nodes that are built again
	occupied := map[model.PlacementRef]int{}
	for _, step := range p.Steps() {
		switch s := step.(type) {
		case model.CreateNode:
			occupied[s.Placement]++
			deleted[s.Node] = true
		case model.DeleteNode:
			deleted[s.Machine.Ref] = true
		}
	}
	for _, pool := range spec.NodePools() {
		machines := slices.DeleteFunc(slices.Clone(facts.Machines), func(m model.Machine) bool {
			return m.Marker.NodePool != pool.Name || deleted[m.Ref] || deleted[m.Marker.Node]
		})
		for i, count := range placementCounts(pool, machines, facts) {
			occupied[model.PlacementRef{NodePool: pool.Name, Index: i}] += count
		}
	}
	return occupied
}
