package simulator

import (
	"reflect"
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RenameTask gives an object another name, which none of its siblings may have. vcsim
// cannot rename datastores and resource pools, and of the others it leaves the former
// name in their configuration. A standard network is not renamed in vCenter: another
// name on its hosts is another network.
func (o *overrides) RenameTask(ctx *vcsim.Context, req *types.Rename_Task) soap.HasFault {
	if _, ok := get[mo.Entity](ctx, req.This); !ok {
		return notFound(req.This)
	}
	return &methods.Rename_TaskBody{Res: &types.Rename_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "Rename_Task", "ManagedEntity.rename", func(ctx *vcsim.Context) (types.AnyType, fault) {
			return nil, o.s.rename(ctx, req.This, req.NewName)
		}),
	}}
}

func (s *Simulator) rename(ctx *vcsim.Context, ref types.ManagedObjectReference, name string) fault {
	entity, ok := get[mo.Entity](ctx, ref)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	if name == "" {
		return invalidArgument("newName")
	}
	for _, sibling := range siblings(ctx, entity) {
		if sibling != ref && entityName(ctx, sibling) == name {
			return &types.DuplicateName{Name: name, Object: sibling}
		}
	}
	if vm, ok := entity.(*vcsim.VirtualMachine); ok {
		_, err := finish(ctx, vm.RenameTask(ctx, &types.Rename_Task{This: ref, NewName: name}))
		return err
	}
	former := entity.Entity().Name
	ctx.Update(entity, []types.PropertyChange{{Name: "name", Val: name}})
	switch e := entity.(type) {
	case *vcsim.DistributedVirtualPortgroup:
		e.ManagedEntity.Name = name // which is not what its property is read from
		e.Config.Name = name
		if dvs, ok := get[*vcsim.DistributedVirtualSwitch](ctx, *e.Config.DistributedVirtualSwitch); ok {
			names := dvs.Summary.PortgroupName
			if at := slices.Index(names, former); at >= 0 {
				names[at] = name
			}
		}
	case *vcsim.Datastore:
		e.Summary.Name = name
		e.Info.GetDatastoreInfo().Name = name
		s.movePaths(ctx, "["+former+"]", "["+name+"]")
	}
	return nil
}

// siblings are the objects among which the name of one is unique.
func siblings(ctx *vcsim.Context, entity mo.Entity) []types.ManagedObjectReference {
	parent := entity.Entity().Parent
	if parent == nil {
		return nil
	}
	switch p := ctx.Map.Get(*parent).(type) {
	case *vcsim.Folder:
		return p.ChildEntity
	case *vcsim.ResourcePool:
		return p.ResourcePool.ResourcePool
	}
	return nil
}

// movePaths changes the beginning of the paths in which machines and their snapshots
// name a datastore.
func (s *Simulator) movePaths(ctx *vcsim.Context, from, to string) {
	moved := func(text string) string { return strings.ReplaceAll(text, from, to) }
	for _, e := range ctx.Map.All("VirtualMachine") {
		if vm, ok := e.(*vcsim.VirtualMachine); ok {
			var machine mo.VirtualMachine
			copyValue(reflect.ValueOf(&machine).Elem(), reflect.ValueOf(vm.VirtualMachine), moved)
			vm.VirtualMachine = machine
		}
	}
	for _, e := range ctx.Map.AllReference("VirtualMachineSnapshot") {
		if snapshot, ok := e.(*vcsim.VirtualMachineSnapshot); ok {
			var config types.VirtualMachineConfigInfo
			copyValue(reflect.ValueOf(&config).Elem(), reflect.ValueOf(snapshot.Config), moved)
			snapshot.Config = config
		}
	}
}

// Rename gives the object with an inventory path another name.
func (s *Simulator) Rename(inventoryPath, to string) error {
	own := *s.service.Context
	_, err := s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) {
		ref, ok := objectAt(ctx, inventoryPath)
		if !ok {
			return nil, &types.NotFound{}
		}
		return nil, s.rename(ctx, ref, to)
	})
	if err != nil {
		return vimError(err)
	}
	return nil
}

func objectAt(ctx *vcsim.Context, inventoryPath string) (types.ManagedObjectReference, bool) {
	res := ctx.Map.SearchIndex().FindByInventoryPath(ctx, &types.FindByInventoryPath{InventoryPath: inventoryPath})
	body := res.(*methods.FindByInventoryPathBody)
	if body.Res == nil || body.Res.Returnval == nil {
		return types.ManagedObjectReference{}, false
	}
	return *body.Res.Returnval, true
}

// MoveFolder moves the folder with an inventory path, and all that is in it, into another
// one.
func (s *Simulator) MoveFolder(inventoryPath, into string) error {
	own := *s.service.Context
	_, err := s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) {
		folder, ok := folderAt(ctx, inventoryPath)
		to, there := folderAt(ctx, into)
		if !ok || !there {
			return nil, &types.NotFound{}
		}
		return nil, moveInto(ctx, to, folder.Self)
	})
	if err != nil {
		return vimError(err)
	}
	return nil
}
