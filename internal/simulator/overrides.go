package simulator

import (
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// overrides implements the methods that vcsim gets wrong, for all objects of a
// simulator. The dispatcher redirects a call by changing the method's target
// to this object; the request itself still names the real one. It locks
// nothing by itself: vcsim would lock the object for the whole call.
type overrides struct {
	// The first field has to be a managed object: vcsim looks for one in
	// everything that is registered.
	mo.ExtensibleManagedObject
	s *Simulator
}

var overridesRef = types.ManagedObjectReference{Type: "GantrySimulator", Value: "overrides"}

// Lock and Unlock opt out of vcsim's lock per object.
func (*overrides) Lock() {}

// Unlock is Lock's counterpart.
func (*overrides) Unlock() {}

// overridden lists the methods, by managed object type, that are implemented by
// overrides.
var overridden = map[string]map[string]bool{
	"VirtualMachine": methodSet("CloneVM_Task", "Destroy_Task", "PowerOnVM_Task", "PowerOffVM_Task",
		"ResetVM_Task", "ShutdownGuest", "RebootGuest", "ReconfigVM_Task", "Rename_Task", "UnregisterVM",
		"CreateSnapshot_Task", "RemoveAllSnapshots_Task", "MarkAsTemplate", "MarkAsVirtualMachine"),
	"Folder": methodSet("CreateFolder", "Destroy_Task", "UnregisterAndDestroy_Task", "MoveIntoFolder_Task",
		"Rename_Task", "CreateVM_Task"),
	"ClusterComputeResource": methodSet("ReconfigureComputeResource_Task", "Rename_Task"),
	"ResourcePool":           methodSet("ImportVApp", "Rename_Task"),
	"OvfManager":             methodSet("CreateImportSpec"),
	"HttpNfcLease":           methodSet("HttpNfcLeaseProgress", "HttpNfcLeaseComplete", "HttpNfcLeaseAbort"),
	"ServiceInstance":        methodSet("CurrentTime"),

	"Datacenter":                  methodSet("Rename_Task"),
	"Datastore":                   methodSet("Rename_Task"),
	"DistributedVirtualPortgroup": methodSet("Rename_Task"),

	"PropertyCollector": methodSet("RetrieveProperties", "RetrievePropertiesEx", "ContinueRetrievePropertiesEx",
		"CreateFilter", "CreatePropertyCollector", "DestroyPropertyCollector", "WaitForUpdates", "WaitForUpdatesEx", "CancelWaitForUpdates"),
	"PropertyFilter": methodSet("DestroyPropertyFilter"),
	"ViewManager":    methodSet("CreateContainerView"),
	"SearchIndex": methodSet("FindByInventoryPath", "FindByUuid", "FindAllByUuid", "FindChild",
		"FindByDatastorePath", "FindByIp", "FindAllByIp"),
	"EventManager": methodSet("LogUserEvent"),

	"StorageResourceManager": methodSet("RecommendDatastores"),

	"AuthorizationManager": methodSet("HasPrivilegeOnEntities", "HasPrivilegeOnEntity",
		"HasUserPrivilegeOnEntities", "FetchUserPrivilegeOnEntities"),
}

func methodSet(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// dispatch is vcsim's hook in front of every SOAP call: it refuses what a
// missing privilege forbids and redirects the methods that are overridden.
func (s *Simulator) dispatch(ctx *vcsim.Context, m *vcsim.Method) (mo.Reference, types.BaseMethodFault) {
	if ctx.Session != nil {
		if denied := s.deny(ctx, m.Name, m.This, m.Body); denied != nil {
			return nil, denied
		}
		if refused := s.refuseTopLevel(ctx, m.Body); refused != nil {
			return nil, refused
		}
	}
	if !overridden[m.This.Type][m.Name] {
		return nil, nil
	}
	if ctx.Session == nil && !strings.HasPrefix(m.Name, "Retrieve") {
		return nil, nil // vcsim refuses what needs a session
	}
	// With a session vcsim resolves the target again, so that the returned
	// object alone would not do.
	m.This = overridesRef
	return s.overrides, nil
}

// serially runs vcsim's own implementation, with its task if it starts one,
// while nothing else changes the inventory.
func (s *Simulator) serially(ctx *vcsim.Context, call func(ctx *vcsim.Context) soap.HasFault) soap.HasFault {
	s.inventory.Lock()
	defer s.changes.announce()
	defer s.inventory.Unlock()
	own := *ctx
	res := call(&own)
	finish(&own, res)
	return res
}

// get returns the object of that reference, of vcsim's type T.
func get[T any](ctx *vcsim.Context, ref types.ManagedObjectReference) (T, bool) {
	obj, ok := any(ctx.Map.Get(ref)).(T)
	return obj, ok
}

// CurrentTime returns the time of vCenter's movable clock.
func (o *overrides) CurrentTime(*types.CurrentTime) soap.HasFault {
	return &methods.CurrentTimeBody{Res: &types.CurrentTimeResponse{Returnval: o.s.clock.now()}}
}

// CreateFolder runs vcsim's, alone.
func (o *overrides) CreateFolder(ctx *vcsim.Context, req *types.CreateFolder) soap.HasFault {
	folder, ok := get[*vcsim.Folder](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault { return folder.CreateFolder(ctx, req) })
}

// CreateVMTask runs vcsim's, alone.
func (o *overrides) CreateVMTask(ctx *vcsim.Context, req *types.CreateVM_Task) soap.HasFault {
	folder, ok := get[*vcsim.Folder](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault { return folder.CreateVMTask(ctx, req) })
}

// MoveIntoFolderTask moves one object after the other and ends at the first that it
// cannot move; those before it stay moved. What is in the folder already finds its own
// name taken.
func (o *overrides) MoveIntoFolderTask(ctx *vcsim.Context, req *types.MoveIntoFolder_Task) soap.HasFault {
	folder, ok := get[*vcsim.Folder](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.MoveIntoFolder_TaskBody{Res: &types.MoveIntoFolder_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "MoveIntoFolder_Task", "Folder.moveInto", func(ctx *vcsim.Context) (types.AnyType, fault) {
			for _, ref := range req.List {
				if f := moveInto(ctx, folder, ref); f != nil {
					return nil, f
				}
			}
			return nil, nil
		}),
	}}
}

func moveInto(ctx *vcsim.Context, folder *vcsim.Folder, ref types.ManagedObjectReference) fault {
	entity, ok := ctx.Map.Get(ref).(mo.Entity)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	name := entity.Entity().Name
	if holder, taken := child(ctx, folder, name); taken {
		return &types.DuplicateName{Name: name, Object: holder}
	}
	if entity.Entity().Parent == nil {
		return &types.NotSupported{} // in a vApp
	}
	_, f := finish(ctx, folder.MoveIntoFolderTask(ctx, &types.MoveIntoFolder_Task{
		This: folder.Self,
		List: []types.ManagedObjectReference{ref},
	}))
	return f
}

// CreateSnapshotTask runs vcsim's, alone.
func (o *overrides) CreateSnapshotTask(ctx *vcsim.Context, req *types.CreateSnapshot_Task) soap.HasFault {
	if running, busy := o.s.busy.Load(req.This); busy {
		return refuse(&types.TaskInProgress{Task: running.(types.ManagedObjectReference)})
	}
	return o.onVM(ctx, req.This, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) soap.HasFault {
		return vm.CreateSnapshotTask(ctx, req)
	})
}

