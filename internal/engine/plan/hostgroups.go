package plan

import (
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// placementsOf are the placements of a pool that machines are on; -1: none of the pool's.
// Where placements differ in nothing but their host group, the group that a VM is in says
// which is its own, and those in none fill the placements evenly, in the order of their
// ordinals.
func placementsOf(pool model.NodePool, machines []model.Machine, groups []model.HostedGroup) []int {
	at := make([]int, len(machines))
	counts := make([]int, len(pool.Placements))
	alike := map[int][]int{} // what those may be on that have no place yet, by their index
	for i, m := range machines {
		var fit []int
		for p, place := range pool.Placements {
			if builtOn(place, m.Marker) {
				fit = append(fit, p)
			}
		}
		in := slices.IndexFunc(fit, func(p int) bool { return inGroup(groups, pool.Placements[p].HostGroup, m.Ref) })
		switch {
		case len(fit) == 0:
			at[i] = -1
		case len(fit) > 1 && in < 0:
			alike[i] = fit
		default:
			at[i] = fit[max(in, 0)]
			counts[at[i]]++
		}
	}
	open := slices.SortedFunc(maps.Keys(alike), func(a, b int) int { return machines[a].Marker.Ordinal - machines[b].Marker.Ordinal })
	for _, i := range open {
		at[i] = slices.MinFunc(alike[i], func(a, b int) int { return counts[a] - counts[b] })
		counts[at[i]]++
	}
	return at
}

// inGroup reports whether a VM is in the VM group for a host group.
func inGroup(groups []model.HostedGroup, hostGroup, vm string) bool {
	return slices.ContainsFunc(groups, func(g model.HostedGroup) bool { return g.HostGroup == hostGroup && slices.Contains(g.VMs, vm) })
}

// HostGroups are the host groups of the VMs in a compute cluster, by their references; empty
// for one that has none. A VM that is not on a placement of its pool any more, and is replaced
// or deleted next, is not among them: it stays where it is.
func HostGroups(spec *model.ClusterSpec, facts *model.Facts, computeCluster string) map[string]string {
	there := map[string]bool{}
	for _, h := range facts.Hosting {
		for _, vms := range h.VMs {
			for _, vm := range vms {
				there[vm] = there[vm] || h.ComputeCluster == computeCluster
			}
		}
	}
	wanted := map[string]string{}
	for _, pool := range placedPools(spec) {
		machines := slices.DeleteFunc(slices.Clone(facts.VMs()), func(m model.Machine) bool { return m.Marker.NodePool != pool.Name })
		for i, at := range placementsOf(pool, machines, facts.Groups) {
			m := machines[i]
			elsewhere := m.Marker.References.ComputeCluster != "" && m.Marker.References.ComputeCluster != computeCluster
			if at >= 0 && there[m.Ref] && !elsewhere {
				wanted[m.Ref] = pool.Placements[at].HostGroup
			}
		}
	}
	return wanted
}

// placedPools are the node pools, and the load balancer.
func placedPools(spec *model.ClusterSpec) []model.NodePool {
	pools := slices.Clone(spec.NodePools())
	if spec.DHCP() && len(spec.ControlPlane.Placements) > 0 {
		pools = append(pools, spec.LoadBalancerPool())
	}
	return pools
}

// GroupsIn are the VM groups of a cluster in one compute cluster.
func GroupsIn(facts *model.Facts, computeCluster string) []model.HostedGroup {
	return slices.DeleteFunc(slices.Clone(facts.Groups), func(g model.HostedGroup) bool { return g.ComputeCluster != computeCluster })
}

// GroupEdits are what is to become now of the VM groups of a compute cluster and their rules,
// given the host groups of its VMs. A rule is made once its group is there, and a group goes
// once its rule has gone: after they are done, there may be others. What others have put into
// a group stays, and keeps it.
func GroupEdits(groups []model.HostedGroup, wanted map[string]string) []model.GroupEdit {
	byHostGroup := map[string]model.HostedGroup{}
	for _, g := range groups {
		byHostGroup[g.HostGroup] = g
	}
	for _, hostGroup := range wanted {
		if _, ok := byHostGroup[hostGroup]; !ok && hostGroup != "" {
			byHostGroup[hostGroup] = model.HostedGroup{HostGroup: hostGroup}
		}
	}
	var edits []model.GroupEdit
	for _, hostGroup := range sortedKeys(byHostGroup) {
		if edit := groupEdit(byHostGroup[hostGroup], wanted); edit.Group != "" || edit.Rule != "" {
			edits = append(edits, edit)
		}
	}
	return edits
}

func groupEdit(g model.HostedGroup, wanted map[string]string) model.GroupEdit {
	edit := model.GroupEdit{HostGroup: g.HostGroup, RuleKey: g.RuleKey}
	for _, vm := range g.VMs {
		if hostGroup, ours := wanted[vm]; !ours || hostGroup == g.HostGroup {
			edit.VMs = append(edit.VMs, vm)
		}
	}
	stay := len(edit.VMs)
	kept := false
	for _, vm := range sortedKeys(wanted) {
		if wanted[vm] != g.HostGroup {
			continue
		}
		kept = true
		if !slices.Contains(edit.VMs, vm) {
			edit.VMs = append(edit.VMs, vm)
		}
	}
	switch {
	case len(edit.VMs) == 0 && g.RuleKey != 0:
		edit.Rule = model.Remove
		return edit
	case len(edit.VMs) == 0 && g.Made:
		edit.Group = model.Remove
		return edit
	case !g.Made:
		edit.Group = model.Add
	case stay < len(g.VMs) || stay < len(edit.VMs):
		edit.Group = model.Edit
	}
	switch {
	case !kept || !g.Made || g.Kept:
	case g.RuleKey == 0:
		edit.Rule = model.Add
	default:
		edit.Rule = model.Edit
	}
	return edit
}

// GroupDeletions are what is deleted now of VM groups and their rules, whoever is in them.
func GroupDeletions(groups []model.HostedGroup) []model.GroupEdit {
	var edits []model.GroupEdit
	for _, g := range groups {
		if g.RuleKey != 0 {
			edits = append(edits, model.GroupEdit{HostGroup: g.HostGroup, Rule: model.Remove, RuleKey: g.RuleKey})
		} else if g.Made {
			edits = append(edits, model.GroupEdit{HostGroup: g.HostGroup, Group: model.Remove})
		}
	}
	return edits
}

// placeSteps bring the VM groups to what they are to be by which nodes are kept on the hosts
// of host groups. Those of nodes that the plan makes and deletes are changed with these.
func placeSteps(v view, observed *model.Facts) []model.Step {
	var there []computeCluster
	for _, g := range observed.Groups {
		there = append(there, computeCluster{g.ComputeCluster, g.ComputeClusterName})
	}
	var steps []model.Step
	for _, c := range ruledClusters(observed, there) {
		shown := v.spec.Placed == nil || v.spec.Placed[c.name]
		if shown && len(GroupEdits(GroupsIn(observed, c.ref), HostGroups(v.spec, observed, c.ref))) > 0 {
			steps = append(steps, model.PlaceNodes{ComputeCluster: c.ref, Name: c.name})
		}
	}
	return steps
}
