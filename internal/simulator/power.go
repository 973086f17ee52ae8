package simulator

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// PowerOnVMTask powers a machine on and lets its guest boot.
func (o *overrides) PowerOnVMTask(ctx *vcsim.Context, req *types.PowerOnVM_Task) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.PowerOnVM_TaskBody{Res: &types.PowerOnVM_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "PowerOnVM_Task", "VirtualMachine.powerOn", func(ctx *vcsim.Context) (types.AnyType, fault) {
			return nil, o.s.powerOn(ctx, vm)
		}),
	}}
}

// PowerOffVMTask powers a machine off; its guest dies.
func (o *overrides) PowerOffVMTask(ctx *vcsim.Context, req *types.PowerOffVM_Task) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.PowerOffVM_TaskBody{Res: &types.PowerOffVM_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "PowerOffVM_Task", "VirtualMachine.powerOff", func(ctx *vcsim.Context) (types.AnyType, fault) {
			return nil, o.s.powerOff(ctx, vm)
		}),
	}}
}

// ResetVMTask powers a machine off and on.
func (o *overrides) ResetVMTask(ctx *vcsim.Context, req *types.ResetVM_Task) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	return &methods.ResetVM_TaskBody{Res: &types.ResetVM_TaskResponse{
		Returnval: o.s.startTask(ctx, req.This, "ResetVM_Task", "VirtualMachine.reset", func(ctx *vcsim.Context) (types.AnyType, fault) {
			if err := o.s.powerOff(ctx, vm); err != nil {
				return nil, err
			}
			return nil, o.s.powerOn(ctx, vm)
		}),
	}}
}

// ShutdownGuest asks the guest's tools to shut down; the machine is off a
// moment after the call.
func (o *overrides) ShutdownGuest(ctx *vcsim.Context, req *types.ShutdownGuest) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	if err := o.s.toolsReady(vm); err != nil {
		return refuse(err)
	}
	own := *ctx
	o.s.running.Go(func() {
		o.s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) { return nil, o.s.powerOff(ctx, vm) })
	})
	return &methods.ShutdownGuestBody{Res: new(types.ShutdownGuestResponse)}
}

// RebootGuest asks the guest's tools to reboot.
func (o *overrides) RebootGuest(ctx *vcsim.Context, req *types.RebootGuest) soap.HasFault {
	vm, ok := get[*vcsim.VirtualMachine](ctx, req.This)
	if !ok {
		return notFound(req.This)
	}
	if err := o.s.toolsReady(vm); err != nil {
		return refuse(err)
	}
	own := *ctx
	o.s.running.Go(func() {
		o.s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) {
			if err := o.s.powerOff(ctx, vm); err != nil {
				return nil, err
			}
			return nil, o.s.powerOn(ctx, vm)
		})
	})
	return &methods.RebootGuestBody{Res: new(types.RebootGuestResponse)}
}

func (s *Simulator) toolsReady(vm *vcsim.VirtualMachine) fault {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn, ExistingState: vm.Runtime.PowerState,
		}
	}
	if vm.Guest.ToolsRunningStatus != string(types.VirtualMachineToolsRunningStatusGuestToolsRunning) {
		return new(types.ToolsUnavailable)
	}
	return nil
}

// powerOn powers a machine on. The inventory is locked.
func (s *Simulator) powerOn(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
	if ctx.Map.Get(vm.Self) == nil {
		return &types.ManagedObjectNotFound{Obj: vm.Self}
	}
	if vm.Config.Template {
		return new(types.InvalidState)
	}
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOn, ExistingState: vm.Runtime.PowerState,
		}
	}
	s.setPowerState(ctx, vm, types.VirtualMachinePowerStatePoweredOn)
	booting := s.guestOf(ctx, vm)
	s.notifications = append(s.notifications, func() { s.guests.PowerOn(booting) })
	return nil
}

// powerOff powers a machine off. The inventory is locked.
func (s *Simulator) powerOff(ctx *vcsim.Context, vm *vcsim.VirtualMachine) fault {
	if ctx.Map.Get(vm.Self) == nil {
		return &types.ManagedObjectNotFound{Obj: vm.Self}
	}
	if vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return &types.InvalidPowerState{
			RequestedState: types.VirtualMachinePowerStatePoweredOff, ExistingState: vm.Runtime.PowerState,
		}
	}
	delete(s.boots, vm.Self)
	id := vm.Self.Value
	s.notifications = append(s.notifications, func() { s.guests.PowerOff(id) })
	s.setPowerState(ctx, vm, types.VirtualMachinePowerStatePoweredOff)
	setGuest(ctx, vm, nil, "", false)
	return nil
}

func (s *Simulator) setPowerState(ctx *vcsim.Context, vm *vcsim.VirtualMachine, state types.VirtualMachinePowerState) {
	changes := []types.PropertyChange{
		{Name: "runtime.powerState", Val: state},
		{Name: "summary.runtime.powerState", Val: state},
		{Name: "runtime.bootTime", Val: nil},
		{Name: "summary.runtime.bootTime", Val: nil},
	}
	if state == types.VirtualMachinePowerStatePoweredOn {
		now := s.clock.now()
		changes[2].Val = now
		changes[3].Val = now
	}
	ctx.WithLock(vm, func() {
		for _, d := range vm.Config.Hardware.Device {
			if c := d.GetVirtualDevice().Connectable; c != nil {
				c.Connected = c.StartConnected && state == types.VirtualMachinePowerStatePoweredOn
			}
		}
		ctx.Update(vm, changes)
	})
}