// RemoveAllSnapshotsTask runs vcsim's, alone.
func (o *overrides) RemoveAllSnapshotsTask(ctx *vcsim.Context, req *types.RemoveAllSnapshots_Task) soap.HasFault {
	return o.onVM(ctx, req.This, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) soap.HasFault {
		return vm.RemoveAllSnapshotsTask(ctx, req)
	})
}

// UnregisterVM runs vcsim's, alone.
func (o *overrides) UnregisterVM(ctx *vcsim.Context, req *types.UnregisterVM) soap.HasFault {
	return o.onVM(ctx, req.This, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) soap.HasFault {
		res := vm.UnregisterVM(ctx, req)
		if res.Fault() == nil {
			o.s.tags.detachAll(req.This)
		}
		return res
	})
}

// MarkAsTemplate runs vcsim's, alone.
func (o *overrides) MarkAsTemplate(ctx *vcsim.Context, req *types.MarkAsTemplate) soap.HasFault {
	if running, busy := o.s.busy.Load(req.This); busy {
		return refuse(&types.TaskInProgress{Task: running.(types.ManagedObjectReference)})
	}
	return o.onVM(ctx, req.This, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) soap.HasFault {
		var res soap.HasFault
		ctx.WithLock(vm, func() { res = vm.MarkAsTemplate(req) })
		return res
	})
}

// MarkAsVirtualMachine runs vcsim's, alone.
func (o *overrides) MarkAsVirtualMachine(ctx *vcsim.Context, req *types.MarkAsVirtualMachine) soap.HasFault {
	return o.onVM(ctx, req.This, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) soap.HasFault {
		var res soap.HasFault
		ctx.WithLock(vm, func() { res = vm.MarkAsVirtualMachine(req) })
		return res
	})
}

func (o *overrides) onVM(
	ctx *vcsim.Context, ref types.ManagedObjectReference, call func(*vcsim.Context, *vcsim.VirtualMachine) soap.HasFault,
) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, ref)
	if !ok {
		return notFound(ref)
	}
	return o.s.serially(ctx, func(ctx *vcsim.Context) soap.HasFault { return call(ctx, vm) })
}

// refusal is the answer to a call that fails.
type refusal struct {
	Reason *soap.Fault `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

// Fault returns the reason of the failure.
func (r *refusal) Fault() *soap.Fault { return r.Reason }

func refuse(f fault) soap.HasFault {
	return &refusal{Reason: vcsim.Fault(faultMessage(f), f)}
}

func notFound(ref types.ManagedObjectReference) soap.HasFault {
	return refuse(&types.ManagedObjectNotFound{Obj: ref})
}
