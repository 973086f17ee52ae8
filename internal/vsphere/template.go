package vsphere

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
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
	// The first disk is the one that the machine boots from.
	slices.SortFunc(d.disks, func(a, b *types.VirtualDisk) int {
		return cmp.Or(cmp.Compare(a.ControllerKey, b.ControllerKey), cmp.Compare(unit(a), unit(b)), cmp.Compare(a.Key, b.Key))
	})
	return d
}

// describeTemplate fills in what the second call has shown about the template.
func (r *resolver) describeTemplate(c *Client, details map[types.ManagedObjectReference]properties) {
	devices := devicesOf(details[r.template.ref])
	if len(devices.disks) == 0 {
		r.problems = append(r.problems, engine.Problem{
			Field: r.field, Summary: fmt.Sprintf("Template %q has no disk", r.template.name),
			Detail: fmt.Sprintf("%q has no virtual disk to clone, or this account may not see it.", r.template.path()),
		})
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
	if snapshot, ok := r.template.values["snapshot.currentSnapshot"].(types.ManagedObjectReference); ok {
		if d := devicesOf(details[snapshot]); len(d.disks) > 0 {
			// A linked clone has the devices of the snapshot, not of the template.
			c.site.templates.Store(snapshot, &d)
		}
	}
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

// templateDevices answers the devices that a clone of a template, or of its
// snapshot, starts with. They are read once for all clones.
func (c *Client) templateDevices(ctx context.Context, ref types.ManagedObjectReference) (*templateDevices, error) {
	if d, ok := c.site.templates.Load(ref); ok {
		return d.(*templateDevices), nil
	}
	found, err := c.retrieve(ctx, objectsSpec([]types.ManagedObjectReference{ref}, map[string][]string{ref.Type: {"config.hardware.device"}}))
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

// candidateHost is a host that a clone may be put on where no DRS chooses one.
type candidateHost struct {
	ref        types.ManagedObjectReference
	datastores []types.ManagedObjectReference
	networks   []types.ManagedObjectReference
}

// rememberHosts keeps the hosts of the compute clusters without DRS: there, and
// only there, a clone has to name its host.
func (c *Client) rememberHosts(inv *inventory) {
	for _, cluster := range inv.all(nil, clusterTypes...) {
		var hosts []candidateHost
		if drs, known := cluster.values["configuration.drsConfig.enabled"].(bool); known && !drs {
			for _, h := range inv.usableHosts(cluster) {
				hosts = append(hosts, candidateHost{h.ref, h.refs("datastore"), h.refs("network")})
			}
		}
		c.site.hosts.Store(cluster.ref.String(), hosts)
	}
}

// hostFor chooses a host for a machine in a compute cluster without DRS. The
// machine's name decides, so that machines spread and a retry lands alike.
func (c *Client) hostFor(req engine.CloneRequest) *types.ManagedObjectReference {
	kept, _ := c.site.hosts.Load(req.Placement.ComputeCluster)
	all, _ := kept.([]candidateHost)
	var fit []candidateHost
	for _, h := range all {
		has := func(refs []types.ManagedObjectReference, want string) bool {
			return slices.ContainsFunc(refs, func(r types.ManagedObjectReference) bool { return r.String() == want })
		}
		if has(h.datastores, req.Placement.Datastore) && has(h.networks, req.Placement.Network.Ref) {
			fit = append(fit, h)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(req.Name))
	return &fit[int(sum.Sum32()%uint32(len(fit)))].ref
}
