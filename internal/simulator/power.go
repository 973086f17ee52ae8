package simulator

import (
	"maps"
	"net/netip"
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
	if f := s.placeByRules(ctx, vm); f != nil {
		return f
	}
	s.setPowerState(ctx, vm, types.VirtualMachinePowerStatePoweredOn)
	delete(s.lasting, vm.Self)
	s.configured(vm, vm.Config.ExtraConfig)
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
	s.forgetGuestinfo(ctx, vm)
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

// guestOf returns the guest's view of its machine.
func (s *Simulator) guestOf(ctx *vcsim.Context, vm *vcsim.VirtualMachine) guest.VM {
	extra := extraConfig(vm.Config.ExtraConfig)
	info := maps.Clone(extra)
	maps.DeleteFunc(info, func(key, _ string) bool { return !strings.HasPrefix(key, "guestinfo.") })
	network := networkName(ctx, vm)
	source, _ := s.cloned.Load(vm.Self)
	clonedFrom, _ := source.(string)
	generation := s.serial.Add(1)
	s.boots[vm.Self] = generation
	return guest.VM{
		ID:                vm.Self.Value,
		Name:              vm.Name,
		UUID:              vm.Config.InstanceUuid,
		BIOSUUID:          vm.Config.Uuid,
		GuestInfo:         info,
		MAC:               macAddress(vm),
		Network:           network,
		Segment:           segmentOf(network),
		KubernetesVersion: extra[keyKubernetesVersion],
		System:            extra[keySystem],
		ClonedFrom:        clonedFrom,
		Read:              func(key string) string { return s.guestinfo(vm, key) },
		Report:            func(changes map[string]string) { s.report(vm, generation, changes) },
		SetNetwork: func(ips []netip.Addr, hostname string) {
			s.fromGuest(vm, generation, func(ctx *vcsim.Context) { setGuest(ctx, vm, ips, hostname, true) })
		},
		PowerOff: func() { s.powerOffFromGuest(vm, generation) },
		Installed: func(version string) {
			s.fromGuest(vm, generation, func(ctx *vcsim.Context) {
				setExtraConfig(ctx, vm, []types.BaseOptionValue{&types.OptionValue{Key: keyKubernetesVersion, Value: version}})
			})
		},
	}
}

// powerOffFromGuest powers a machine off as its guest asks, unless it has booted again since.
func (s *Simulator) powerOffFromGuest(vm *vcsim.VirtualMachine, generation int64) {
	own := *s.service.Context
	s.running.Go(func() {
		s.locked(&own, func(ctx *vcsim.Context) (types.AnyType, fault) {
			if s.boots[vm.Self] != generation {
				return nil, nil
			}
			return nil, s.powerOff(ctx, vm)
		})
	})
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
