package simulator

import (
	"slices"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// needs are the privileges of calls, by managed object type and method.
var needs = map[string][]string{
	"VirtualMachine.PowerOnVM_Task":                          {"VirtualMachine.Interact.PowerOn"},
	"VirtualMachine.PowerOffVM_Task":                         {"VirtualMachine.Interact.PowerOff"},
	"VirtualMachine.ShutdownGuest":                           {"VirtualMachine.Interact.PowerOff"},
	"VirtualMachine.ResetVM_Task":                            {"VirtualMachine.Interact.Reset"},
	"VirtualMachine.Destroy_Task":                            {"VirtualMachine.Inventory.Delete"},
	"VirtualMachine.UnregisterVM":                            {"VirtualMachine.Inventory.Unregister"},
	"VirtualMachine.Rename_Task":                             {"VirtualMachine.Config.Rename"},
	"VirtualMachine.CreateSnapshot_Task":                     {"VirtualMachine.State.CreateSnapshot"},
	"VirtualMachine.RemoveAllSnapshots_Task":                 {"VirtualMachine.State.RemoveSnapshot"},
	"VirtualMachine.MarkAsTemplate":                          {"VirtualMachine.Provisioning.MarkAsTemplate"},
	"VirtualMachine.MarkAsVirtualMachine":                    {"VirtualMachine.Provisioning.MarkAsVM"},
	"Folder.CreateFolder":                                    {"Folder.Create"},
	"Folder.Destroy_Task":                                    {"Folder.Delete"},
	"Folder.UnregisterAndDestroy_Task":                       {"Folder.Delete"},
	"Folder.Rename_Task":                                     {"Folder.Rename"},
	"Folder.CreateVM_Task":                                   {"VirtualMachine.Inventory.Create"},
	"Datacenter.Rename_Task":                                 {"Datacenter.Rename"},
	"Datastore.Rename_Task":                                  {"Datastore.Rename"},
	"DistributedVirtualPortgroup.Rename_Task":                {"DVPortgroup.Modify"},
	"ResourcePool.Rename_Task":                               {"Resource.RenamePool"},
	"ClusterComputeResource.Rename_Task":                     {"Host.Inventory.RenameCluster"},
	"ResourcePool.ImportVApp":                                {"VApp.Import"},
	"ClusterComputeResource.ReconfigureComputeResource_Task": {"Host.Inventory.EditCluster"},
	"SessionManager.SessionIsActive":                         {"Sessions.ValidateSession"},
	"SessionManager.TerminateSession":                        {"Sessions.TerminateSession"},
}

// deny returns NoPermission if the account lacks a privilege on the object that the
// call needs. Every call on an object needs the right to see it.
func (s *Simulator) deny(ctx *vcsim.Context, method string, this types.ManagedObjectReference, body any) fault {
	if !s.privileges.any() {
		return nil
	}
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	user := sessionUser(ctx)
	var required []string
	if isEntity(ctx, this) {
		required = append(required, viewPrivilege)
	}
	required = append(required, needs[this.Type+"."+method]...)
	switch req := body.(type) {
	case *types.CloneVM_Task:
		required = append(required, cloneNeeds(req)...)
	case *types.ReconfigVM_Task:
		required = append(required, reconfigureNeeds(&req.Spec)...)
	}
	for _, privilege := range required {
		if !s.granted(ctx, user, privilege, this) {
			return &types.NoPermission{Object: &this, PrivilegeId: privilege}
		}
	}
	if denied := s.denyFiles(ctx, user, body); denied != nil {
		return denied
	}
	switch method {
	case "MoveIntoFolder_Task":
		return s.denyMove(ctx, user, body.(*types.MoveIntoFolder_Task))
	case "Destroy_Task":
		return s.denyBelow(ctx, user, "VirtualMachine.Inventory.Delete", this)
	case "UnregisterAndDestroy_Task":
		return s.denyBelow(ctx, user, "VirtualMachine.Inventory.Unregister", this)
	}
	return nil
}

// denyMove returns NoPermission if the account lacks the privilege of a move on the folder
// that something is moved into, on what is moved, or on where that comes from.
func (s *Simulator) denyMove(ctx *vcsim.Context, user string, req *types.MoveIntoFolder_Task) fault {
	for _, ref := range req.List {
		entity, ok := ctx.Map.Get(ref).(mo.Entity)
		if !ok {
			continue // the task fails
		}
		privilege := "VirtualMachine.Inventory.Move"
		if ref.Type != "VirtualMachine" {
			privilege = ref.Type + ".Move"
		}
		on := []types.ManagedObjectReference{req.This, ref}
		if parent := entity.Entity().Parent; parent != nil {
			on = append(on, *parent)
		}
		for _, object := range on {
			if !s.granted(ctx, user, privilege, object) {
				return &types.NoPermission{Object: &object, PrivilegeId: privilege}
			}
		}
	}
	return nil
}

// denyBelow returns NoPermission if the account lacks a privilege on a machine in a
// folder, seen or not: whoever deletes the folder does it to the machine, too.
func (s *Simulator) denyBelow(ctx *vcsim.Context, user, privilege string, this types.ManagedObjectReference) fault {
	folder, ok := get[*vcsim.Folder](ctx, this)
	if !ok {
		return nil
	}
	for _, ref := range folder.ChildEntity {
		if ref.Type == "Folder" {
			if denied := s.denyBelow(ctx, user, privilege, ref); denied != nil {
				return denied
			}
			continue
		}
		for _, p := range []string{viewPrivilege, privilege} {
			if !s.granted(ctx, user, p, ref) {
				return &types.NoPermission{Object: &ref, PrivilegeId: p}
			}
		}
	}
	return nil
}

func cloneNeeds(req *types.CloneVM_Task) []string {
	required := []string{
		"VirtualMachine.Provisioning.DeployTemplate", "VirtualMachine.Inventory.CreateFromExisting",
		"Datastore.AllocateSpace", "Resource.AssignVMToPool", "Network.Assign",
	}
	if config := req.Spec.Config; config != nil && len(config.ExtraConfig) > 0 {
		required = append(required, "VirtualMachine.Config.AdvancedConfig")
	}
	if req.Spec.PowerOn {
		required = append(required, "VirtualMachine.Interact.PowerOn")
	}
	return required
}

func reconfigureNeeds(spec *types.VirtualMachineConfigSpec) []string {
	var required []string
	if len(spec.ExtraConfig) > 0 {
		required = append(required, "VirtualMachine.Config.AdvancedConfig")
	}
	if spec.NumCPUs != 0 {
		required = append(required, "VirtualMachine.Config.CPUCount")
	}
	if spec.MemoryMB != 0 {
		required = append(required, "VirtualMachine.Config.Memory")
	}
	for _, change := range spec.DeviceChange {
		c := change.GetVirtualDeviceConfigSpec()
		disk, isDisk := c.Device.(*types.VirtualDisk)
		switch {
		case isDisk && c.Operation == types.VirtualDeviceConfigSpecOperationRemove:
			required = append(required, "VirtualMachine.Config.RemoveDisk")
		case isDisk && c.Operation == types.VirtualDeviceConfigSpecOperationEdit:
			required = append(required, "VirtualMachine.Config.DiskExtend")
		case isDisk && diskFile(disk) != "" && c.FileOperation == "":
			required = append(required, "VirtualMachine.Config.AddExistingDisk")
		case isDisk:
			required = append(required, "VirtualMachine.Config.AddNewDisk")
		default:
			required = append(required, "VirtualMachine.Config.AddRemoveDevice")
		}
	}
	return required
}

// HasPrivilegeOnEntities reports the privileges of the session's account.
func (o *overrides) HasPrivilegeOnEntities(ctx *vcsim.Context, req *types.HasPrivilegeOnEntities) soap.HasFault {
	return &methods.HasPrivilegeOnEntitiesBody{Res: &types.HasPrivilegeOnEntitiesResponse{
		Returnval: o.availability(ctx, sessionUser(ctx), req.Entity, req.PrivId),
	}}
}

// HasUserPrivilegeOnEntities reports the privileges of the named account.
func (o *overrides) HasUserPrivilegeOnEntities(ctx *vcsim.Context, req *types.HasUserPrivilegeOnEntities) soap.HasFault {
	return &methods.HasUserPrivilegeOnEntitiesBody{Res: &types.HasUserPrivilegeOnEntitiesResponse{
		Returnval: o.availability(ctx, req.UserName, req.Entities, req.PrivId),
	}}
}

func (o *overrides) availability(
	ctx *vcsim.Context, user string, entities []types.ManagedObjectReference, ids []string,
) []types.EntityPrivilege {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	answer := make([]types.EntityPrivilege, 0, len(entities))
	for _, entity := range entities {
		e := types.EntityPrivilege{Entity: entity}
		for _, id := range ids {
			e.PrivAvailability = append(e.PrivAvailability, types.PrivilegeAvailability{
				PrivId: id, IsGranted: o.s.granted(ctx, user, id, entity),
			})
		}
		answer = append(answer, e)
	}
	return answer
}

// HasPrivilegeOnEntity reports the privileges of the session's account.
func (o *overrides) HasPrivilegeOnEntity(ctx *vcsim.Context, req *types.HasPrivilegeOnEntity) soap.HasFault {
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	granted := make([]bool, len(req.PrivId))
	for i, id := range req.PrivId {
		granted[i] = o.s.granted(ctx, sessionUser(ctx), id, req.Entity)
	}
	return &methods.HasPrivilegeOnEntityBody{Res: &types.HasPrivilegeOnEntityResponse{Returnval: granted}}
}

// FetchUserPrivilegeOnEntities lists what the named account may do.
func (o *overrides) FetchUserPrivilegeOnEntities(ctx *vcsim.Context, req *types.FetchUserPrivilegeOnEntities) soap.HasFault {
	manager := ctx.Map.Get(*serviceContent(ctx).AuthorizationManager).(*vcsim.AuthorizationManager)
	body := manager.FetchUserPrivilegeOnEntities(req).(*methods.FetchUserPrivilegeOnEntitiesBody)
	o.s.inventory.RLock()
	defer o.s.inventory.RUnlock()
	for i := range body.Res.Returnval {
		r := &body.Res.Returnval[i]
		r.Privileges = slices.DeleteFunc(slices.Clone(r.Privileges), func(id string) bool {
			return !o.s.granted(ctx, req.UserName, id, r.Entity)
		})
	}
	return body
}
