package simulator

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// DestroyTask deletes a machine with the files of every disk that is attached
// to it, foreign ones too, or a folder with all that is in it.
func (o *overrides) DestroyTask(ctx *vcsim.Context, req *types.Destroy_Task) soap.HasFault {
	if o.s.registry.Get(req.This) == nil {
		return notFound(req.This)
	}
	return &methods.Destroy_TaskBody{Res: &types.Destroy_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "Destroy_Task", req.This.Type+".destroy", func(ctx *vcsim.Context) (types.AnyType, fault) {
			return nil, o.s.destroy(ctx, req.This)
		}),
	}}
}

// UnregisterAndDestroyTask deletes a folder and takes the machines in it off
// the inventory without touching their files.
func (o *overrides) UnregisterAndDestroyTask(ctx *vcsim.Context, req *types.UnregisterAndDestroy_Task) soap.HasFault {
	folder, ok := get[*vcsim.Folder](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.UnregisterAndDestroy_TaskBody{Res: &types.UnregisterAndDestroy_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "UnregisterAndDestroy_Task",
			"Folder.unregisterAndDestroy", func(ctx *vcsim.Context) (types.AnyType, fault) {
				return nil, o.s.removeFolder(ctx, folder, o.s.unregister)
			}),
	}}
}

// unregister takes a machine, or a folder with those in it, off the inventory.
func (s *Simulator) unregister(ctx *vcsim.Context, ref types.ManagedObjectReference) fault {
	switch obj := ctx.Map.Get(ref).(type) {
	case *vcsim.VirtualMachine:
		if f := obj.UnregisterVM(ctx, &types.UnregisterVM{This: ref}).Fault(); f != nil {
			return f.VimFault().(fault)
		}
		s.tags.detachAll(ref)
		return nil
	case *vcsim.Folder:
		return s.removeFolder(ctx, obj, s.unregister)
	}
	return new(types.NotSupported)
}

// destroy deletes a machine or a folder. The inventory is locked.
func (s *Simulator) destroy(ctx *vcsim.Context, ref types.ManagedObjectReference) fault {
	switch obj := ctx.Map.Get(ref).(type) {
	case *vcsim.VirtualMachine:
		return s.destroyVM(ctx, obj)
	case *vcsim.Folder:
		return s.removeFolder(ctx, obj, s.destroy)
	case nil:
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	return new(types.NotSupported)
}

// removeFolder deletes a folder after it has done away with all that is in it.
func (s *Simulator) removeFolder(
	ctx *vcsim.Context, folder *vcsim.Folder, away func(*vcsim.Context, types.ManagedObjectReference) fault,
) fault {
	parent, ok := get[*vcsim.Folder](ctx, *folder.Parent)
	if !ok {
		return new(types.NotSupported) // a datacenter's own folder
	}
	if on, ok := s.poweredOn(ctx, folder); ok {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: on.Runtime.PowerState,
		}
	}
	for _, ref := range slices.Clone(folder.ChildEntity) {
		if err := away(ctx, ref); err != nil {
			return err
		}
	}
	ctx.WithLock(parent, func() { vcsim.RemoveReference(&parent.ChildEntity, folder.Self) })
	ctx.Map.Remove(ctx, folder.Self)
	s.tags.detachAll(folder.Self)
	return nil
}

// poweredOn finds a running machine anywhere below the folder.
func (s *Simulator) poweredOn(ctx *vcsim.Context, folder *vcsim.Folder) (*vcsim.VirtualMachine, bool) {
	for _, ref := range folder.ChildEntity {
		switch obj := ctx.Map.Get(ref).(type) {
		case *vcsim.VirtualMachine:
			if obj.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
				return obj, true
			}
		case *vcsim.Folder:
			if vm, ok := s.poweredOn(ctx, obj); ok {
				return vm, true
			}
		}
	}
	return nil, false
}

