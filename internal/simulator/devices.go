package simulator

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"

	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"
)

// devices returns the new machine's hardware as vcsim wants it for a create, and
// the space that its disks take at once.
func (c *cloning) devices() ([]types.BaseVirtualDeviceConfigSpec, int64, fault) {
	// The source is untouched: the clone gets copies.
	devices, err := copyDevices(c.source.Config.Hardware.Device)
	if err != nil {
		return nil, 0, &types.SystemError{Reason: err.Error()}
	}
	origin := slices.Clone(devices)

	changes := c.req.Spec.Location.DeviceChange
	if c.req.Spec.Config != nil {
		changes = append(slices.Clip(changes), c.req.Spec.Config.DeviceChange...)
	}
	for i, change := range changes {
		var fault fault
		if devices, fault = c.change(devices, change.GetVirtualDeviceConfigSpec(), i); fault != nil {
			return nil, 0, fault
		}
	}

	var specs []types.BaseVirtualDeviceConfigSpec
	var space int64
	var cards int
	for _, device := range devices {
		if isDefaultDevice(device) {
			continue // every new machine gets these
		}
		inherited := slices.Contains(origin, device)
		spec := &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: device}
		switch d := device.(type) {
		case *types.VirtualDisk:
			if inherited || diskFile(d) == "" {
				size, err := c.ownDisk(d)
				if err != nil {
					return nil, 0, err
				}
				space += size
				spec.FileOperation = types.VirtualDeviceConfigSpecFileOperationCreate
			}
		case types.BaseVirtualEthernetCard:
			card := d.GetVirtualEthernetCard()
			// Any other type of address is vCenter's to choose, whatever the request says.
			if card.AddressType != string(types.VirtualEthernetCardMacTypeManual) || inherited {
				card.MacAddress = c.s.newMAC()
				card.AddressType = string(types.VirtualEthernetCardMacTypeAssigned)
			}
			// Network cards are numbered from 4000 on; vcsim would take any free number.
			card.Key = int32(firstCardKey + cards)
			cards++
			card.UnitNumber = nil // vcsim gives one out
			card.DeviceInfo = nil
		}
		specs = append(specs, spec)
	}
	return specs, space, nil
}

// change applies one device change of the clone's specification.
func (c *cloning) change(
	devices []types.BaseVirtualDevice, spec *types.VirtualDeviceConfigSpec, index int,
) ([]types.BaseVirtualDevice, fault) {
	invalid := &types.InvalidDeviceSpec{
		InvalidVmConfig: types.InvalidVmConfig{Property: "deviceChange"}, DeviceIndex: int32(index),
	}
	if spec.Device == nil {
		return nil, invalid
	}
	key := spec.Device.GetVirtualDevice().Key
	existing := slices.IndexFunc(devices, func(d types.BaseVirtualDevice) bool { return d.GetVirtualDevice().Key == key })
	if nic, ok := spec.Device.(types.BaseVirtualEthernetCard); ok && spec.Operation != types.VirtualDeviceConfigSpecOperationRemove {
		if err := checkNIC(c.ctx, c.dc, c.host, nic, index); err != nil {
			return nil, err
		}
		if err := checkMAC(nic, index); err != nil {
			return nil, err
		}
	}

	switch spec.Operation {
	case types.VirtualDeviceConfigSpecOperationAdd:
		return append(devices, spec.Device), nil
	case types.VirtualDeviceConfigSpecOperationRemove:
		if existing < 0 {
			return nil, invalid
		}
		return slices.Delete(slices.Clone(devices), existing, existing+1), nil
	case types.VirtualDeviceConfigSpecOperationEdit:
		if existing < 0 {
			return nil, invalid
		}
		return devices, c.edit(devices[existing], spec.Device, invalid)
	}
	return nil, invalid
}

