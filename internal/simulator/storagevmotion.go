package simulator

import (
	"errors"
	"os"
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// MoveStorage moves the files of a machine whose disks are its own to another datastore, by
// their names, as Storage DRS does.
func (s *Simulator) MoveStorage(name, datastore string) error {
	var failed error
	err := s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		to := s.datastore(ctx, datastore)
		if to == nil {
			return &types.NotFound{}
		}
		failed = s.moveStorage(ctx, vm, to)
		return nil
	})
	return errors.Join(err, failed)
}

func (s *Simulator) moveStorage(ctx *vcsim.Context, vm *vcsim.VirtualMachine, to *vcsim.Datastore) error {
	former := ownFolder(vm)
	dir, from, _ := s.resolve(ctx, former)
	moved := func(file string) string { return strings.Replace(file, "["+from.Name+"]", "["+to.Name+"]", 1) }
	target, _, _ := s.resolve(ctx, moved(former))
	if err := os.Rename(dir, target); err != nil {
		return err
	}
	vm.Config.Files.VmPathName = moved(vm.Config.Files.VmPathName)
	vm.Summary.Config.VmPathName = vm.Config.Files.VmPathName
	var size int64
	for _, device := range vm.Config.Hardware.Device {
		disk, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		if backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok && strings.HasPrefix(backing.FileName, former+"/") {
			backing.FileName = moved(backing.FileName)
			backing.Datastore = &to.Self
			size += disk.CapacityInBytes
		}
	}
	addFreeSpace(ctx, from, size)
	addFreeSpace(ctx, to, -size)
	ctx.WithLock(from, func() { vcsim.RemoveReference(&from.Vm, vm.Self) })
	ctx.WithLock(to, func() { to.Vm = append(slices.Clone(to.Vm), vm.Self) })
	vm.Datastore = []types.ManagedObjectReference{to.Self}
	return nil
}
