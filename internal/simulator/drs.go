package simulator

import (
	"slices"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// drsOn reports whether DRS moves the machines of a compute cluster.
func drsOn(cluster *vcsim.ClusterComputeResource) bool {
	on := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.Enabled
	return on != nil && *on
}

// clusterOf is the compute cluster that a machine is in.
func clusterOf(ctx *vcsim.Context, vm *vcsim.VirtualMachine) (*vcsim.ClusterComputeResource, bool) {
	host, ok := get[*vcsim.HostSystem](ctx, *vm.Runtime.Host)
	if !ok {
		return nil, false
	}
	return get[*vcsim.ClusterComputeResource](ctx, *host.Parent)
}

// apart are the enabled anti-affinity rules that a machine is in.
func apart(cluster *vcsim.ClusterComputeResource, vm types.ManagedObjectReference) []*types.ClusterAntiAffinityRuleSpec {
	var rules []*types.ClusterAntiAffinityRuleSpec
	for _, rule := range cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).Rule {
		r, ok := rule.(*types.ClusterAntiAffinityRuleSpec)
		if ok && r.Enabled != nil && *r.Enabled && slices.Contains(r.Vm, vm) {
			rules = append(rules, r)
		}
	}
	return rules
}

// takenHosts are those on which machines run that rules keep apart from one, and one of
// these rules.
func takenHosts(
	ctx *vcsim.Context, cluster *vcsim.ClusterComputeResource, vm types.ManagedObjectReference,
) (map[types.ManagedObjectReference]bool, *types.ClusterAntiAffinityRuleSpec) {
	taken := map[types.ManagedObjectReference]bool{}
	var violated *types.ClusterAntiAffinityRuleSpec
	for _, rule := range apart(cluster, vm) {
		for _, ref := range rule.Vm {
			other, ok := get[*vcsim.VirtualMachine](ctx, ref)
			if ok && ref != vm && other.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
				taken[*other.Runtime.Host] = true
				violated = rule
			}
		}
	}
	return taken, violated
}

// placeByRules does what DRS does with a machine that is to run: where a rule keeps it from
// its host it goes to another one, and where none is left it does not run. One that should run
// on other hosts goes there where it can.
func (s *Simulator) placeByRules(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
	cluster, ok := clusterOf(ctx, vm)
	if !ok || !drsOn(cluster) {
		return nil
	}
	taken, rule := takenHosts(ctx, cluster, vm.Self)
	wanted := preferred(cluster, vm.Self)
	here := *vm.Runtime.Host
	if !taken[here] && (len(wanted) == 0 || slices.Contains(wanted, here)) {
		return nil
	}
	for _, hosts := range [][]types.ManagedObjectReference{wanted, cluster.Host} {
		for _, ref := range hosts {
			host, ok := get[*vcsim.HostSystem](ctx, ref)
			up := ok && host.Runtime.ConnectionState == types.HostSystemConnectionStateConnected && !host.Runtime.InMaintenanceMode
			if up && !taken[ref] && mounts(host, vm) {
				vmotion(ctx, vm, ref)
				return nil
			}
		}
		if !taken[here] {
			return nil // it should run elsewhere, and may run here
		}
	}
	return &types.RuleViolation{Rule: rule}
}

// mounts reports whether a host has the datastores and networks of a machine.
func mounts(host *vcsim.HostSystem, vm *vcsim.VirtualMachine) bool {
	for _, ref := range vm.Datastore {
		if !slices.Contains(host.Datastore, ref) {
			return false
		}
	}
	for _, ref := range vm.Network {
		if !slices.Contains(host.Network, ref) {
			return false
		}
	}
	return true
}

// vmotion moves a machine to another host of its compute cluster.
func vmotion(ctx *vcsim.Context, vm *vcsim.VirtualMachine, host types.ManagedObjectReference) {
	if from, ok := get[*vcsim.HostSystem](ctx, *vm.Runtime.Host); ok {
		ctx.WithLock(from, func() { vcsim.RemoveReference(&from.Vm, vm.Self) })
	}
	if to, ok := get[*vcsim.HostSystem](ctx, host); ok {
		ctx.WithLock(to, func() { to.Vm = append(to.Vm, vm.Self) })
	}
	ctx.Update(vm, []types.PropertyChange{
		{Name: "runtime.host", Val: &host},
		{Name: "summary.runtime.host", Val: &host},
	})
}

// separate moves running machines that are on one host against a rule, or not where they should
// be, where there is another host, as DRS does some minutes after a rule was made.
func (s *Simulator) separate(ctx *vcsim.Context, cluster *vcsim.ClusterComputeResource) {
	if !drsOn(cluster) {
		return
	}
	var ruled []types.ManagedObjectReference
	for _, rule := range configOf(cluster).Rule {
		if r, ok := rule.(*types.ClusterAntiAffinityRuleSpec); ok {
			ruled = append(ruled, r.Vm...)
		}
	}
	for _, info := range configOf(cluster).Group {
		if group, ok := info.(*types.ClusterVmGroup); ok {
			ruled = append(ruled, group.Vm...)
		}
	}
	for _, ref := range ruled {
		vm, ok := get[*vcsim.VirtualMachine](ctx, ref)
		if ok && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			_ = s.placeByRules(ctx, vm) // it stays where there is none
		}
	}
}
