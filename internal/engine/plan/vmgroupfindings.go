package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

const notGrouped = "Nodes are not in their VM group"

// recordsVMGroup reports whether VMs were put into a VM group before.
func recordsVMGroup(rec model.Record, computeCluster, name string) bool {
	return slices.ContainsFunc(rec.VMGroups, func(g record.VMGroup) bool { return g.ComputeCluster == computeCluster && g.Name == name })
}

// hasVMGroup reports whether a VM group that VMs were put into is there.
func hasVMGroup(facts *model.Facts, computeCluster, name string) bool {
	return slices.ContainsFunc(facts.VMGroups, func(g model.VMGroup) bool { return g.ComputeCluster == computeCluster && g.Name == name })
}

// noDRSForVMGroup says that no VM joins a VM group without DRS.
func noDRSForVMGroup(f *model.Findings, field model.Field, name, computeCluster string) {
	f.Warn(field, notGrouped, "DRS is off in compute cluster %q, or its settings cannot be read, so that nodes are not put into VM group %q. "+
		"Turn DRS on, or remove vm_group.", computeCluster, name)
}

// joinFindings warn of a VM group that nodes of one compute cluster are to be in and cannot.
func joinFindings(f *model.Findings, facts *model.Facts, field model.Field, name string, h model.Hosting) {
	switch {
	case name == "":
	case !h.DRS:
		noDRSForVMGroup(f, field, name, h.ComputeClusterName)
	case recordsVMGroup(facts.Record, h.ComputeCluster, name) && !hasVMGroup(facts, h.ComputeCluster, name):
		f.Warn(field, "VM group is gone", "There is no VM group %q in compute cluster %q any more, so that the nodes there are in none. "+
			"Make it again in the vSphere Client, at Configure > VM/Host Groups of the compute cluster, and the next apply puts them into it, "+
			"or change vm_group. No node is built there before.", name, h.ComputeClusterName)
	}
}

// vmGroups are what keeps nodes out of the VM groups of placements.
func (c check) vmGroups() model.Findings {
	var f model.Findings
	c.eachGroup(model.FieldVMGroup, func(field model.Field, place model.Placement, found model.ResolvedPlacement) {
		switch {
		case place.VMGroup == "":
		case !found.DRS:
			noDRSForVMGroup(&f, field, place.VMGroup, found.ComputeClusterName)
		case slices.Contains(c.limits.Lacks[found.ComputeCluster], editCluster):
			f.Warn(field, notGrouped, "The account lacks %s on compute cluster %q, so that nodes are not put into VM group %q. "+
				"Grant it there; the guide on privileges has the commands.",
				privileges.Describe(editCluster), found.ComputeClusterName, place.VMGroup)
		}
	})
	return f
}

// groupedCondition says whether nodes are in the VM groups of their placements; nil: none has
// one. It is no matter of health.
func groupedCondition(spec *model.ClusterSpec, facts *model.Facts) *model.Condition {
	const kind = "NodesGrouped"
	applies := slices.ContainsFunc(spec.NodePools(), func(p model.NodePool) bool {
		return slices.ContainsFunc(p.Placements, func(place model.Placement) bool { return place.VMGroup != "" })
	})
	if !applies {
		return nil
	}
	nodes := markersOf(facts)
	var gone, outside, off []string
	for _, h := range hostingOnce(facts) {
		for vm, name := range VMGroups(spec, facts, h.ComputeCluster) {
			in := slices.ContainsFunc(facts.VMGroups, func(g model.VMGroup) bool {
				return g.ComputeCluster == h.ComputeCluster && g.Name == name && slices.Contains(g.VMs, vm)
			})
			switch {
			case name == "":
			case !h.DRS:
				off = append(off, nodes[vm].Node)
			case recordsVMGroup(facts.Record, h.ComputeCluster, name) && !hasVMGroup(facts, h.ComputeCluster, name):
				gone = append(gone, name+" in "+h.ComputeClusterName)
			case !in:
				outside = append(outside, nodes[vm].Node)
			}
		}
	}
	var c model.Condition
	switch {
	case len(gone) > 0:
		c = condition(kind, false, "", "GroupGone", "VM groups that nodes are to be in are not there any more: "+sortedWords(gone)+".")
	case len(outside) > 0:
		c = condition(kind, false, "", "OutsideGroup", "Nodes are not in their VM group: "+sortedWords(outside)+
			". The account may not put them there ("+editCluster+"), or the next apply does.")
	case len(off) > 0:
		c = condition(kind, false, "", "NoDRS", "DRS is off, and these nodes are not put into their VM group: "+sortedWords(off)+".")
	default:
		c = condition(kind, true, "Grouped", "", "")
	}
	return &c
}

// hostingOnce is where VMs are, each compute cluster once.
func hostingOnce(facts *model.Facts) []model.Hosting {
	var once []model.Hosting
	for _, h := range facts.Hosting {
		if !slices.ContainsFunc(once, func(have model.Hosting) bool { return have.ComputeCluster == h.ComputeCluster }) {
			once = append(once, h)
		}
	}
	return once
}

// sortedWords lists words in their order, each once.
func sortedWords(words []string) string {
	slices.Sort(words)
	return model.Listed(slices.Compact(words))
}
