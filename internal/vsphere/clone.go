package vsphere

import (
	"context"
	"fmt"
	"maps"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Clone implements model.VCenter: one call, in which the new VM gets all that it
// ever needs, so that there is no incomplete one.
func (c *Client) Clone(ctx context.Context, req model.CloneRequest) (string, error) {
	defer c.site.changed()
	target := req.Name
	if folder, err := parseRef("Folder", req.Folder); err == nil {
		if p, ok := c.site.paths.Load(folder); ok {
			target = p.(string) + "/" + req.Name
		}
	}
	op := fmt.Sprintf("clone %q from %q", target, req.Template.Path)
	call, err := c.cloneCall(ctx, req)
	if err != nil {
		return "", c.failed(op, err)
	}
	res, err := methods.CloneVM_Task(ctx, c.soap, call)
	if err != nil {
		return "", c.failed(op, err)
	}
	return c.started(res.Returnval, operation{name: op, makes: target}), nil
}

func (c *Client) cloneCall(ctx context.Context, req model.CloneRequest) (*types.CloneVM_Task, error) {
	template, err := parseRef("VirtualMachine", req.Template.Ref)
	if err != nil {
		return nil, err
	}
	folder, err := parseRef("Folder", req.Folder)
	if err != nil {
		return nil, err
	}
	if req.Mode == model.CloneLinked && req.Placement.Datastore == "" {
		req.Placement.Datastore = req.Template.Datastore // which has its disks
	}
	location, err := c.cloneLocation(req, folder)
	if err != nil {
		return nil, err
	}
	// Off: vCenter would power it on in a task of its own, and the clone's task would
	// succeed whatever comes of that.
	spec := types.VirtualMachineCloneSpec{Location: *location, PowerOn: false}
	source := template
	if req.Mode == model.CloneLinked {
		snapshot, err := parseRef("VirtualMachineSnapshot", req.Template.Snapshot)
		if err != nil {
			return nil, &Error{
				Reason: "the template has no snapshot, which a linked clone needs",
				Advice: `take a snapshot of the template, or set clone_mode = "full"`,
			}
		}
		source = snapshot
		spec.Snapshot = &snapshot
		spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	}
	devices, err := c.templateDevices(ctx, source)
	if err != nil {
		return nil, err
	}
	if spec.Config, err = cloneConfig(req, devices); err != nil {
		return nil, err
	}
	call := &types.CloneVM_Task{This: template, Folder: folder, Name: req.Name, Spec: spec}
	if call.Spec.Location.Datastore, err = c.datastoreFor(ctx, req, call); err != nil {
		return nil, err
	}
	setPolicy(&call.Spec.Location, req.Placement.StoragePolicy, devices.disks)
	return call, nil
}

func (c *Client) cloneLocation(
	req model.CloneRequest, folder types.ManagedObjectReference,
) (*types.VirtualMachineRelocateSpec, error) {
	pool, err := parseRef("", req.Placement.ResourcePool)
	if err != nil {
		return nil, err
	}
	host, err := c.site.hosts.choose(req)
	if err != nil {
		return nil, err
	}
	return &types.VirtualMachineRelocateSpec{
		Folder:       &folder,
		Pool:         &pool,
		Host:         host,
		DiskMoveType: string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndDisallowSharing),
	}, nil
}

func cloneConfig(req model.CloneRequest, devices *templateDevices) (*types.VirtualMachineConfigSpec, error) {
	changes, err := deviceChanges(req, devices)
	if err != nil {
		return nil, err
	}
	extra, err := extraConfigOf(req, devices)
	if err != nil {
		return nil, err
	}
	config := &types.VirtualMachineConfigSpec{
		InstanceUuid: req.UUID,
		Annotation:   req.Notes,
		NumCPUs:      req.CPU,
		MemoryMB:     req.MemoryGB << 10,
		DeviceChange: changes,
		ExtraConfig:  extra,
		// While the template's vApp options are there, cloud-init takes the OVF
		// environment for its data source instead of guestinfo.
		VAppConfigRemoved: types.NewBool(true),
	}
	if req.CPU <= 64 {
		// The template's cores per socket need not divide the new number of CPUs.
		config.NumCoresPerSocket = types.NewInt32(req.CPU)
	}
	return config, nil
}

