package simulator

import (
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
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
	var required requirements
	if isEntity(ctx, this) {
		required.add(this, viewPrivilege)
	}
	required.add(this, needs[this.Type+"."+method]...)
	required = append(required, eventNeeds(body)...)
	switch req := body.(type) {
	case *types.CloneVM_Task:
		required.clone(ctx, req)
	case *types.RecommendDatastores:
		required.recommend(req)
	case *types.ImportVApp:
		required.importVApp(ctx, req)
	case *types.ReconfigVM_Task:
		required.reconfigure(ctx, this, &req.Spec)
	case *types.Destroy_Task, *types.UnregisterAndDestroy_Task:
		// What is deleted is taken out of what is above it.
		if parent, ok := parentOf(ctx, this); ok {
			required.add(parent, needs[this.Type+"."+method]...)
		}
	}
	if denied := required.deny(s, ctx, user); denied != nil {
		return denied
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
