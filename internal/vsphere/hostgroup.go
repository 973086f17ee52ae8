package vsphere

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// drsGroups are the names of the groups of DRS in a compute cluster, each list sorted. Of VM
// groups those are left out that Gantry makes.
func drsGroups(p properties) (hosts, vms []string) {
	config, _ := configured(p)
	for _, info := range config.Group {
		switch group := info.(type) {
		case *types.ClusterHostGroup:
			hosts = append(hosts, group.Name)
		case *types.ClusterVmGroup:
			if !model.OwnGroup(group.Name) {
				vms = append(vms, group.Name)
			}
		}
	}
	slices.Sort(hosts)
	slices.Sort(vms)
	return hosts, vms
}

// groupsOf are the VM groups that a cluster has anywhere, with their rules.
func (inv *inventory) groupsOf(cluster uuid.UUID) []model.HostedGroup {
	var groups []model.HostedGroup
	for _, n := range inv.all(nil, clusterTypes...) {
		groups = append(groups, ownGroups(n.properties, n.name, cluster)...)
	}
	return groups
}

// ownGroups are those of a cluster in a compute cluster, also where only the rule is left of
// one.
func ownGroups(p properties, name string, cluster uuid.UUID) []model.HostedGroup {
	config, _ := configured(p)
	hosts, _ := drsGroups(p)
	byHostGroup := map[string]*model.HostedGroup{}
	var order []string
	at := func(hostGroup string) *model.HostedGroup {
		if byHostGroup[hostGroup] == nil {
			order = append(order, hostGroup)
			byHostGroup[hostGroup] = &model.HostedGroup{
				ComputeCluster: p.ref.String(), ComputeClusterName: name, HostGroup: hostGroup, Lost: !slices.Contains(hosts, hostGroup),
			}
		}
		return byHostGroup[hostGroup]
	}
	for _, info := range config.Group {
		group, ok := info.(*types.ClusterVmGroup)
		if !ok {
			continue
		}
		if hostGroup, ours := model.HostGroupOf(cluster, group.Name); ours {
			g := at(hostGroup)
			g.Made = true
			for _, vm := range group.Vm {
				g.VMs = append(g.VMs, vm.String())
			}
		}
	}
	for _, info := range config.Rule {
		rule := info.GetClusterRuleInfo()
		hostGroup, ours := model.HostGroupOf(cluster, rule.Name)
		if !ours {
			continue
		}
		g := at(hostGroup)
		g.RuleKey = rule.Key
		should, ok := info.(*types.ClusterVmHostRuleInfo)
		g.Off = !isTrue(rule.Enabled)
		g.Kept = ok && !isTrue(should.Mandatory) && should.VmGroupName == rule.Name &&
			should.AffineHostGroupName == hostGroup && should.AntiAffineHostGroupName == ""
	}
	slices.Sort(order)
	var groups []model.HostedGroup
	for _, hostGroup := range order {
		groups = append(groups, *byHostGroup[hostGroup])
	}
	return groups
}

func isTrue(flag *bool) bool { return flag != nil && *flag }

// addGroup adds the edit of a VM group and its rule to a specification.
func addGroup(spec *types.ClusterConfigSpecEx, cluster uuid.UUID, edit model.GroupEdit) error {
	name := model.GroupName(cluster, edit.HostGroup)
	vms, err := parseRefs(edit.VMs)
	if err != nil {
		return fmt.Errorf("VM group for %q: %w", edit.HostGroup, err)
	}
	switch edit.Group {
	case model.Add, model.Edit:
		spec.GroupSpec = append(spec.GroupSpec, types.ClusterGroupSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperation(edit.Group)},
			Info: &types.ClusterVmGroup{
				ClusterGroupInfo: types.ClusterGroupInfo{Name: name, UserCreated: types.NewBool(true)},
				Vm:               vms,
			},
		})
	case model.Remove:
		spec.GroupSpec = append(spec.GroupSpec, types.ClusterGroupSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationRemove, RemoveKey: name},
		})
	}
	switch edit.Rule {
	case model.Add, model.Edit:
		spec.RulesSpec = append(spec.RulesSpec, types.ClusterRuleSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperation(edit.Rule)},
			Info: &types.ClusterVmHostRuleInfo{
				ClusterRuleInfo: types.ClusterRuleInfo{
					Key:         edit.RuleKey,
					Name:        name,
					Enabled:     types.NewBool(!edit.Off),
					Mandatory:   types.NewBool(false), // where no host of the group can run a VM, another one may
					UserCreated: types.NewBool(true),
				},
				VmGroupName:         name,
				AffineHostGroupName: edit.HostGroup,
			},
		})
	case model.Remove:
		spec.RulesSpec = append(spec.RulesSpec, types.ClusterRuleSpec{
			ArrayUpdateSpec: types.ArrayUpdateSpec{Operation: types.ArrayUpdateOperationRemove, RemoveKey: edit.RuleKey},
		})
	}
	return nil
}

// hostGroup reports what is wrong with the host group of a placement.
func (r *resolver) hostGroup(ref model.PlacementRef, wanted string, cluster *node) {
	if wanted == "" || cluster == nil {
		return
	}
	field := ref.Field(model.FieldHostGroup)
	hosts, vms := drsGroups(cluster.properties)
	if _, known := configured(cluster.properties); !known {
		r.refuseGroups(field, cluster)
		return
	}
	switch {
	case slices.Contains(hosts, wanted):
		if !r.groupInService(cluster, wanted) {
			r.findings.Warn(field, fmt.Sprintf("No host of host group %q can run a VM", wanted),
				"All hosts of the host group in %q are disconnected or in maintenance mode, or it has none. Nodes run on other hosts "+
					"of the compute cluster until one of these is back.", cluster.path)
		}
	case slices.Contains(vms, wanted):
		r.refuse(field, fmt.Sprintf("%q is a group of VMs", wanted),
			"In %q that is a VM group, and host_group names a group of hosts. Host groups there: %s.",
			cluster.path, orNone(strings.Join(hosts, ", ")))
	default:
		r.refuse(field, fmt.Sprintf("Unknown host group %q", wanted),
			"There is none of that name in %q. Available: %s. An administrator makes host groups in the vSphere Client, "+
				"at Configure > VM/Host Groups of the compute cluster.", cluster.path, orNone(strings.Join(hosts, ", ")))
	}
}

// groupInService reports whether a host of a host group can run another VM.
func (r *resolver) groupInService(cluster *node, hostGroup string) bool {
	config, _ := configured(cluster.properties)
	usable := r.usableHosts(cluster)
	for _, info := range config.Group {
		group, ok := info.(*types.ClusterHostGroup)
		if !ok || group.Name != hostGroup {
			continue
		}
		return slices.ContainsFunc(usable, func(host *node) bool { return slices.Contains(group.Host, host.ref) })
	}
	return false
}
