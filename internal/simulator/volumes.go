package simulator

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// Disk is a disk that others attach to a machine.
type Disk struct {
	Gigabytes int64
	// Mode is its disk mode; default independent_persistent, as storage drivers attach
	// volumes. Snapshots hold a disk of mode persistent.
	Mode types.VirtualDiskMode
	// Beside puts it into the machine's own folder, under the name of a second disk
	// of the machine's own.
	Beside bool
	// FirstClass makes it a first-class disk.
	FirstClass bool
}

// AttachDisk makes a disk of its own folder on the machine's datastore and
// attaches it, as a storage driver does with a persistent volume. It returns
// the disk's [datastore] path.
func (s *Simulator) AttachDisk(name string, gigabytes int64) (string, error) {
	return s.Attach(name, Disk{Gigabytes: gigabytes})
}

// Attach makes a disk and attaches it to a machine. It returns the disk's
// [datastore] path.
func (s *Simulator) Attach(name string, d Disk) (string, error) {
	var file string
	err := s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		ds, ok := get[*vcsim.Datastore](ctx, vm.Datastore[0])
		if !ok {
			return new(types.InvalidDatastore)
		}
		file = fmt.Sprintf("[%s] volumes/pvc-%d.vmdk", ds.Name, s.serial.Add(1))
		if d.Beside {
			file = strings.TrimSuffix(vm.Config.Files.VmPathName, ".vmx") + "_1.vmdk"
		}
		local := filepath.Join(ds.Summary.Url, strings.TrimPrefix(file, "["+ds.Name+"] "))
		if err := os.MkdirAll(path.Dir(local), 0o700); err != nil {
			return &types.SystemError{Reason: err.Error()}
		}
		s.attached[file] = true
		return s.reconfigure(ctx, vm, &types.ReconfigVM_Task{This: vm.Self, Spec: types.VirtualMachineConfigSpec{
			DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{
				Operation:     types.VirtualDeviceConfigSpecOperationAdd,
				FileOperation: types.VirtualDeviceConfigSpecFileOperationCreate,
				Device:        d.device(file, freeUnit(vm)),
			}},
		}})
	})
	return file, err
}

func (d Disk) device(file string, unit int32) *types.VirtualDisk {
	disk := &types.VirtualDisk{
		VirtualDevice: types.VirtualDevice{
			Key: -1, ControllerKey: 1000, UnitNumber: types.NewInt32(unit),
			Backing: &types.VirtualDiskFlatVer2BackingInfo{
				VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: file},
				DiskMode:                     string(cmp.Or(d.Mode, types.VirtualDiskModeIndependent_persistent)),
				ThinProvisioned:              types.NewBool(true),
			},
		},
		CapacityInBytes: d.Gigabytes * gib,
		CapacityInKB:    d.Gigabytes * gib / 1024,
	}
	if d.FirstClass {
		disk.VDiskId = &types.ID{Id: path.Base(file)}
	}
	return disk
}

// freeUnit returns the lowest unit number without a disk; 7 is the controller's.
func freeUnit(vm *vcsim.VirtualMachine) int32 {
	taken := map[int32]bool{7: true}
	for _, d := range vm.Config.Hardware.Device {
		if disk, ok := d.(*types.VirtualDisk); ok && disk.UnitNumber != nil {
			taken[*disk.UnitNumber] = true
		}
	}
	for unit := int32(0); ; unit++ {
		if !taken[unit] {
			return unit
		}
	}
}

// SnapshotVM takes a snapshot of a machine, as a backup product does. It holds the
// machine's disks but the independent ones.
func (s *Simulator) SnapshotVM(name, snapshot string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		_, err := finish(ctx, vm.CreateSnapshotTask(ctx, &types.CreateSnapshot_Task{This: vm.Self, Name: snapshot}))
		return err
	})
}

// RemoveSnapshots removes all snapshots of a machine.
func (s *Simulator) RemoveSnapshots(name string) error {
	return s.administer(name, func(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
		_, err := finish(ctx, vm.RemoveAllSnapshotsTask(ctx, &types.RemoveAllSnapshots_Task{This: vm.Self}))
		return err
	})
}

// destroyDisks deletes the disks of a machine that is destroyed: those that are attached, and those that its snapshots hold, which a detach
// does not take from them.
func (s *Simulator) destroyDisks(ctx *vcsim.Context, vm *vcsim.VirtualMachine) {
	own := ownFolder(vm)
	gone := map[string]bool{}
	destroy := func(devices []types.BaseVirtualDevice, held bool) {
		for _, d := range devices {
			disk, ok := d.(*types.VirtualDisk)
			if !ok || held && independent(disk) || gone[diskFile(disk)] {
				continue
			}
			file := diskFile(disk)
			gone[file] = true
			s.destroyed = append(s.destroyed, file)
			if path.Dir(file) != own || s.attached[file] {
				s.foreign = append(s.foreign, file)
			}
			s.deleteDisk(ctx, disk, file)
		}
	}
	destroy(vm.Config.Hardware.Device, false)
	if vm.Snapshot == nil {
		return
	}
	forEachSnapshot(vm.Snapshot.RootSnapshotList, func(ref types.ManagedObjectReference) {
		if snapshot, ok := get[*vcsim.VirtualMachineSnapshot](ctx, ref); ok {
			destroy(snapshot.Config.Hardware.Device, true)
		}
	})
}

func independent(disk *types.VirtualDisk) bool {
	b, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	return ok && strings.HasPrefix(b.DiskMode, "independent")
}