func (s *Simulator) destroyVM(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
		}
	}
	s.destroyDisks(ctx, vm)
	s.deleteFolder(ctx, ownFolder(vm))

	if vm.Snapshot != nil {
		forEachSnapshot(vm.Snapshot.RootSnapshotList, func(ref types.ManagedObjectReference) { ctx.Map.Remove(ctx, ref) })
	}
	for _, ref := range slices.Clone(vm.Network) {
		s.leaveNetwork(ctx, ref, vm.Self)
	}
	leaveRules(ctx, vm)
	if f := vm.UnregisterVM(ctx, &types.UnregisterVM{This: vm.Self}).Fault(); f != nil {
		return f.VimFault().(fault)
	}
	s.tags.detachAll(vm.Self)
	id := vm.Self.Value
	s.notifications = append(s.notifications, func() { s.guests.Destroyed(id) })
	return nil
}

// leaveNetwork removes a machine from a network's list.
func (s *Simulator) leaveNetwork(ctx *vcsim.Context, network, vm types.ManagedObjectReference) {
	switch n := ctx.Map.Get(network).(type) {
	case *mo.Network:
		ctx.WithLock(n, func() { vcsim.RemoveReference(&n.Vm, vm) })
	case *vcsim.DistributedVirtualPortgroup:
		ctx.WithLock(n, func() { vcsim.RemoveReference(&n.Vm, vm) })
	}
}

// deleteDisk deletes a disk's files and gives its space back. The parent of a
// child disk stays.
func (s *Simulator) deleteDisk(ctx *vcsim.Context, disk *types.VirtualDisk, file string) {
	name, ds, ok := s.resolve(ctx, file)
	if !ok {
		return
	}
	for _, f := range []string{name, strings.TrimSuffix(name, ".vmdk") + "-flat.vmdk"} {
		if err := os.Remove(f); err != nil && !os.IsNotExist(err) {
			s.logf("delete %s: %v", file, err)
		}
	}
	size := disk.CapacityInBytes
	if b, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok && b.Parent != nil {
		size = 0
	}
	addFreeSpace(ctx, ds, size)
}

// deleteFolder deletes a machine's own directory, except for the disks of
// other owners that lie in it.
func (s *Simulator) deleteFolder(ctx *vcsim.Context, folder string) {
	dir, _, ok := s.resolve(ctx, folder)
	if !ok {
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	kept := false
	for _, entry := range entries {
		if entry.IsDir() || strings.HasSuffix(entry.Name(), ".vmdk") {
			kept = true
			continue
		}
		_ = os.Remove(filepath.Join(dir, entry.Name()))
	}
	if !kept {
		_ = os.Remove(dir)
	}
}

// resolve returns the local file behind a [datastore] path.
func (s *Simulator) resolve(ctx *vcsim.Context, file string) (string, *vcsim.Datastore, bool) {
	var p object.DatastorePath
	if !p.FromString(file) || p.Path == "" {
		return "", nil, false
	}
	for _, e := range ctx.Map.All("Datastore") {
		if ds, ok := e.(*vcsim.Datastore); ok && ds.Name == p.Datastore {
			return filepath.Join(ds.Summary.Url, p.Path), ds, true
		}
	}
	return "", nil, false
}

func forEachSnapshot(tree []types.VirtualMachineSnapshotTree, do func(types.ManagedObjectReference)) {
	for _, node := range tree {
		do(node.Snapshot)
		forEachSnapshot(node.ChildSnapshotList, do)
	}
}

// leaveRules takes a machine out of its cluster's placement rules and VM groups, as vCenter
// does with a machine that is no more.
func leaveRules(ctx *vcsim.Context, vm *vcsim.VirtualMachine) {
	host, ok := get[*vcsim.HostSystem](ctx, *vm.Runtime.Host)
	if !ok {
		return
	}
	cluster, ok := get[*vcsim.ClusterComputeResource](ctx, *host.Parent)
	if !ok {
		return
	}
	ctx.WithLock(cluster, func() {
		for _, rule := range cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).Rule {
			switch r := rule.(type) {
			case *types.ClusterAntiAffinityRuleSpec:
				vcsim.RemoveReference(&r.Vm, vm.Self)
			case *types.ClusterAffinityRuleSpec:
				vcsim.RemoveReference(&r.Vm, vm.Self)
			}
		}
		for _, info := range configOf(cluster).Group {
			if group, ok := info.(*types.ClusterVmGroup); ok {
				vcsim.RemoveReference(&group.Vm, vm.Self)
			}
		}
	})
}
