package vsphere

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Clone implements engine.VCenter: one call, in which the new machine gets all
// that it ever needs, so that there is no half-made one.
func (c *Client) Clone(ctx context.Context, req engine.CloneRequest) (string, error) {
	target := req.Name
	if folder, err := parseRef("Folder", req.Folder); err == nil {
		if p, ok := c.site.paths.Load(folder); ok {
			target = p.(string) + "/" + req.Name
		}
	}
	op := fmt.Sprintf("clone %q from %q", target, req.Template.Path)
	template, err := parseRef("VirtualMachine", req.Template.Ref)
	if err != nil {
		return "", c.failed(op, err)
	}
	folder, err := parseRef("Folder", req.Folder)
	if err != nil {
		return "", c.failed(op, err)
	}
	spec, err := c.cloneSpec(ctx, req, template, folder)
	if err != nil {
		return "", c.failed(op, err)
	}
	res, err := methods.CloneVM_Task(ctx, c.soap, &types.CloneVM_Task{This: template, Folder: folder, Name: req.Name, Spec: *spec})
	if err != nil {
		return "", c.failed(op, err)
	}
	return c.started(res.Returnval, operation{name: op, makes: target}), nil
}

func (c *Client) cloneSpec(ctx context.Context, req engine.CloneRequest, template, folder types.ManagedObjectReference) (*types.VirtualMachineCloneSpec, error) {
	pool, err := parseRef("", req.Placement.ResourcePool)
	if err != nil {
		return nil, err
	}
	datastore, err := parseRef("Datastore", req.Placement.Datastore)
	if err != nil {
		return nil, err
	}
	spec := &types.VirtualMachineCloneSpec{
		Location: types.VirtualMachineRelocateSpec{
			Folder: &folder, Pool: &pool, Datastore: &datastore, Host: c.hostFor(req),
			DiskMoveType: string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndDisallowSharing),
		},
		PowerOn: true,
	}
	source := template
	if req.Mode == engine.CloneLinked {
		snapshot, err := parseRef("VirtualMachineSnapshot", req.Template.Snapshot)
		if err != nil {
			return nil, &Error{Reason: "the template has no snapshot to make a linked clone of",
				Advice: `take a snapshot of the template, or set clone_mode = "full"`}
		}
		source = snapshot
		spec.Snapshot = &snapshot
		spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	}
	devices, err := c.templateDevices(ctx, source)
	if err != nil {
		return nil, err
	}
	changes, err := deviceChanges(req, devices)
	if err != nil {
		return nil, err
	}
	extra, err := extraConfigOf(req, devices)
	if err != nil {
		return nil, err
	}
	spec.Config = &types.VirtualMachineConfigSpec{
		InstanceUuid: req.UUID,
		Annotation:   req.Notes,
		NumCPUs:      req.CPU,
		MemoryMB:     req.MemoryGB << 10,
		DeviceChange: changes,
		ExtraConfig:  extra,
		// With the template's vApp options left, cloud-init takes the OVF
		// environment for its data source instead of guestinfo.
		VAppConfigRemoved: types.NewBool(true),
	}
	if req.CPU <= 64 {
		// The template's cores per socket need not divide the new number of CPUs.
		spec.Config.NumCoresPerSocket = types.NewInt32(req.CPU)
	}
	return spec, nil
}

// deviceChanges replaces the template's network adapters by one on the wanted
// network, and grows the first disk of a full clone.
func deviceChanges(req engine.CloneRequest, devices *templateDevices) ([]types.BaseVirtualDeviceConfigSpec, error) {
	var changes []types.BaseVirtualDeviceConfigSpec
	for _, nic := range devices.nics {
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationRemove, Device: nic})
	}
	backing, err := networkBacking(req.Placement.Network)
	if err != nil {
		return nil, err
	}
	card := &types.VirtualVmxnet3{}
	card.Key = -1 // negative: vCenter gives it a key of its own
	card.Backing = backing
	card.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
	card.WakeOnLanEnabled = types.NewBool(true)
	card.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, Connected: true, AllowGuestControl: true}
	changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationAdd, Device: card})

	if len(devices.disks) == 0 {
		return nil, &Error{Reason: "the template has no disk"}
	}
	boot := devices.disks[0]
	have := gigabytes(boot)
	switch {
	case req.DiskGB == 0 || req.DiskGB == have:
		return changes, nil
	case req.DiskGB < have:
		return nil, &Error{Reason: fmt.Sprintf("the template's disk has %d GB and cannot shrink to %d GB", have, req.DiskGB)}
	case req.Mode == engine.CloneLinked:
		return nil, &Error{Reason: fmt.Sprintf("a linked clone keeps the template's disk size of %d GB, and %d GB are wanted", have, req.DiskGB),
			Advice: `set clone_mode = "full", or disk_gb to the template's size`}
	}
	grown := *boot
	grown.CapacityInKB, grown.CapacityInBytes = req.DiskGB<<20, req.DiskGB<<30
	return append(changes, &types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: &grown}), nil
}

func networkBacking(n engine.Network) (types.BaseVirtualDeviceBackingInfo, error) {
	ref, err := parseRef("", n.Ref)
	if err != nil {
		return nil, err
	}
	switch n.Type {
	case "DistributedVirtualPortgroup":
		return &types.VirtualEthernetCardDistributedVirtualPortBackingInfo{
			Port: types.DistributedVirtualSwitchPortConnection{SwitchUuid: n.SwitchUUID, PortgroupKey: n.PortgroupKey},
		}, nil
	case "OpaqueNetwork":
		return &types.VirtualEthernetCardOpaqueNetworkBackingInfo{OpaqueNetworkId: n.PortgroupKey, OpaqueNetworkType: n.SwitchUUID}, nil
	case "Network":
		return &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: n.Name}, Network: &ref,
		}, nil
	}
	return nil, fmt.Errorf("network %q is a %s, to which no machine can be connected", n.Name, n.Type)
}

func extraConfigOf(req engine.CloneRequest, devices *templateDevices) ([]types.BaseOptionValue, error) {
	m := marker{Marker: req.Marker, Instance: req.UUID}
	for _, d := range devices.disks {
		m.Disks = append(m.Disks, d.Key)
	}
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	options := []types.BaseOptionValue{
		&types.OptionValue{Key: markerKey, Value: text},
		// Without it the guest does not see the disks' UUIDs, by which the CSI
		// driver finds its volumes.
		&types.OptionValue{Key: "disk.EnableUUID", Value: "TRUE"},
	}
	for _, key := range slices.Sorted(maps.Keys(req.GuestInfo)) {
		options = append(options, &types.OptionValue{Key: key, Value: req.GuestInfo[key]})
	}
	return options, nil
}
