package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// VMGroups are the VM groups of others that the VMs in a compute cluster are to be in, as
// HostGroups are their host groups.
func VMGroups(spec *model.ClusterSpec, facts *model.Facts, computeCluster string) map[string]string {
	return groupsOf(spec, facts, computeCluster, func(p model.Placement) string { return p.VMGroup })
}

// Joined is from what follows who joins and who leaves the VM groups of others in one compute
// cluster.
type Joined struct {
	Groups []model.VMGroup   // that are there
	Wanted map[string]string // the group of each VM that has a placement, by its reference
	// Nodes are the markers of all VMs of the cluster, by their references.
	Nodes  map[string]model.Marker
	Record []record.VMGroup // those of the compute cluster
	// Joins is false where DRS is off: VMs only leave then.
	Joins bool
	// Hidden is that there may be VMs of the cluster that vCenter does not show now.
	Hidden bool
}

// recorded is the index of a group in the record; -1: it is not there.
func (j Joined) recorded(name string) int {
	return slices.IndexFunc(j.Record, func(g record.VMGroup) bool { return g.Name == name })
}

// Edits are what is to become of the groups. A VM leaves one that Gantry has put it in; what
// others have put there stays.
func (j Joined) Edits() []model.VMGroupEdit {
	var edits []model.VMGroupEdit
	for _, g := range j.Groups {
		edit := model.VMGroupEdit{Name: g.Name}
		for _, vm := range g.VMs {
			to, placed := j.Wanted[vm]
			if !placed || to == g.Name || !j.given(g.Name, vm) {
				edit.VMs = append(edit.VMs, vm)
			}
		}
		stay := len(edit.VMs)
		for _, vm := range sortedKeys(j.Wanted) {
			if j.Joins && j.Wanted[vm] == g.Name && !slices.Contains(edit.VMs, vm) {
				edit.VMs = append(edit.VMs, vm)
			}
		}
		if stay < len(g.VMs) || stay < len(edit.VMs) {
			edits = append(edits, edit)
		}
	}
	return edits
}

// given reports whether a VM that is in a group was put there by Gantry.
func (j Joined) given(name, vm string) bool {
	m, ours := j.Nodes[vm]
	i := j.recorded(name)
	return ours && i >= 0 && !slices.Contains(j.Record[i].Others[m.NodePool], m.Ordinal)
}

// Unrecorded are the groups that VMs are to be put in and that the record does not have yet.
func (j Joined) Unrecorded() []string {
	var names []string
	for _, vm := range sortedKeys(j.Wanted) {
		if name := j.Wanted[vm]; j.Joins && name != "" && j.recorded(name) < 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Left are the groups of the record that no VM is to be in, and in which Gantry has left none.
func (j Joined) Left() []string {
	var names []string
	for _, g := range j.Record {
		wanted := false
		for _, name := range j.Wanted {
			wanted = wanted || name == g.Name
		}
		has := slices.ContainsFunc(j.Groups, func(there model.VMGroup) bool {
			return there.Name == g.Name && slices.ContainsFunc(there.VMs, func(vm string) bool { return j.given(g.Name, vm) })
		})
		if !wanted && !has {
			names = append(names, g.Name)
		}
	}
	return names
}

// Forgotten are those that the record need not have any more: while a VM is hidden that may be
// in one, it stays.
func (j Joined) Forgotten() []string {
	if j.Hidden {
		return nil
	}
	return j.Left()
}

// Due reports whether there is anything to be done.
func (j Joined) Due() bool { return len(j.Edits())+len(j.Unrecorded())+len(j.Forgotten()) > 0 }

// JoinedIn is what facts say of one compute cluster. hidden is whether VMs of the cluster may
// be there that vCenter does not show now.
func JoinedIn(spec *model.ClusterSpec, facts *model.Facts, computeCluster string, drs, hidden bool) Joined {
	return Joined{
		Groups: slices.DeleteFunc(slices.Clone(facts.VMGroups), func(g model.VMGroup) bool { return g.ComputeCluster != computeCluster }),
		Wanted: VMGroups(spec, facts, computeCluster),
		Nodes:  markersOf(facts),
		Record: RecordedVMGroups(facts.Record, computeCluster),
		Joins:  drs,
		Hidden: hidden,
	}
}

// markersOf are the markers of all VMs of a cluster, by their references.
func markersOf(facts *model.Facts) map[string]model.Marker {
	markers := map[string]model.Marker{}
	for _, m := range facts.VMs() {
		markers[m.Ref] = m.Marker
	}
	return markers
}

// RecordedVMGroups are those of the record in one compute cluster.
func RecordedVMGroups(rec model.Record, computeCluster string) []record.VMGroup {
	return slices.DeleteFunc(slices.Clone(rec.VMGroups), func(g record.VMGroup) bool { return g.ComputeCluster != computeCluster })
}

// HidesVMs reports whether there may be VMs of a cluster whose compute cluster is not known:
// those that vCenter does not show now, and those on hosts that it does not show.
func HidesVMs(of model.NodeNames, counters map[string]int, facts *model.Facts) bool {
	hosted := map[string]bool{}
	for _, h := range facts.Hosting {
		for _, vms := range h.VMs {
			for _, vm := range vms {
				hosted[vm] = true
			}
		}
	}
	unhosted := slices.ContainsFunc(facts.VMs(), func(m model.Machine) bool { return !hosted[m.Ref] })
	return unhosted || len(HiddenVMs(of, counters, facts)) > 0
}

// joinSteps are the compute clusters in which VMs are to join or to leave VM groups of others.
func joinSteps(v view, observed *model.Facts) []computeCluster {
	var clusters []computeCluster
	hidden := HidesVMs(v.nodeNames, observed.Record.Counters, observed)
	for _, h := range observed.Hosting {
		at := computeCluster{h.ComputeCluster, h.ComputeClusterName}
		if !slices.Contains(clusters, at) && JoinedIn(v.spec, observed, h.ComputeCluster, h.DRS, hidden).Due() {
			clusters = append(clusters, at)
		}
	}
	return clusters
}
