package simulator

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// What an administrator does behind a client's back.

// DeleteVM powers a machine off and deletes it, by name.
func (s *Simulator) DeleteVM(name string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
			if err := s.powerOff(ctx, vm); err != nil {
				return err
			}
		}
		return s.destroyVM(ctx, vm)
	})
}

// PowerOffVM powers a machine off, by name.
func (s *Simulator) PowerOffVM(name string) error { return s.administer(name, s.powerOff) }

// PowerOnVM powers a machine on, by name.
func (s *Simulator) PowerOnVM(name string) error { return s.administer(name, s.powerOn) }

// DisconnectVM has vCenter lose the host of a machine, by name, as far as the machine is concerned:
// what it knew of it stays. Where lost is set, that is not so, as with files that cannot be reached.
func (s *Simulator) DisconnectVM(name string, lost bool) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		state := types.VirtualMachineConnectionStateDisconnected
		if lost {
			state = types.VirtualMachineConnectionStateInaccessible
			vm.Config = nil
		}
		ctx.Update(vm, []types.PropertyChange{{Name: "runtime.connectionState", Val: state}})
		return nil
	})
}

// HangVM stops the kubelet in a machine that runs on, by name, until its next boot.
// Guests that run real Kubernetes have processes to stop.
func (s *Simulator) HangVM(name string) error {
	return s.imitation(name, func(w *guest.World, id string) { w.Hang(id) })
}

// MakeFile has a person make a file in a machine, such as one that a command asks for.
func (s *Simulator) MakeFile(name, file string) error {
	return s.imitation(name, func(w *guest.World, id string) { w.MakeFile(id, file) })
}

// CrashPod has a static pod in a machine end again and again until its next boot, by the
// machine's name and the pod's component, such as etcd.
func (s *Simulator) CrashPod(name, component, why string) error {
	return s.imitation(name, func(w *guest.World, id string) { w.CrashPod(id, component, why) })
}

// SetNodeProblem has the kubelet in a machine report a condition of its node, such as
// DiskPressure, with a message; without one, that it has passed.
func (s *Simulator) SetNodeProblem(name, condition, message string) error {
	return s.imitation(name, func(w *guest.World, id string) { w.SetNodeProblem(id, condition, message) })
}

// imitation does something to the guest of a machine, by name.
func (s *Simulator) imitation(name string, do func(w *guest.World, id string)) error {
	imitations, ok := s.guests.(*guest.World)
	if !ok {
		return errors.New("the guests are no imitations")
	}
	return s.administer(name, func(_ *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		do(imitations, vm.Self.Value)
		return nil
	})
}

// RenameVM gives a machine another name.
func (s *Simulator) RenameVM(name, to string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		_, err := finish(ctx, vm.RenameTask(ctx, &types.Rename_Task{This: vm.Self, NewName: to}))
		return err
	})
}

// MoveVM moves a machine into the folder with an inventory path, which it makes below an
// existing one where it is missing.
func (s *Simulator) MoveVM(name, folder string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		into, ok := folderAt(ctx, folder)
		if !ok {
			above, exists := folderAt(ctx, path.Dir(folder))
			if !exists {
				return &types.NotFound{}
			}
			res := above.CreateFolder(ctx, &types.CreateFolder{This: above.Self, Name: path.Base(folder)})
			if res.Fault() != nil {
				return res.Fault().VimFault().(fault)
			}
			into, _ = folderAt(ctx, folder)
		}
		_, err := finish(ctx, into.MoveIntoFolderTask(ctx, &types.MoveIntoFolder_Task{
			This: into.Self, List: []types.ManagedObjectReference{vm.Self},
		}))
		return err
	})
}

func folderAt(ctx *vcsim.Context, inventoryPath string) (*vcsim.Folder, bool) {
	ref, ok := objectAt(ctx, inventoryPath)
	if !ok {
		return nil, false
	}
	return get[*vcsim.Folder](ctx, ref)
}

// SetVMOption sets an advanced option of a machine or a template, whose clones have it,
// too; an empty value removes it.
func (s *Simulator) SetVMOption(name, key, value string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		option := []types.BaseOptionValue{&types.OptionValue{Key: key, Value: value}}
		s.configured(vm, option)
		setExtraConfig(ctx, vm, option)
		return nil
	})
}

func (s *Simulator) administer(name string, do func(*vcsim.Context, *vcsim.VirtualMachine) fault) error {
	own := *s.service.Context
	found := false
	_, err := s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) {
		vm, ok := s.vmNamed(name)
		if !ok {
			return nil, nil
		}
		found = true
		return nil, do(ctx, vm)
	})
	if !found {
		return fmt.Errorf("no virtual machine %q", name)
	}
	if err != nil {
		return fmt.Errorf("virtual machine %q: %w", name, vimError(err))
	}
	return nil
}

func (s *Simulator) vmNamed(name string) (*vcsim.VirtualMachine, bool) {
	for _, e := range s.registry.All("VirtualMachine") {
		if vm, ok := e.(*vcsim.VirtualMachine); ok && vm.Name == name {
			return vm, true
		}
	}
	return nil, false
}

// DiskExists reports whether the file of a disk is still on its datastore.
func (s *Simulator) DiskExists(file string) bool {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	own := *s.service.Context
	name, _, ok := s.resolve(&own, file)
	if !ok {
		return false
	}
	_, err := os.Stat(name)
	return err == nil
}

// SetFreeSpace says how many bytes are free on a datastore; 0 is full.
func (s *Simulator) SetFreeSpace(datastore string, free int64) error {
	own := *s.service.Context
	s.inventory.Lock()
	defer s.inventory.Unlock()
	for _, e := range s.registry.All("Datastore") {
		ds, ok := e.(*vcsim.Datastore)
		if !ok || ds.Name != datastore {
			continue
		}
		own.WithLock(ds, func() {
			ds.Summary.FreeSpace = free
			ds.Info.GetDatastoreInfo().FreeSpace = free
		})
		return nil
	}
	return fmt.Errorf("no datastore %q", datastore)
}

// ForgetTasks drops finished tasks: vCenter no longer knows their references.
func (s *Simulator) ForgetTasks() {
	own := *s.service.Context
	s.inventory.Lock()
	defer s.inventory.Unlock()
	for _, obj := range s.registry.AllReference("Task") {
		task, ok := obj.(*vcsim.Task)
		if !ok {
			continue
		}
		var done bool
		own.WithLock(task, func() {
			done = task.Info.State == types.TaskInfoStateSuccess || task.Info.State == types.TaskInfoStateError
		})
		if done {
			s.registry.Remove(&own, task.Self)
		}
	}
	manager := s.registry.Get(*serviceContent(&own).TaskManager).(*vcsim.TaskManager)
	manager.RecentTask = slices.DeleteFunc(slices.Clone(manager.RecentTask), func(ref types.ManagedObjectReference) bool {
		return s.registry.Get(ref) == nil
	})
}
