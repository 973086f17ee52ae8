package plan

import (
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// placementsOf are the placements of a pool that machines are on; -1: none of the pool's.
// Where placements differ in nothing but their groups, those that a VM is in say which is its
// own, and those in none fill the placements evenly, in the order of their ordinals.
func placementsOf(pool model.NodePool, machines []model.Machine, facts *model.Facts) []int {
	at := make([]int, len(machines))
	counts := make([]int, len(pool.Placements))
	alike := map[int][]int{} // what those may be on that have no place yet, by their index
	for i, m := range machines {
		var fit []int
		most := 0
		for p, place := range pool.Placements {
			if !builtOn(place, m.Marker) {
				continue
			}
			in := groupsAround(facts, place, m.Ref)
			if in > most {
				fit, most = nil, in
			}
			if in == most {
				fit = append(fit, p)
			}
		}
		switch len(fit) {
		case 0:
			at[i] = -1
		case 1:
			at[i] = fit[0]
			counts[at[i]]++
		default:
			alike[i] = fit
		}
	}
	open := slices.SortedFunc(maps.Keys(alike), func(a, b int) int { return machines[a].Marker.Ordinal - machines[b].Marker.Ordinal })
	for _, i := range open {
		at[i] = slices.MinFunc(alike[i], func(a, b int) int { return counts[a] - counts[b] })
		counts[at[i]]++
	}
	return at
}

// groupsAround is in how many of the groups that a placement asks for a VM is.
func groupsAround(facts *model.Facts, place model.Placement, vm string) int {
	in := 0
	if inGroup(facts.Groups, place.HostGroup, vm) {
		in++
	}
	if slices.ContainsFunc(facts.VMGroups, func(g model.VMGroup) bool { return g.Name == place.VMGroup && slices.Contains(g.VMs, vm) }) {
		in++
	}
	return in
}

// inGroup reports whether a VM is in the VM group for a host group.
func inGroup(groups []model.HostedGroup, hostGroup, vm string) bool {
	return slices.ContainsFunc(groups, func(g model.HostedGroup) bool { return g.HostGroup == hostGroup && slices.Contains(g.VMs, vm) })
}

// HostGroups are the host groups of the VMs in a compute cluster, by their references; empty
// for one that has none. A VM that is not on a placement of its pool any more, and is replaced
// or deleted next, is not among them: it stays where it is.
func HostGroups(spec *model.ClusterSpec, facts *model.Facts, computeCluster string) map[string]string {
	return groupsOf(spec, facts, computeCluster, func(p model.Placement) string { return p.HostGroup })
}

// groupsOf are those of one kind that the VMs in a compute cluster are to be in.
func groupsOf(spec *model.ClusterSpec, facts *model.Facts, computeCluster string, of func(model.Placement) string) map[string]string {
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
		for i, at := range placementsOf(pool, machines, facts) {
			m := machines[i]
			elsewhere := m.Marker.References.ComputeCluster != "" && m.Marker.References.ComputeCluster != computeCluster
			if at >= 0 && there[m.Ref] && !elsewhere {
				wanted[m.Ref] = of(pool.Placements[at])
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
// a group stays, and keeps it. A rule that was turned off stays so: vCenter would turn one off
// again that contradicts another one. None is made for a host group that is gone.
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
	edit := model.GroupEdit{HostGroup: g.HostGroup, RuleKey: g.RuleKey, Off: g.Off}
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
	case !kept || !g.Made || g.Kept || g.Lost:
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
// of host groups, and those of others that nodes are to be in. Those of nodes that the plan
// makes and deletes are changed with these.
func placeSteps(v view, observed *model.Facts) []model.Step {
	var there []computeCluster
	for _, g := range observed.Groups {
		there = append(there, computeCluster{g.ComputeCluster, g.ComputeClusterName})
	}
	changed := slices.DeleteFunc(ruledClusters(observed, there), func(c computeCluster) bool {
		return len(GroupEdits(GroupsIn(observed, c.ref), HostGroups(v.spec, observed, c.ref))) == 0
	})
	for _, c := range joinSteps(v, observed) {
		if !slices.Contains(changed, c) {
			changed = append(changed, c)
		}
	}
	var steps []model.Step
	for _, c := range changed {
		if v.spec.Placed == nil || v.spec.Placed[c.name] {
			steps = append(steps, model.PlaceNodes{ComputeCluster: c.ref, Name: c.name})
		}
	}
	return steps
}
