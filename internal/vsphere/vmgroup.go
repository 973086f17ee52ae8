package vsphere

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// foreignGroups are the VM groups in a compute cluster that are not Gantry's, with the VMs that
// count; nil: all do.
func foreignGroups(p properties, name string, counts func(types.ManagedObjectReference) bool) []model.VMGroup {
	config, _ := configured(p)
	var groups []model.VMGroup
	for _, info := range config.Group {
		group, ok := info.(*types.ClusterVmGroup)
		if !ok || model.OwnGroup(group.Name) {
			continue
		}
		g := model.VMGroup{ComputeCluster: p.ref.String(), ComputeClusterName: name, Name: group.Name}
		for _, vm := range group.Vm {
			if counts == nil || counts(vm) {
				g.VMs = append(g.VMs, vm.String())
			}
		}
		groups = append(groups, g)
	}
	return groups
}

// vmGroupsOf are those anywhere, with the machines that are in them.
func (inv *inventory) vmGroupsOf(own []marked) []model.VMGroup {
	if len(own) == 0 {
		return nil
	}
	machines := make(map[types.ManagedObjectReference]bool, len(own))
	for _, m := range own {
		machines[m.ref] = true
	}
	var groups []model.VMGroup
	for _, n := range inv.all(nil, clusterTypes...) {
		of := foreignGroups(n.properties, n.name, func(vm types.ManagedObjectReference) bool { return machines[vm] })
		groups = append(groups, of...)
	}
	return groups
}

// addVMGroup adds the edit of a VM group to a specification.
func addVMGroup(spec *types.ClusterConfigSpecEx, edit model.VMGroupEdit) error {
	vms, err := parseRefs(edit.VMs)
	if err != nil {
		return fmt.Errorf("VM group %q: %w", edit.Name, err)
	}
	spec.GroupSpec = append(spec.GroupSpec, types.ClusterGroupSpec{
		ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationEdit},
		Info: &types.ClusterVmGroup{
			ClusterGroupInfo: types.ClusterGroupInfo{Name: edit.Name, UserCreated: types.NewBool(true)},
			Vm:               vms,
		},
	})
	return nil
}

// vmGroup reports what is wrong with the VM group of a placement.
func (r *resolver) vmGroup(ref model.PlacementRef, wanted string, cluster *node) {
	if wanted == "" || cluster == nil {
		return
	}
	field := ref.Field(model.FieldVMGroup)
	if _, known := configured(cluster.properties); !known {
		r.refuseGroups(field, cluster)
		return
	}
	hosts, vms := drsGroups(cluster.properties)
	available := orNone(strings.Join(vms, ", "))
	switch {
	case model.OwnGroup(wanted):
		r.refuse(field, fmt.Sprintf("%q is a VM group of Gantry's own", wanted),
			"Gantry makes it for a host_group, and deletes it with the last VM. Choose one that an administrator has made in %q: %s.",
			cluster.path, available)
	case slices.Contains(vms, wanted):
	case slices.Contains(hosts, wanted):
		r.refuse(field, fmt.Sprintf("%q is a group of hosts", wanted),
			"In %q that is a host group, and vm_group names a group of VMs. VM groups there: %s. "+
				"Set host_group to have nodes run on the hosts of a group.", cluster.path, available)
	default:
		r.refuse(field, fmt.Sprintf("Unknown VM group %q", wanted),
			"There is none of that name in %q. Available: %s. An administrator makes VM groups in the vSphere Client, "+
				"at Configure > VM/Host Groups of the compute cluster.", cluster.path, available)
	}
}

// refuseGroups says that the groups of a compute cluster cannot be read.
func (r *resolver) refuseGroups(field model.Field, cluster *node) {
	r.refuse(field, "The groups of DRS cannot be read",
		"The account %q cannot read the configuration of %q. Grant it read access there.", r.user, cluster.path)
}