// setGuest writes what the guest's tools report, all of it or nothing.
func setGuest(ctx *vcsim.Context, vm *vcsim.VirtualMachine, ips []netip.Addr, hostname string, running bool) {
	status, summary := types.VirtualMachineToolsStatusToolsNotRunning, types.VirtualMachineToolsRunningStatusGuestToolsNotRunning
	if running {
		status, summary = types.VirtualMachineToolsStatusToolsOk, types.VirtualMachineToolsRunningStatusGuestToolsRunning
	}
	first := ""
	var nets []types.GuestNicInfo
	if len(ips) > 0 {
		first = ips[0].String()
		nets = guestNICs(ctx, vm, ips)
	}
	ctx.WithLock(vm, func() {
		ctx.Update(vm, []types.PropertyChange{
			{Name: "guest.net", Val: nets},
			{Name: "guest.ipAddress", Val: first},
			{Name: "guest.hostName", Val: hostname},
			{Name: "guest.toolsStatus", Val: status},
			{Name: "guest.toolsRunningStatus", Val: string(summary)},
			{Name: "summary.guest.ipAddress", Val: first},
			{Name: "summary.guest.hostName", Val: hostname},
			{Name: "summary.guest.toolsStatus", Val: status},
			{Name: "summary.guest.toolsRunningStatus", Val: string(summary)},
		})
	})
}

// guestNICs describes the first network card with the given addresses.
func guestNICs(ctx *vcsim.Context, vm *vcsim.VirtualMachine, ips []netip.Addr) []types.GuestNicInfo {
	info := types.GuestNicInfo{Connected: true, DeviceConfigId: -1, IpConfig: new(types.NetIpConfigInfo)}
	if nic := firstNIC(vm); nic != nil {
		info.MacAddress = nic.MacAddress
		info.DeviceConfigId = nic.Key
		info.Network = networkName(ctx, vm)
	}
	for _, ip := range ips {
		info.IpAddress = append(info.IpAddress, ip.String())
		bits := int32(24)
		if ip.Is6() {
			bits = 64
		}
		info.IpConfig.IpAddress = append(info.IpConfig.IpAddress, types.NetIpConfigInfoIpAddress{
			IpAddress: ip.String(), PrefixLength: bits, State: "preferred",
		})
	}
	return []types.GuestNicInfo{info}
}

func firstNIC(vm *vcsim.VirtualMachine) *types.VirtualEthernetCard {
	for _, d := range vm.Config.Hardware.Device {
		if nic, ok := d.(types.BaseVirtualEthernetCard); ok {
			return nic.GetVirtualEthernetCard()
		}
	}
	return nil
}

func networkName(ctx *vcsim.Context, vm *vcsim.VirtualMachine) string {
	nic := firstNIC(vm)
	if nic == nil {
		return ""
	}
	switch b := nic.Backing.(type) {
	case *types.VirtualEthernetCardNetworkBackingInfo:
		return b.DeviceName
	case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
		return entityName(ctx, types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: b.Port.PortgroupKey})
	}
	return ""
}

// macAddress returns the address of the machine's first card; empty where it has none.
func macAddress(vm *vcsim.VirtualMachine) string {
	if nic := firstNIC(vm); nic != nil {
		return strings.ToLower(nic.MacAddress)
	}
	return ""
}

// guestOf returns the guest's view of its machine.
func (s *Simulator) guestOf(ctx *vcsim.Context, vm *vcsim.VirtualMachine) guest.VM {
	extra := extraConfig(vm.Config.ExtraConfig)
	info := maps.Clone(extra)
	maps.DeleteFunc(info, func(key, _ string) bool { return !strings.HasPrefix(key, "guestinfo.") })
	network := networkName(ctx, vm)
	generation := s.serial.Add(1)
	s.boots[vm.Self] = generation
	return guest.VM{
		ID:                vm.Self.Value,
		Name:              vm.Name,
		UUID:              vm.Config.InstanceUuid,
		GuestInfo:         info,
		MAC:               macAddress(vm),
		Network:           network,
		Segment:           segmentOf(network),
		KubernetesVersion: extra[keyKubernetesVersion],
		System:            extra[keySystem],
		Report:            func(changes map[string]string) { s.report(vm, generation, changes) },
		SetNetwork: func(ips []netip.Addr, hostname string) {
			s.fromGuest(vm, generation, func(ctx *vcsim.Context) { setGuest(ctx, vm, ips, hostname, true) })
		},
	}
}

// report writes guestinfo keys that a guest set.
func (s *Simulator) report(vm *vcsim.VirtualMachine, generation int64, changes map[string]string) {
	options := make([]types.BaseOptionValue, 0, len(changes))
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		options = append(options, &types.OptionValue{Key: key, Value: changes[key]})
	}
	s.fromGuest(vm, generation, func(ctx *vcsim.Context) { setExtraConfig(ctx, vm, options) })
}

// fromGuest runs a change that a guest makes to its own machine, unless that
// machine is off, gone or has booted again since.
func (s *Simulator) fromGuest(vm *vcsim.VirtualMachine, generation int64, change func(ctx *vcsim.Context)) {
	own := *s.service.Context
	s.inventory.Lock()
	defer s.inventory.Unlock()
	if s.boots[vm.Self] != generation || vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
		return
	}
	change(&own)
}
