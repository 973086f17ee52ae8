package simulator

import (
	"fmt"
	"slices"
	"time"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ReconfigVMTask changes a machine's configuration. ExtraConfig is handled
// here, devices are checked before vcsim gets them, and disks that are
// destroyed are written down.
func (o *overrides) ReconfigVMTask(ctx *vcsim.Context, req *types.ReconfigVM_Task) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.ReconfigVM_TaskBody{Res: &types.ReconfigVM_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "ReconfigVM_Task", "VirtualMachine.reconfigure", func(ctx *vcsim.Context) (types.AnyType, fault) {
			return nil, o.s.reconfigure(ctx, vm, req)
		}),
	}}
}

func (s *Simulator) reconfigure(ctx *vcsim.Context, vm *vcsim.VirtualMachine, req *types.ReconfigVM_Task) fault {
	if ctx.Map.Get(vm.Self) == nil {
		return &types.ManagedObjectNotFound{Obj: vm.Self}
	}
	spec := req.Spec
	if vm.Config.Template && (len(spec.ExtraConfig) > 0 || len(spec.DeviceChange) > 0) {
		return new(types.NotSupported)
	}
	dc, ok := datacenterOf(ctx, vm.Self)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: vm.Self}
	}
	destroyed, err := checkDeviceChanges(ctx, vm, dc, spec.DeviceChange)
	if err != nil {
		return err
	}

	var own, magic []types.BaseOptionValue
	for _, option := range spec.ExtraConfig {
		if len(option.GetOptionValue().Key) > 4 && option.GetOptionValue().Key[:4] == "SET." {
			magic = append(magic, option)
		} else {
			own = append(own, option)
		}
	}
	spec.ExtraConfig = magic // vcsim's way to set properties from outside

	if _, err := finish(ctx, vm.ReconfigVMTask(ctx, &types.ReconfigVM_Task{This: vm.Self, Spec: spec})); err != nil {
		return err
	}
	if spec.VAppConfigRemoved != nil && *spec.VAppConfigRemoved {
		ctx.WithLock(vm, func() { vm.Config.VAppConfig = nil })
	}
	s.configured(vm, own)
	setExtraConfig(ctx, vm, own)
	s.destroyed = append(s.destroyed, destroyed...)
	return nil
}

// checkDeviceChanges refuses what vcsim would crash on and returns the files
// of the disks that the change destroys.
func checkDeviceChanges(
	ctx *vcsim.Context, vm *vcsim.VirtualMachine, dc *vcsim.Datacenter, changes []types.BaseVirtualDeviceConfigSpec,
) ([]string, fault) {
	var destroyed []string
	for i, change := range changes {
		c := change.GetVirtualDeviceConfigSpec()
		if c.Device == nil {
			return nil, &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
		}
		existing := deviceByKey(vm.Config.Hardware.Device, c.Device.GetVirtualDevice().Key)
		if c.Operation != types.VirtualDeviceConfigSpecOperationAdd && existing == nil {
			return nil, &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
		}
		switch c.Operation {
		case types.VirtualDeviceConfigSpecOperationRemove:
			if disk, ok := existing.(*types.VirtualDisk); ok && c.FileOperation == types.VirtualDeviceConfigSpecFileOperationDestroy {
				destroyed = append(destroyed, diskFile(disk))
			}
			// A client may name the device by its key alone; vcsim needs all of it.
			c.Device = existing
		default:
			if nic, ok := c.Device.(types.BaseVirtualEthernetCard); ok {
				if err := checkNIC(ctx, dc, *vm.Runtime.Host, nic, i); err != nil {
					return nil, err
				}
			}
		}
	}
	return destroyed, nil
}

// checkNIC refuses a network card on a network that the host has not.
func checkNIC(
	ctx *vcsim.Context, dc *vcsim.Datacenter, host types.ManagedObjectReference, nic types.BaseVirtualEthernetCard, index int,
) fault {
	card := nic.GetVirtualEthernetCard()
	invalid := &types.InvalidDeviceBacking{InvalidDeviceSpec: types.InvalidDeviceSpec{
		InvalidVmConfig: types.InvalidVmConfig{Property: "deviceChange.device.backing"}, DeviceIndex: int32(index),
	}}
	var network types.ManagedObjectReference
	switch b := card.Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		found, ok := ctx.Map.FindByName(b.DeviceName, dc.Network).(interface {
			Reference() types.ManagedObjectReference
		})
		if !ok {
			return invalid
		}
		network = found.Reference()
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		network = types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: b.Port.PortgroupKey}
		group, ok := get[*vcsim.DistributedVirtualPortgroup](ctx, network)
		if !ok {
			return invalid
		}
		dvs, ok := get[*vcsim.DistributedVirtualSwitch](ctx, *group.Config.DistributedVirtualSwitch)
		if !ok || dvs.Uuid != b.Port.SwitchUuid {
			return invalid
		}
	default:
		return invalid
	}
	h, ok := get[*vcsim.HostSystem](ctx, host)
	if !ok || !slices.Contains(h.Network, network) && network.Type == "DistributedVirtualPortgroup" {
		return invalid
	}
	return nil
}

func deviceByKey(devices []types.BaseVirtualDevice, key int32) types.BaseVirtualDevice {
	for _, d := range devices {
		if d.GetVirtualDevice().Key == key {
			return d
		}
	}
	return nil
}

// diskFile returns the [datastore] path of a disk.
func diskFile(disk *types.VirtualDisk) string {
	if b, ok := disk.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		return b.GetVirtualDeviceFileBackingInfo().FileName
	}
	return ""
}

// extraConfig returns a machine's extra configuration as a map.
func extraConfig(options []types.BaseOptionValue) map[string]string {
	values := make(map[string]string, len(options))
	for _, o := range options {
		v := o.GetOptionValue()
		values[v.Key] = fmt.Sprint(v.Value)
	}
	return values
}

// setExtraConfig sets keys of a machine's extra configuration and removes
// those that are set to nothing. The inventory is locked.
func setExtraConfig(ctx *vcsim.Context, vm *vcsim.VirtualMachine, options []types.BaseOptionValue) {
	if len(options) == 0 {
		return
	}
	ctx.WithLock(vm, func() {
		now := time.Now()
		ctx.Update(vm, []types.PropertyChange{
			{Name: "config.extraConfig", Val: mergeExtraConfig(vm.Config.ExtraConfig, options)},
			{Name: "config.modified", Val: now},
			{Name: "config.changeVersion", Val: fmt.Sprint(now.UnixNano())},
		})
	})
}

// mergeExtraConfig returns base with the given options set or, if their value is
// empty, removed. It shares nothing with base.
func mergeExtraConfig(base, options []types.BaseOptionValue) []types.BaseOptionValue {
	merged := make([]types.BaseOptionValue, 0, len(base)+len(options))
	for _, o := range base {
		v := *o.GetOptionValue()
		merged = append(merged, &v)
	}
	for _, o := range options {
		v := *o.GetOptionValue()
		i := slices.IndexFunc(merged, func(m types.BaseOptionValue) bool { return m.GetOptionValue().Key == v.Key })
		switch {
		case v.Value == nil || v.Value == "":
			if i >= 0 {
				merged = slices.Delete(merged, i, i+1)
			}
		case i >= 0:
			merged[i] = &v
		default:
			merged = append(merged, &v)
		}
	}
	return merged
}
