package simulator

import (
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// MigrateVM moves a machine to the first host of a compute cluster, by their names, and
// into that one's root resource pool; its disks stay where they are.
func (s *Simulator) MigrateVM(name, computeCluster string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		for _, e := range s.registry.All("ClusterComputeResource") {
			if cluster, ok := e.(*vcsim.ClusterComputeResource); ok && cluster.Name == computeCluster {
				migrate(ctx, vm, cluster.Host[0], *cluster.ResourcePool)
				return nil
			}
		}
		return &types.NotFound{}
	})
}

func migrate(ctx *vcsim.Context, vm *vcsim.VirtualMachine, host, pool types.ManagedObjectReference) {
	if from, ok := get[*vcsim.HostSystem](ctx, *vm.Runtime.Host); ok {
		ctx.WithLock(from, func() { vcsim.RemoveReference(&from.Vm, vm.Self) })
	}
	if to, ok := get[*vcsim.HostSystem](ctx, host); ok {
		ctx.WithLock(to, func() { to.Vm = append(to.Vm, vm.Self) })
	}
	if from, ok := get[*vcsim.ResourcePool](ctx, *vm.ResourcePool); ok {
		ctx.WithLock(from, func() { vcsim.RemoveReference(&from.Vm, vm.Self) })
	}
	if to, ok := get[*vcsim.ResourcePool](ctx, pool); ok {
		ctx.WithLock(to, func() { to.Vm = append(to.Vm, vm.Self) })
	}
	leaveRules(ctx, vm)
	ctx.Update(vm, []types.PropertyChange{
		{Name: "runtime.host", Val: &host},
		{Name: "summary.runtime.host", Val: &host},
		{Name: "resourcePool", Val: &pool},
	})
}
