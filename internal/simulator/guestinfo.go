package simulator

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// disableSetInfo is the option of a machine whose guest may set no guestinfo.
const disableSetInfo = "isolation.tools.setinfo.disable"

// report writes guestinfo keys that a guest set. Those that its configuration did
// not have end with the machine's power.
func (s *Simulator) report(vm *vcsim.VirtualMachine, generation int64, changes map[string]string) {
	options := make([]types.BaseOptionValue, 0, len(changes))
	for _, key := range slices.Sorted(maps.Keys(changes)) {
		options = append(options, &types.OptionValue{Key: key, Value: changes[key]})
	}
	s.fromGuest(vm, generation, func(ctx *vcsim.Context) {
		if strings.EqualFold(extraConfig(vm.Config.ExtraConfig)[disableSetInfo], "TRUE") {
			return
		}
		setExtraConfig(ctx, vm, options)
	})
}

// guestinfo is what a machine's configuration has under a key by now.
func (s *Simulator) guestinfo(vm *vcsim.VirtualMachine, key string) string {
	s.inventory.RLock()
	defer s.inventory.RUnlock()
	return extraConfig(vm.Config.ExtraConfig)[key]
}

// configured notes which guestinfo a machine's configuration has. The inventory is
// locked.
func (s *Simulator) configured(vm *vcsim.VirtualMachine, options []types.BaseOptionValue) {
	if s.lasting[vm.Self] == nil {
		s.lasting[vm.Self] = map[string]bool{}
	}
	for key := range extraConfig(options) {
		s.lasting[vm.Self][key] = true
	}
}

// forgetGuestinfo removes what a guest set and the configuration did not have. The
// inventory is locked.
func (s *Simulator) forgetGuestinfo(ctx *vcsim.Context, vm *vcsim.VirtualMachine) {
	var options []types.BaseOptionValue
	for key := range extraConfig(vm.Config.ExtraConfig) {
		if strings.HasPrefix(key, "guestinfo.") && !s.lasting[vm.Self][key] {
			options = append(options, &types.OptionValue{Key: key, Value: ""})
		}
	}
	delete(s.lasting, vm.Self)
	setExtraConfig(ctx, vm, options)
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
		nets = append(guestNICs(ctx, vm, ips), containerNICs()...)
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

// containerNICs describes interfaces that containers brought: the guest tools report
// their addresses like all others, and that no card of the machine is behind them.
func containerNICs() []types.GuestNicInfo {
	var nics []types.GuestNicInfo
	for mac, ip := range containerAddresses {
		nics = append(nics, types.GuestNicInfo{
			Connected: true, DeviceConfigId: -1, MacAddress: mac, IpAddress: []string{ip.Addr().String()},
			IpConfig: &types.NetIpConfigInfo{IpAddress: []types.NetIpConfigInfoIpAddress{
				{IpAddress: ip.Addr().String(), PrefixLength: int32(ip.Bits()), State: "preferred"},
			}},
		})
	}
	return nics
}

// containerAddresses are those of docker0 and cni0, alike on every node.
var containerAddresses = map[string]netip.Prefix{
	"02:42:5a:11:00:01": netip.MustParsePrefix("172.17.0.1/16"),
	"0a:58:0a:f4:00:01": netip.MustParsePrefix("10.244.0.1/24"),
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
