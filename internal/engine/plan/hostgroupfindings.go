package plan

import (
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

const notPlaced = "Nodes are not kept on the hosts of their host group"

// noDRSForGroup says that nothing keeps nodes on a host group without DRS.
func noDRSForGroup(f *model.Findings, field model.Field, hostGroup, computeCluster string) {
	f.Warn(field, notPlaced, "DRS is off in compute cluster %q, or its settings cannot be read, so that nothing keeps nodes on the hosts of "+
		"%q. Turn DRS on, or remove host_group.", computeCluster, hostGroup)
}

// placeFindings warn of nodes that no rule keeps on the hosts of their host group, as DRS is
// off.
func placeFindings(v view) model.Findings {
	var f model.Findings
	for _, pool := range placedPools(v.spec) {
		for i, place := range pool.Placements {
			at := placementField(pool, i)
			for _, h := range v.facts.Hosting {
				named := object{model.FieldComputeCluster, place.ComputeCluster, place.References.ComputeCluster}
				here := named.is(object{model.FieldComputeCluster, h.ComputeClusterName, h.ComputeCluster})
				if place.HostGroup != "" && h.NodePool == pool.Name && here && !h.DRS {
					noDRSForGroup(&f, at, place.HostGroup, h.ComputeClusterName)
				}
			}
		}
	}
	return f
}

// placementField is the host group of a placement; the load balancer is on the first one of
// the control plane.
func placementField(pool model.NodePool, index int) model.Field {
	ref := model.PlacementRef{NodePool: pool.Name, Index: index}
	if pool.LoadBalancer() {
		ref = model.PlacementRef{NodePool: model.ControlPlanePool}
	}
	return ref.Field(model.FieldHostGroup)
}

// placesNodes reports whether the plan changes VM groups in a compute cluster.
func (c check) placesNodes(computeCluster string) bool {
	return slices.ContainsFunc(c.plan.Steps(), func(step model.Step) bool {
		s, ok := step.(model.PlaceNodes)
		return ok && s.ComputeCluster == computeCluster
	})
}

// groups warns of placements whose host group nothing will keep nodes on.
func (c check) groups() model.Findings {
	var f model.Findings
	for _, pool := range c.spec.NodePools() {
		for i, place := range pool.Placements {
			ref := model.PlacementRef{NodePool: pool.Name, Index: i}
			found := c.limits.Site.Placements[ref]
			builds := len(c.builds) > 0 && c.uses(pool.Name)
			if place.HostGroup == "" || found.ComputeCluster == "" || !builds && !c.placesNodes(found.ComputeCluster) {
				continue
			}
			field := ref.Field(model.FieldHostGroup)
			switch {
			case !found.DRS:
				noDRSForGroup(&f, field, place.HostGroup, found.ComputeClusterName)
			case slices.Contains(c.limits.Lacks[found.ComputeCluster], editCluster):
				f.Warn(field, notPlaced, "The account lacks %s on compute cluster %q, so that nothing keeps nodes on the hosts of %q. "+
					"Grant it there; the guide on privileges has the commands.",
					privileges.Describe(editCluster), found.ComputeClusterName, place.HostGroup)
			}
		}
	}
	return f
}

// placedCondition says whether nodes are kept on the hosts of their host groups; nil: none has
// one. It is no matter of health: the nodes run, on other hosts if need be.
func placedCondition(spec *model.ClusterSpec, facts *model.Facts) *model.Condition {
	const kind = "NodesPlaced"
	applies := slices.ContainsFunc(spec.NodePools(), func(p model.NodePool) bool {
		return slices.ContainsFunc(p.Placements, func(place model.Placement) bool { return place.HostGroup != "" })
	})
	if !applies {
		return nil
	}
	names := map[string]string{}
	for _, m := range facts.VMs() {
		names[m.Ref] = m.Marker.Node
	}
	var off, outside, without []string
	seen := map[string]bool{}
	for _, h := range facts.Hosting {
		if seen[h.ComputeCluster] {
			continue
		}
		seen[h.ComputeCluster] = true
		groups := GroupsIn(facts, h.ComputeCluster)
		for vm, hostGroup := range HostGroups(spec, facts, h.ComputeCluster) {
			where := fmt.Sprintf("%s in %s", hostGroup, h.ComputeClusterName)
			kept := slices.ContainsFunc(groups, func(g model.HostedGroup) bool { return g.HostGroup == hostGroup && g.Kept })
			switch {
			case hostGroup == "":
			case !h.DRS:
				off = append(off, names[vm])
			case !kept:
				without = append(without, where)
			case !inGroup(groups, hostGroup, vm):
				outside = append(outside, names[vm])
			}
		}
	}
	return placedVerdict(kind, off, outside, without)
}

func placedVerdict(kind string, off, outside, without []string) *model.Condition {
	sorted := func(words []string) string {
		slices.Sort(words)
		return model.Listed(slices.Compact(words))
	}
	var c model.Condition
	switch {
	case len(without) > 0:
		c = condition(kind, false, "", "NoRule", "No rule that is on keeps nodes on the hosts of "+sorted(without)+
			": the account may not make one ("+editCluster+"), vCenter turned it off for a conflict with another rule, or the next apply makes it.")
	case len(outside) > 0:
		c = condition(kind, false, "", "OutsideGroup", "Nodes are not in the VM group that keeps them on the hosts of their host group: "+
			sorted(outside)+".")
	case len(off) > 0:
		c = condition(kind, false, "", "NoDRS", "DRS is off, and nothing keeps nodes on the hosts of their host group: "+sorted(off)+".")
	default:
		c = condition(kind, true, "Placed", "", "")
	}
	return &c
}