// deviceChanges replaces the template's network adapters by one on the wanted
// network, and grows the first disk of a full clone.
func deviceChanges(req model.CloneRequest, devices *templateDevices) ([]types.BaseVirtualDeviceConfigSpec, error) {
	var changes []types.BaseVirtualDeviceConfigSpec
	change := func(operation types.VirtualDeviceConfigSpecOperation, device types.BaseVirtualDevice) {
		changes = append(changes, &types.VirtualDeviceConfigSpec{Operation: operation, Device: device})
	}
	for _, nic := range devices.nics {
		change(types.VirtualDeviceConfigSpecOperationRemove, nic)
	}
	card, err := networkCard(req)
	if err != nil {
		return nil, err
	}
	change(types.VirtualDeviceConfigSpecOperationAdd, card)
	grown, err := grownDisk(req, devices)
	if err != nil {
		return nil, err
	}
	if grown != nil {
		change(types.VirtualDeviceConfigSpecOperationEdit, grown)
	}
	return changes, nil
}

func networkCard(req model.CloneRequest) (*types.VirtualVmxnet3, error) {
	backing, err := networkBacking(req.Placement.Network)
	if err != nil {
		return nil, err
	}
	card := &types.VirtualVmxnet3{}
	card.Key = -1 // negative: vCenter gives it a key of its own
	card.Backing = backing
	card.AddressType = string(types.VirtualEthernetCardMacTypeManual)
	card.MacAddress = req.MAC
	card.WakeOnLanEnabled = types.NewBool(true)
	card.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, Connected: true, AllowGuestControl: true}
	return card, nil
}

// grownDisk is the first disk in the wanted size; nil where it has that already.
func grownDisk(req model.CloneRequest, devices *templateDevices) (*types.VirtualDisk, error) {
	if len(devices.disks) == 0 {
		return nil, &Error{Reason: "the template has no disk"}
	}
	boot := devices.disks[0]
	have := gigabytes(boot)
	switch {
	case req.DiskGB == 0 || req.DiskGB == have:
		return nil, nil
	case req.DiskGB < have:
		return nil, &Error{
			Reason: fmt.Sprintf("the template's disk has %d GB and cannot shrink to %d GB", have, req.DiskGB),
			Advice: "set disk_gb to the template's size or more",
		}
	case req.Mode == model.CloneLinked:
		return nil, &Error{
			Reason: fmt.Sprintf("a linked clone keeps the template's disk size of %d GB; it cannot have %d GB", have, req.DiskGB),
			Advice: `set clone_mode = "full", or disk_gb to the template's size`,
		}
	}
	grown := *boot
	grown.CapacityInKB = req.DiskGB << 20
	grown.CapacityInBytes = req.DiskGB << 30
	return &grown, nil
}

func networkBacking(n model.Network) (types.BaseVirtualDeviceBackingInfo, error) {
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
		return &types.VirtualEthernetCardOpaqueNetworkBackingInfo{
			OpaqueNetworkId:   n.PortgroupKey,
			OpaqueNetworkType: n.SwitchUUID,
		}, nil
	case "Network":
		return &types.VirtualEthernetCardNetworkBackingInfo{
			VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: n.Name},
			Network:                        &ref,
		}, nil
	}
	return nil, fmt.Errorf("network %q is a %s, to which no VM can be connected", n.Name, n.Type)
}

func extraConfigOf(req model.CloneRequest, devices *templateDevices) ([]types.BaseOptionValue, error) {
	m := marker{Marker: req.Marker, Instance: req.UUID}
	m.SchemaVersion = model.MarkerSchema
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
		&types.OptionValue{Key: imageKey, Value: ""}, // it is the template's
	}
	if req.Builds != nil {
		building := markerOfImage(*req.Builds)
		building.Importing = true
		option, err := building.option()
		if err != nil {
			return nil, err
		}
		options[len(options)-1] = option
	}
	// A template that was made from a node has what that reported, and a clone has what its
	// template has: before its own guest had a word, it would have joined, or have a lease.
	guestInfo := map[string]string{}
	for _, key := range guestKeys {
		guestInfo[key] = "" // which removes the key
	}
	maps.Copy(guestInfo, req.GuestInfo)
	return append(options, guestInfoOptions(guestInfo)...), nil
}
