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
// off or the host group is gone, and of those that cannot be in their VM group.
func placeFindings(v view) model.Findings {
	var f model.Findings
	for _, pool := range placedPools(v.spec) {
		for i, place := range pool.Placements {
			for _, h := range v.facts.Hosting {
				named := object{model.FieldComputeCluster, place.ComputeCluster, place.References.ComputeCluster}
				here := named.is(object{model.FieldComputeCluster, h.ComputeClusterName, h.ComputeCluster})
				if h.NodePool != pool.Name || !here {
					continue
				}
				at := placementField(pool, i, model.FieldHostGroup)
				switch {
				case place.HostGroup == "":
				case !h.DRS:
					noDRSForGroup(&f, at, place.HostGroup, h.ComputeClusterName)
				case lostHostGroup(v.facts, h.ComputeCluster, place.HostGroup):
					f.Warn(at, "Host group is gone", "There is no host group %q in compute cluster %q any more, so that nothing keeps nodes on its "+
						"hosts. Make it again in the vSphere Client, at Configure > VM/Host Groups of the compute cluster, or change host_group. "+
						"No node is built there before.", place.HostGroup, h.ComputeClusterName)
				}
				joinFindings(&f, v.facts, placementField(pool, i, model.FieldVMGroup), place.VMGroup, h)
			}
		}
	}
	return f
}

// lostHostGroup reports whether a host group is gone that nodes were kept on the hosts of.
func lostHostGroup(facts *model.Facts, computeCluster, hostGroup string) bool {
	return slices.ContainsFunc(GroupsIn(facts, computeCluster), func(g model.HostedGroup) bool { return g.HostGroup == hostGroup && g.Lost })
}

// placementField is a field of a placement; the load balancer is on the first one of the
// control plane.
func placementField(pool model.NodePool, index int, name model.FieldName) model.Field {
	ref := model.PlacementRef{NodePool: pool.Name, Index: index}
	if pool.LoadBalancer() {
		ref = model.PlacementRef{NodePool: model.ControlPlanePool}
	}
	return ref.Field(name)
}

// placesNodes reports whether the plan changes VM groups in a compute cluster.
func (c check) placesNodes(computeCluster string) bool {
	return slices.ContainsFunc(c.plan.Steps(), func(step model.Step) bool {
		s, ok := step.(model.PlaceNodes)
		return ok && s.ComputeCluster == computeCluster
	})
}

// placesAnew reports whether the plan is to keep nodes on the hosts of a host group, or to put
// them into a VM group, in which they were not kept before. One that was deleted since is told
// of by a warning, and stops nothing else.
func (c check) placesAnew(field model.Field) bool {
	index, _ := field.Placement.Get()
	ref := model.PlacementRef{NodePool: field.NodePool, Index: index}
	at := c.limits.Site.Placements[ref].ComputeCluster
	switch {
	case !c.placesNodes(at):
		return false
	case field.Name == model.FieldHostGroup:
		return !lostHostGroup(c.facts, at, c.place(ref).HostGroup)
	default:
		return !recordsVMGroup(c.facts.Record, at, c.place(ref).VMGroup)
	}
}

// groups warns of placements whose host group nothing will keep nodes on.
func (c check) groups() model.Findings {
	var f model.Findings
	c.eachGroup(model.FieldHostGroup, func(field model.Field, place model.Placement, found model.ResolvedPlacement) {
		switch {
		case place.HostGroup == "":
		case !found.DRS:
			noDRSForGroup(&f, field, place.HostGroup, found.ComputeClusterName)
		case slices.Contains(c.limits.Lacks[found.ComputeCluster], editCluster):
			f.Warn(field, notPlaced, "The account lacks %s on compute cluster %q, so that nothing keeps nodes on the hosts of %q. "+
				"Grant it there; the guide on privileges has the commands.",
				privileges.Describe(editCluster), found.ComputeClusterName, place.HostGroup)
		}
	})
	return f
}

// eachGroup looks at the placements that the plan puts nodes or their groups on, with the field
// of a group.
func (c check) eachGroup(name model.FieldName, look func(model.Field, model.Placement, model.ResolvedPlacement)) {
	for _, pool := range c.spec.NodePools() {
		for i, place := range pool.Placements {
			ref := model.PlacementRef{NodePool: pool.Name, Index: i}
			found := c.limits.Site.Placements[ref]
			builds := len(c.builds) > 0 && c.uses(pool.Name)
			if found.ComputeCluster != "" && (builds || c.placesNodes(found.ComputeCluster)) {
				look(ref.Field(name), place, found)
			}
		}
	}
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
	var off, outside, without, disabled, lost []string
	for _, h := range hostingOnce(facts) {
		groups := GroupsIn(facts, h.ComputeCluster)
		for vm, hostGroup := range HostGroups(spec, facts, h.ComputeCluster) {
			where := fmt.Sprintf("%s in %s", hostGroup, h.ComputeClusterName)
			var group model.HostedGroup
			if i := slices.IndexFunc(groups, func(g model.HostedGroup) bool { return g.HostGroup == hostGroup }); i >= 0 {
				group = groups[i]
			}
			switch {
			case hostGroup == "":
			case !h.DRS:
				off = append(off, names[vm])
			case group.Lost:
				lost = append(lost, where)
			case !group.Kept:
				without = append(without, where)
			case group.Off:
				disabled = append(disabled, where)
			case !inGroup(groups, hostGroup, vm):
				outside = append(outside, names[vm])
			}
		}
	}
	var c model.Condition
	switch {
	case len(lost) > 0:
		c = condition(kind, false, "", "HostGroupGone", "Host groups that nodes are to be kept on are not there any more: "+sortedWords(lost)+".")
	case len(without) > 0:
		c = condition(kind, false, "", "NoRule", "No rule keeps nodes on the hosts of "+sortedWords(without)+
			": the account may not make one ("+editCluster+"), or the next apply makes it.")
	case len(disabled) > 0:
		c = condition(kind, false, "", "RuleDisabled", "The rule is turned off that keeps nodes on the hosts of "+sortedWords(disabled)+
			": by an administrator, or by vCenter for a conflict with another rule. An apply leaves it off: turn it on in the vSphere Client.")
	case len(outside) > 0:
		c = condition(kind, false, "", "OutsideGroup", "Nodes are not in the VM group that keeps them on the hosts of their host group: "+
			sortedWords(outside)+".")
	case len(off) > 0:
		c = condition(kind, false, "", "NoDRS", "DRS is off, and nothing keeps nodes on the hosts of their host group: "+sortedWords(off)+".")
	default:
		c = condition(kind, true, "Placed", "", "")
	}
	return &c
}