// edit changes one of the source's devices for the clone: the size of a disk,
// the network of a card.
func (c *cloning) edit(device, asked types.BaseVirtualDevice, invalid *types.InvalidDeviceSpec) fault {
	switch d := device.(type) {
	case *types.VirtualDisk:
		disk, ok := asked.(*types.VirtualDisk)
		if !ok {
			return invalid
		}
		size := disk.CapacityInBytes
		if size == 0 {
			size = disk.CapacityInKB * 1024
		}
		if size != 0 && disk.CapacityInKB != 0 && disk.CapacityInKB*1024 != size && disk.CapacityInKB*1024 != d.CapacityInBytes {
			size = disk.CapacityInKB * 1024
		}
		switch {
		case size == 0 || size == d.CapacityInBytes:
			return nil
		case size < d.CapacityInBytes || c.linked:
			invalid.Property = "deviceChange.device.capacityInBytes"
			return invalid
		}
		d.CapacityInBytes = size
		d.CapacityInKB = size / 1024
	case types.BaseVirtualEthernetCard:
		nic, ok := asked.(types.BaseVirtualEthernetCard)
		if !ok {
			return invalid
		}
		d.GetVirtualEthernetCard().Backing = nic.GetVirtualEthernetCard().Backing
	}
	return nil
}

// ownDisk gives a disk a file of its own, as the child of the source's where
// the clone is linked, and returns the space it takes.
func (c *cloning) ownDisk(disk *types.VirtualDisk) (int64, fault) {
	backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return 0, new(types.DeviceUnsupportedForVmPlatform)
	}
	if disk.CapacityInBytes == 0 {
		disk.CapacityInBytes = disk.CapacityInKB * 1024
	}
	own := &types.VirtualDiskFlatVer2BackingInfo{
		DiskMode:        string(types.VirtualDiskModePersistent),
		ThinProvisioned: backing.ThinProvisioned,
	}
	if c.linked {
		own.Parent = backing
	}
	disk.Backing = own
	disk.DeviceInfo = nil
	disk.VDiskId = nil
	if c.linked {
		return childDiskBytes, nil
	}
	return disk.CapacityInBytes, nil
}

// firstCardKey is the key of a machine's first network card.
const firstCardKey = 4000

// childDiskBytes is what a child disk takes before anything is written to it.
const childDiskBytes = 1 << 20

// isDefaultDevice reports whether every machine has the device from the start.
func isDefaultDevice(d types.BaseVirtualDevice) bool {
	return slices.ContainsFunc(esx.VirtualDevice, func(def types.BaseVirtualDevice) bool {
		return def.GetVirtualDevice().Key == d.GetVirtualDevice().Key
	})
}

func copyDevices(devices []types.BaseVirtualDevice) ([]types.BaseVirtualDevice, error) {
	raw, err := xml.Marshal(types.ArrayOfVirtualDevice{VirtualDevice: devices})
	if err != nil {
		return nil, fmt.Errorf("copy devices: %w", err)
	}
	var dst types.ArrayOfVirtualDevice
	decoder := xml.NewDecoder(bytes.NewReader(raw))
	decoder.TypeFunc = types.TypeFunc()
	if err := decoder.Decode(&dst); err != nil {
		return nil, fmt.Errorf("copy devices: %w", err)
	}
	return dst.VirtualDevice, nil
}

// checkMAC refuses an address that is set by hand and that a host would refuse at
// power-on: outside of VMware's range for those.
func checkMAC(nic types.BaseVirtualEthernetCard, index int) fault {
	card := nic.GetVirtualEthernetCard()
	if card.AddressType != string(types.VirtualEthernetCardMacTypeManual) || manualMAC.MatchString(card.MacAddress) {
		return nil
	}
	return &types.InvalidDeviceSpec{
		InvalidVmConfig: types.InvalidVmConfig{Property: "deviceChange.device.macAddress"}, DeviceIndex: int32(index),
	}
}

var manualMAC = regexp.MustCompile(`^00:50:56:[0-3][0-9a-fA-F](:[0-9a-fA-F]{2}){2}$`)

// newMAC returns an address of the range that vCenter hands out.
func (s *Simulator) newMAC() string {
	n := s.macs.Add(1)
	return fmt.Sprintf("00:50:56:%02x:%02x:%02x", 0x80|(n>>16)&0x3f, (n>>8)&0xff, n&0xff)
}
