package simulator

import (
	"fmt"
	"path"
	"slices"

	"github.com/google/uuid"
	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// CloneVMTask makes a virtual machine from another one, as a vCenter does it:
// with disks of its own in a folder of its own, or child disks of a snapshot.
func (o *overrides) CloneVMTask(ctx *vcsim.Context, req *types.CloneVM_Task) soap.HasFault {
	source, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	if _, ok := get[*vcsim.Folder](ctx, req.Folder); !ok {
		return notFound(req.Folder)
	}
	c := &cloning{s: o.s, source: source, req: req}
	return &methods.CloneVM_TaskBody{Res: &types.CloneVM_TaskResponse{
		Returnval: o.s.startTaskOf(ctx, req.This, "CloneVM_Task", "VirtualMachine.clone", c.begin, c.run),
	}}
}

// cloning is one clone on its way.
type cloning struct {
	s      *Simulator
	ctx    *vcsim.Context
	source *vcsim.VirtualMachine
	req    *types.CloneVM_Task

	folder    *vcsim.Folder
	dc        *vcsim.Datacenter
	pool      types.ManagedObjectReference
	host      types.ManagedObjectReference
	datastore *vcsim.Datastore
	linked    bool
	reserved  string // the name that it has taken; empty: none
}

// begin takes the name of the new machine, which is not seen before the clone ends.
func (c *cloning) begin(ctx *vcsim.Context) fault {
	if c.s.opts.LateNames {
		c.s.clones.Add(1)
		return nil
	}
	if folder, ok := get[*vcsim.Folder](ctx, c.req.Folder); ok {
		if ref, taken := child(ctx, folder, c.req.Name); taken {
			return &types.DuplicateName{Name: c.req.Name, Object: ref}
		}
	}
	name := c.req.Folder.Value + "/" + c.req.Name
	if machine, taken := c.s.reserved[name]; taken {
		return &types.DuplicateName{Name: c.req.Name, Object: machine}
	}
	c.s.reserved[name] = types.ManagedObjectReference{Type: "VirtualMachine", Value: fmt.Sprintf("vm-%d", c.s.serial.Add(1)+1000)}
	c.reserved = name
	c.s.clones.Add(1)
	return nil
}

// run makes the machine.
func (c *cloning) run(ctx *vcsim.Context) (types.AnyType, fault) {
	defer c.s.clones.Add(-1)
	c.ctx = ctx
	delete(c.s.reserved, c.reserved)
	vm, err := c.make()
	if err != nil {
		return nil, err
	}
	return vm.Self, nil
}

func (c *cloning) make() (*vcsim.VirtualMachine, fault) {
	if err := c.place(); err != nil {
		return nil, err
	}
	policies, err := c.policies()
	if err != nil {
		return nil, err
	}
	devices, space, err := c.devices()
	if err != nil {
		return nil, err
	}
	if space > c.datastore.Summary.FreeSpace {
		return nil, &types.NoDiskSpace{
			FileFault: types.FileFault{File: c.vmx()}, Datastore: c.datastore.Name,
		}
	}

	result, err := finish(c.ctx, c.folder.CreateVMTask(c.ctx, &types.CreateVM_Task{
		This: c.folder.Self, Config: c.config(devices), Pool: c.pool, Host: &c.host,
	}))
	if err != nil {
		return nil, err
	}
	vm := c.ctx.Map.Get(result.(types.ManagedObjectReference)).(*vcsim.VirtualMachine)
	c.complete(vm)
	c.s.policies.give(vm.Self, policies)

	if c.req.Spec.Template {
		c.ctx.WithLock(vm, func() { vm.MarkAsTemplate(&types.MarkAsTemplate{This: vm.Self}) })
		return vm, nil
	}
	if c.req.Spec.PowerOn {
		return vm, c.s.powerOn(c.ctx, vm)
	}
	return vm, nil
}

// config returns the configuration of the new machine, but for its extra
// configuration: the source's, and over it what the clone's specification says.
func (c *cloning) config(devices []types.BaseVirtualDeviceConfigSpec) types.VirtualMachineConfigSpec {
	src := c.source.Config
	config := types.VirtualMachineConfigSpec{
		Version:    src.Version,
		GuestId:    src.GuestId,
		Firmware:   src.Firmware,
		Annotation: src.Annotation,
		NumCPUs:    src.Hardware.NumCPU,
		MemoryMB:   int64(src.Hardware.MemoryMB),
	}
	if src.Hardware.NumCoresPerSocket != nil {
		config.NumCoresPerSocket = types.NewInt32(*src.Hardware.NumCoresPerSocket)
	}
	if asked := c.req.Spec.Config; asked != nil {
		override(&config.GuestId, asked.GuestId)
		override(&config.Firmware, asked.Firmware)
		override(&config.Annotation, asked.Annotation)
		override(&config.NumCPUs, asked.NumCPUs)
		override(&config.MemoryMB, asked.MemoryMB)
		override(&config.NumCoresPerSocket, asked.NumCoresPerSocket)
		config.BootOptions = asked.BootOptions
		config.ManagedBy = asked.ManagedBy
		config.Flags = asked.Flags
		config.Tools = asked.Tools
		config.CpuHotAddEnabled = asked.CpuHotAddEnabled
		config.MemoryHotAddEnabled = asked.MemoryHotAddEnabled
		config.CpuAllocation = asked.CpuAllocation
		config.MemoryAllocation = asked.MemoryAllocation
		config.Uuid = asked.Uuid
		config.InstanceUuid = asked.InstanceUuid
		config.TagSpecs = asked.TagSpecs
	}
	config.Name = c.req.Name
	config.Files = &types.VirtualMachineFileInfo{VmPathName: c.vmx()}
	config.DeviceChange = devices
	if config.Uuid == "" {
		config.Uuid = uuid.NewString()
	}
	// vCenter never keeps two machines of one instance UUID: the newcomer gets
	// another one.
	if config.InstanceUuid == "" || c.uuidTaken(config.InstanceUuid) {
		config.InstanceUuid = uuid.NewString()
	}
	return config
}

func override[T comparable](dst *T, value T) {
	var zero T
	if value != zero {
		*dst = value
	}
}

func (c *cloning) vmx() string {
	return "[" + c.datastore.Name + "] " + c.req.Name
}

func (c *cloning) uuidTaken(id string) bool {
	return slices.ContainsFunc(c.ctx.Map.All("VirtualMachine"), func(e mo.Entity) bool {
		vm, ok := e.(*vcsim.VirtualMachine)
		return ok && vm.Config.InstanceUuid == id
	})
}

// complete sets what vcsim's create leaves out.
func (c *cloning) complete(vm *vcsim.VirtualMachine) {
	var asked []types.BaseOptionValue
	var removed bool
	if config := c.req.Spec.Config; config != nil {
		asked = config.ExtraConfig
		removed = config.VAppConfigRemoved != nil && *config.VAppConfigRemoved
	}
	c.ctx.WithLock(vm, func() {
		vm.Config.ExtraConfig = mergeExtraConfig(c.source.Config.ExtraConfig, asked)
		vm.Config.Template = false
		vm.Summary.Config.Template = false
		vm.Summary.Config.Annotation = vm.Config.Annotation
		vm.Guest.Net = nil // the guest has not reported yet
		if src, ok := c.source.Config.VAppConfig.(*types.VmConfigInfo); ok && !removed {
			own := *src
			own.Property = slices.Clone(src.Property)
			own.Product = slices.Clone(src.Product)
			vm.Config.VAppConfig = &own
		}
	})
	c.s.cloned.Store(vm.Self, c.source.Self.Value)
	setGuest(c.ctx, vm, nil, "", false)
	if c.linked {
		c.creditChildDisks(vm)
	}
}

// creditChildDisks gives back the space that vcsim took off the datastore for
// whole disks: a child disk starts out empty.
func (c *cloning) creditChildDisks(vm *vcsim.VirtualMachine) {
	var size int64
	for _, d := range vm.Config.Hardware.Device {
		if disk, ok := d.(*types.VirtualDisk); ok {
			size += disk.CapacityInBytes
		}
	}
	addFreeSpace(c.ctx, c.datastore, size)
}

func addFreeSpace(ctx *vcsim.Context, ds *vcsim.Datastore, size int64) {
	ctx.WithLock(ds, func() {
		ds.Summary.FreeSpace = min(ds.Summary.FreeSpace+size, ds.Summary.Capacity)
		ds.Info.GetDatastoreInfo().FreeSpace = ds.Summary.FreeSpace
	})
}

// ownFolder returns the directory of a machine's files: [datastore] name.
func ownFolder(vm *vcsim.VirtualMachine) string {
	return path.Dir(vm.Config.Files.VmPathName)
}
