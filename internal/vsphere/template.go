package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// templateDevices are the devices of a template that a clone changes.
type templateDevices struct {
	nics  []types.BaseVirtualDevice
	disks []*types.VirtualDisk
}

func devicesOf(p properties) templateDevices {
	var d templateDevices
	for _, device := range value[types.ArrayOfVirtualDevice](p, "config.hardware.device").VirtualDevice {
		switch v := device.(type) {
		case types.BaseVirtualEthernetCard:
			d.nics = append(d.nics, device)
		case *types.VirtualDisk:
			d.disks = append(d.disks, v)
		}
	}
	// The first disk is the one that the VM boots from.
	slices.SortFunc(d.disks, func(a, b *types.VirtualDisk) int {
		return cmp.Or(
			cmp.Compare(a.ControllerKey, b.ControllerKey), cmp.Compare(unit(a), unit(b)), cmp.Compare(a.Key, b.Key),
		)
	})
	return d
}

// describeTemplate fills in what the second call returned about the template. One
// that cannot be cloned leaves its part of the site empty.
func (r *resolver) describeTemplate(c *Client, details map[types.ManagedObjectReference]properties) {
	if r.template == nil {
		return
	}
	p, found := details[r.template.ref]
	devices := devicesOf(p)
	if len(devices.disks) == 0 {
		r.site.Template = model.Template{}
		r.refuseTemplate(found)
		return
	}
	c.site.templates.Store(r.template.ref, &devices)
	boot := devices.disks[0]
	r.site.Template.DiskGB = gigabytes(boot)
	if b, ok := boot.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		if ds := b.GetVirtualDeviceFileBackingInfo().Datastore; ds != nil {
			r.site.Template.Datastore = ds.String()
		}
	}
	if snapshot, ok := currentSnapshot(r.template); ok {
		if d := devicesOf(details[snapshot]); len(d.disks) > 0 {
			// A linked clone has the devices of the snapshot, not of the template.
			c.site.templates.Store(snapshot, &d)
		}
	}
}

func (r *resolver) refuseTemplate(found bool) {
	field := model.ClusterField(model.FieldTemplate)
	if !found {
		r.refuse(field, fmt.Sprintf("Template %q no longer exists", r.template.name),
			"%q was deleted a moment ago. Choose another template, or plan again once it is back.", r.template.path)
		return
	}
	r.refuse(field, fmt.Sprintf("Template %q has no disk", r.template.name),
		"%q has no virtual disk that the account %q can read. Choose another template, or grant the account read access.",
		r.template.path, r.user)
}

func unit(d *types.VirtualDisk) int32 {
	if d.UnitNumber == nil {
		return 0
	}
	return *d.UnitNumber
}

// gigabytes is the size of a disk, rounded up.
func gigabytes(d *types.VirtualDisk) int64 {
	bytes := d.CapacityInBytes
	if bytes == 0 {
		bytes = d.CapacityInKB << 10
	}
	return (bytes + 1<<30 - 1) >> 30
}

// templateDevices returns the devices that a clone of a template, or of its
// snapshot, starts with. They are read once for all clones.
func (c *Client) templateDevices(ctx context.Context, ref types.ManagedObjectReference) (*templateDevices, error) {
	if d, ok := c.site.templates.Load(ref); ok {
		return d.(*templateDevices), nil
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{ref.Type: hardwareProperties}))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 || found[0].vanished() {
		return nil, &Error{Reason: c.path(ref) + " no longer exists", kind: kindGone}
	}
	if f := found[0].denied(); f != nil {
		return nil, c.explainFault(f, "")
	}
	d := devicesOf(found[0])
	c.site.templates.Store(ref, &d)
	return &d, nil
}
