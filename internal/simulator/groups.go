package simulator

import (
	"fmt"
	"slices"
	"unicode/utf8"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// HostGroup is a host group of DRS in the inventory.
type HostGroup struct {
	ComputeCluster string
	Name           string
	Hosts          []int // by their numbers, from 1
}

// VMGroup is a VM group of DRS in the inventory, without machines.
type VMGroup struct {
	ComputeCluster string
	Name           string
}

// configOf is the configuration of a compute cluster.
func configOf(cluster *vcsim.ClusterComputeResource) *types.ClusterConfigInfoEx {
	return cluster.ConfigurationEx.(*types.ClusterConfigInfoEx)
}

// groups makes the groups of a compute cluster.
func (b *builder) groups(cluster *vcsim.ClusterComputeResource) error {
	for _, g := range b.opts.Inventory.HostGroups {
		if g.ComputeCluster != cluster.Name {
			continue
		}
		group := &types.ClusterHostGroup{ClusterGroupInfo: types.ClusterGroupInfo{Name: g.Name, UserCreated: types.NewBool(true)}}
		for _, n := range g.Hosts {
			if n < 1 || n > len(cluster.Host) {
				return fmt.Errorf("host group %s: compute cluster %s has no host %d", g.Name, g.ComputeCluster, n)
			}
			group.Host = append(group.Host, cluster.Host[n-1])
		}
		configOf(cluster).Group = append(configOf(cluster).Group, group)
	}
	for _, g := range b.opts.Inventory.VMGroups {
		if g.ComputeCluster == cluster.Name {
			info := types.ClusterGroupInfo{Name: g.Name, UserCreated: types.NewBool(true)}
			configOf(cluster).Group = append(configOf(cluster).Group, &types.ClusterVmGroup{ClusterGroupInfo: info})
		}
	}
	return nil
}

// groupNames are the names of the groups in a compute cluster, and whether each is one of VMs.
func groupNames(cluster *vcsim.ClusterComputeResource) map[string]bool {
	names := map[string]bool{}
	for _, group := range configOf(cluster).Group {
		_, ofVMs := group.(*types.ClusterVmGroup)
		names[group.GetClusterGroupInfo().Name] = ofVMs
	}
	return names
}

// maxGroupName is how many characters the name of a group or of a rule may have.
const maxGroupName = 80

// checkGroups refuses a group whose name another one has, or is too long, or none to be changed, the removal of
// one that a rule names, and machines of another compute cluster.
func checkGroups(ctx *vcsim.Context, cluster *vcsim.ClusterComputeResource, spec *types.ClusterConfigSpecEx) fault {
	names := groupNames(cluster)
	for _, change := range spec.GroupSpec {
		if change.Operation == types.ArrayUpdateOperationRemove {
			name, ok := change.RemoveKey.(string)
			if _, there := names[name]; !ok || !there || ruleNames(cluster, name) {
				return invalidArgument("groupSpec.removeKey")
			}
			continue
		}
		if change.Info == nil || change.Info.GetClusterGroupInfo().Name == "" {
			return invalidArgument("groupSpec.info")
		}
		if name := change.Info.GetClusterGroupInfo().Name; utf8.RuneCountInString(name) > maxGroupName {
			return &types.InvalidName{Name: name, Entity: &cluster.Self}
		}
		ofVMs, there := names[change.Info.GetClusterGroupInfo().Name]
		group, isVMs := change.Info.(*types.ClusterVmGroup)
		edits := change.Operation == types.ArrayUpdateOperationEdit
		if edits != there || there && ofVMs != isVMs {
			return invalidArgument("groupSpec.info.name")
		}
		if !isVMs {
			continue
		}
		for _, ref := range group.Vm {
			vm, ok := get[*vcsim.VirtualMachine](ctx, ref)
			if !ok {
				return &types.ManagedObjectNotFound{Obj: ref}
			}
			if !slices.Contains(cluster.Host, *vm.Runtime.Host) {
				return invalidArgument("groupSpec.info.vm")
			}
		}
	}
	return nil
}

// ruleNames reports whether a rule names a group.
func ruleNames(cluster *vcsim.ClusterComputeResource, group string) bool {
	return slices.ContainsFunc(configOf(cluster).Rule, func(info types.BaseClusterRuleInfo) bool {
		rule, ok := info.(*types.ClusterVmHostRuleInfo)
		return ok && (rule.VmGroupName == group || rule.AffineHostGroupName == group || rule.AntiAffineHostGroupName == group)
	})
}

// checkHostRule refuses a rule that names no VM group, or no host group, that there is already.
func checkHostRule(cluster *vcsim.ClusterComputeResource, rule *types.ClusterVmHostRuleInfo) fault {
	names := groupNames(cluster)
	if ofVMs, ok := names[rule.VmGroupName]; !ok || !ofVMs {
		return invalidArgument("rulesSpec.info.vmGroupName")
	}
	for _, name := range []string{rule.AffineHostGroupName, rule.AntiAffineHostGroupName} {
		if ofVMs, ok := names[name]; name != "" && (!ok || ofVMs) {
			return invalidArgument("rulesSpec.info.affineHostGroupName")
		}
	}
	if rule.AffineHostGroupName+rule.AntiAffineHostGroupName == "" {
		return invalidArgument("rulesSpec.info.affineHostGroupName")
	}
	return nil
}

// preferred are the hosts on which enabled rules want a machine to run; none: any will do.
func preferred(cluster *vcsim.ClusterComputeResource, vm types.ManagedObjectReference) []types.ManagedObjectReference {
	in := map[string]bool{}
	hosts := map[string][]types.ManagedObjectReference{}
	for _, info := range configOf(cluster).Group {
		switch group := info.(type) {
		case *types.ClusterVmGroup:
			in[group.Name] = slices.Contains(group.Vm, vm)
		case *types.ClusterHostGroup:
			hosts[group.Name] = group.Host
		}
	}
	var want []types.ManagedObjectReference
	for _, info := range configOf(cluster).Rule {
		rule, ok := info.(*types.ClusterVmHostRuleInfo)
		if ok && rule.Enabled != nil && *rule.Enabled && in[rule.VmGroupName] {
			want = append(want, hosts[rule.AffineHostGroupName]...)
		}
	}
	return want
}
