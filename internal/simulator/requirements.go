package simulator

import (
	"github.com/vmware/govmomi/object"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// requirement is a privilege that a call needs on an object.
type requirement struct {
	object    types.ManagedObjectReference
	privilege string
}

// requirements are what one call needs, in the order in which it is checked. They are as in
// the reference of the vSphere API; what a new VM will have is its folder's.
type requirements []requirement

func (r *requirements) add(object types.ManagedObjectReference, privileges ...string) {
	for _, privilege := range privileges {
		*r = append(*r, requirement{object, privilege})
	}
}

// deny returns NoPermission for the first that a user lacks. The inventory is locked.
func (r requirements) deny(s *Simulator, ctx *vcsim.Context, user string) fault {
	for _, q := range r {
		if !s.granted(ctx, user, q.privilege, q.object) {
			return &types.NoPermission{Object: &q.object, PrivilegeId: q.privilege}
		}
	}
	return nil
}

func (r *requirements) clone(ctx *vcsim.Context, req *types.CloneVM_Task) {
	source := "VirtualMachine.Provisioning.Clone"
	if vm, ok := get[*vcsim.VirtualMachine](ctx, req.This); ok && vm.Config != nil && vm.Config.Template {
		source = "VirtualMachine.Provisioning.DeployTemplate"
	}
	r.add(req.This, readPrivilege, source)
	r.add(req.Folder, "VirtualMachine.Inventory.CreateFromExisting", "VirtualMachine.Config.AddNewDisk")
	if pool := req.Spec.Location.Pool; pool != nil {
		r.add(*pool, "Resource.AssignVMToPool")
	}
	if datastore := req.Spec.Location.Datastore; datastore != nil {
		r.add(*datastore, "Datastore.AllocateSpace")
	}
	if req.Spec.Config != nil {
		r.reconfigure(ctx, req.Folder, req.Spec.Config)
	}
	if req.Spec.PowerOn {
		r.add(req.Folder, "VirtualMachine.Interact.PowerOn")
	}
}

// recommend adds what a look at what Storage DRS recommends needs: to read what it is about.
func (r *requirements) recommend(req *types.RecommendDatastores) {
	for _, ref := range []*types.ManagedObjectReference{req.StorageSpec.Vm, req.StorageSpec.PodSelectionSpec.StoragePod} {
		if ref != nil {
			r.add(*ref, readPrivilege)
		}
	}
}

// importVApp adds what an import needs beside the right to import into the pool.
func (r *requirements) importVApp(ctx *vcsim.Context, req *types.ImportVApp) {
	spec, ok := req.Spec.(*types.VirtualMachineImportSpec)
	if !ok || req.Folder == nil || spec.ConfigSpec.Files == nil {
		return // the call fails
	}
	r.add(*req.Folder, "VirtualMachine.Inventory.Create")
	r.add(req.This, "Resource.AssignVMToPool")
	var file object.DatastorePath
	file.FromString(spec.ConfigSpec.Files.VmPathName)
	for _, e := range ctx.Map.All("Datastore") {
		if ds, ok := e.(*vcsim.Datastore); ok && ds.Name == file.Datastore {
			r.add(ds.Self, "Datastore.AllocateSpace")
		}
	}
	r.reconfigure(ctx, *req.Folder, &spec.ConfigSpec)
}

// reconfigure adds what a change of a VM needs; on is the VM, or the folder of one that is
// being made.
func (r *requirements) reconfigure(ctx *vcsim.Context, on types.ManagedObjectReference, spec *types.VirtualMachineConfigSpec) {
	when := func(changed bool, privileges ...string) {
		if changed {
			r.add(on, privileges...)
		}
	}
	when(len(spec.ExtraConfig) > 0, "VirtualMachine.Config.AdvancedConfig")
	when(spec.Name != "", "VirtualMachine.Config.Rename")
	when(spec.Annotation != "", "VirtualMachine.Config.Annotation", "VirtualMachine.Config.Rename")
	when(spec.InstanceUuid != "" || spec.Uuid != "" || spec.GuestId != "" || spec.Flags != nil || spec.Tools != nil || spec.BootOptions != nil,
		"VirtualMachine.Config.Settings")
	when(spec.NumCPUs != 0, "VirtualMachine.Config.CPUCount")
	when(spec.MemoryMB != 0, "VirtualMachine.Config.Memory")
	when(spec.VAppConfigRemoved != nil && *spec.VAppConfigRemoved, "VApp.ApplicationConfig")
	for _, change := range spec.DeviceChange {
		r.device(ctx, on, change.GetVirtualDeviceConfigSpec())
	}
}

func (r *requirements) device(ctx *vcsim.Context, on types.ManagedObjectReference, c *types.VirtualDeviceConfigSpec) {
	disk, isDisk := c.Device.(*types.VirtualDisk)
	edits := c.Operation == types.VirtualDeviceConfigSpecOperationEdit
	switch {
	case isDisk && c.Operation == types.VirtualDeviceConfigSpecOperationRemove:
		r.add(on, "VirtualMachine.Config.RemoveDisk")
	case isDisk && edits:
		r.add(on, "VirtualMachine.Config.DiskExtend", "VirtualMachine.Config.EditDevice")
	case isDisk && diskFile(disk) != "" && c.FileOperation == "":
		r.add(on, "VirtualMachine.Config.AddExistingDisk")
	case isDisk:
		r.add(on, "VirtualMachine.Config.AddNewDisk")
	case edits:
		r.add(on, "VirtualMachine.Config.EditDevice")
	default:
		r.add(on, "VirtualMachine.Config.AddRemoveDevice")
	}
	card, isCard := c.Device.(types.BaseVirtualEthernetCard)
	if !isCard || c.Operation == types.VirtualDeviceConfigSpecOperationRemove {
		return
	}
	if network, ok := networkOf(ctx, card.GetVirtualEthernetCard().Backing); ok {
		r.add(network, "Network.Assign")
	}
}

// networkOf is the network that a network card is connected to.
func networkOf(ctx *vcsim.Context, backing types.BaseVirtualDeviceBackingInfo) (types.ManagedObjectReference, bool) {
	switch b := backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		if b.Network != nil {
			return *b.Network, true
		}
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		for _, e := range ctx.Map.All("DistributedVirtualPortgroup") {
			if group, ok := e.(*vcsim.DistributedVirtualPortgroup); ok && group.Key == b.Port.PortgroupKey {
				return group.Self, true
			}
		}
	}
	return types.ManagedObjectReference{}, false
}
