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

// describeTemplates fills in what the second call returned about the templates. One
// that nodes cannot be cloned from leaves its part of the site empty.
func (r *resolver) describeTemplates(c *Client, details map[types.ManagedObjectReference]properties) {
	for _, template := range r.templates {
		if !r.describeTemplate(c, template, details) {
			continue
		}
		if template.base {
			r.site.Base = template.Template
			continue
		}
		if template.pool == "" {
			r.site.Template = template.Template
			continue
		}
		if r.site.PoolTemplates == nil {
			r.site.PoolTemplates = map[string]model.Template{}
		}
		r.site.PoolTemplates[template.pool] = template.Template
	}
}

// describeTemplate reports whether nodes can be cloned from a template.
func (r *resolver) describeTemplate(c *Client, t *chosenTemplate, details map[types.ManagedObjectReference]properties) bool {
	p, found := details[t.ref]
	devices := devicesOf(p)
	if finding := r.unusableTemplate(t, p, found, devices); finding != nil {
		r.report(finding)
		return false
	}
	r.warnOfTemplate(t, p)
	c.site.templates.Store(t.ref, &devices)
	boot := devices.disks[0]
	t.DiskGB = gigabytes(boot)
	t.UsedGB = usedGigabytes(p, boot)
	if b, ok := boot.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
		if ds := b.GetVirtualDeviceFileBackingInfo().Datastore; ds != nil {
			t.Datastore = ds.String()
		}
	}
	if snapshot, ok := currentSnapshot(t.node); ok {
		d := devicesOf(details[snapshot])
		t.SnapshotDisks = len(d.disks)
		if len(d.disks) > 0 {
			// A linked clone has the devices of the snapshot, not of the template.
			c.site.templates.Store(snapshot, &d)
		}
	}
	return true
}

// unusableTemplate says why nodes cannot be cloned from the template; nil where they
// can.
func (r *resolver) unusableTemplate(t *chosenTemplate, p properties, found bool, devices templateDevices) *model.Finding {
	name, path := t.name, t.path
	finding := func(summary, detail string, args ...any) *model.Finding {
		f := model.NewFinding(t.field, fmt.Sprintf(summary, name), detail, args...)
		return &f
	}
	switch disks := len(devices.disks); {
	case !found:
		return finding("Template %q no longer exists",
			"%q was deleted a moment ago. Choose another template, or plan again once it is back.", path)
	case disks == 0:
		return finding("Template %q has no disk",
			"%q has no virtual disk that the account %q can read. Choose another template, or grant the account read access.", path, r.user)
	case disks > 1:
		return finding("Template %q has several disks",
			"%q has %d disks: %s. A node has the one that it boots from. Remove the others from the template, or choose another.",
			path, disks, bounded(diskWords(devices.disks)))
	}
	id := value[string](p, "config.guestId")
	guest := value[string](p, "config.guestFullName")
	if guestFamilyOf(id, guest) == guestForeign {
		return finding("The guest system of template %q is not Linux",
			"vCenter has the guest system of %q as %s, and nodes run Linux. "+
				"Choose a Linux template; if this is one, correct its guest operating system in the vSphere Client.", path, guestWords(id, guest))
	}
	return nil
}

// diskWords name disks as the vSphere Client does, with their sizes.
func diskWords(disks []*types.VirtualDisk) []string {
	words := make([]string, len(disks))
	for i, d := range disks {
		words[i] = fmt.Sprintf("%s (%d GB)", deviceLabel(d), gigabytes(d))
	}
	return words
}

// unknownGuest warns of a guest system of which vCenter does not say that it is Linux.
func (r *resolver) unknownGuest(t *chosenTemplate, p properties) {
	id := value[string](p, "config.guestId")
	name := value[string](p, "config.guestFullName")
	if guestFamilyOf(id, name) != guestUnknown {
		return
	}
	r.findings.Warn(t.field, fmt.Sprintf("The guest system of template %q is not known", t.name),
		"vCenter has the guest system of %q as %s, and nodes run Linux. "+
			"If it is Linux, set its guest operating system in the vSphere Client: vCenter chooses devices and drivers by it.",
		t.path, guestWords(id, name))
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

// usedGigabytes is what a full clone of a template's disk takes at first. Of a thin
// disk that is what was written to it, which vCenter counts with the VM's few other
// files.
func usedGigabytes(p properties, disk *types.VirtualDisk) int64 {
	size := gigabytes(disk)
	backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	thin := ok && backing.ThinProvisioned != nil && *backing.ThinProvisioned
	committed, known := p.values["summary.storage.committed"].(int64)
	if !thin || !known {
		return size
	}
	return min(size, (committed+1<<30-1)>>30)
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
