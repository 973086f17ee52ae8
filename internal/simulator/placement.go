package simulator

import (
	"slices"

	vcsim "github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// place finds out where the clone goes and refuses what does not fit together.
// vcsim takes any combination and crashes on some.
func (c *cloning) place() fault {
	var ok bool
	if c.ctx.Map.Get(c.source.Self) == nil {
		return &types.ManagedObjectNotFound{Obj: c.source.Self}
	}
	if c.folder, ok = get[*vcsim.Folder](c.ctx, c.req.Folder); !ok {
		return &types.ManagedObjectNotFound{Obj: c.req.Folder}
	}
	if !slices.Contains(c.folder.ChildType, "VirtualMachine") {
		return new(types.NotSupported)
	}
	if c.dc, ok = datacenterOf(c.ctx, c.folder.Self); !ok {
		return invalidArgument("folder")
	}
	if c.req.Name == "" {
		return invalidArgument("name")
	}
	if ref, taken := child(c.ctx, c.folder, c.req.Name); taken {
		return &types.DuplicateName{Name: c.req.Name, Object: ref}
	}
	location := c.req.Spec.Location
	if location.Folder != nil && *location.Folder != c.req.Folder {
		return invalidArgument("spec.location.folder")
	}
	if err := c.placePool(location.Pool, location.Host); err != nil {
		return err
	}
	if err := c.placeDatastore(location.Datastore); err != nil {
		return err
	}
	return c.placeLink(location.DiskMoveType)
}

// placePool finds the resource pool and a host of its compute cluster.
func (c *cloning) placePool(pool, host *types.ManagedObjectReference) fault {
	if pool == nil {
		if c.source.Config.Template || c.source.ResourcePool == nil {
			return invalidArgument("spec.location.pool")
		}
		pool = c.source.ResourcePool
	}
	p, ok := get[*vcsim.ResourcePool](c.ctx, *pool)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: *pool}
	}
	cluster, ok := get[*vcsim.ClusterComputeResource](c.ctx, p.Owner)
	if !ok {
		return invalidArgument("spec.location.pool")
	}
	if dc, ok := datacenterOf(c.ctx, cluster.Self); !ok || dc.Self != c.dc.Self {
		return &types.DatacenterMismatch{}
	}
	c.pool = p.Self
	if host != nil {
		if c.ctx.Map.Get(*host) == nil {
			return &types.ManagedObjectNotFound{Obj: *host}
		}
		if !slices.Contains(cluster.Host, *host) {
			return invalidArgument("spec.location.host")
		}
		c.host = *host
		return c.usableHost(*host)
	}
	if drs := cluster.ConfigurationEx.(*types.ClusterConfigInfoEx).DrsConfig.Enabled; drs == nil || !*drs {
		return invalidArgument("spec.location.host")
	}
	// What DRS would do, roughly: the host with the fewest machines.
	fewest := -1
	for _, ref := range cluster.Host {
		h, ok := get[*vcsim.HostSystem](c.ctx, ref)
		if !ok || c.usableHost(ref) != nil {
			continue
		}
		if fewest < 0 || len(h.Vm) < fewest {
			fewest, c.host = len(h.Vm), ref
		}
	}
	if fewest < 0 {
		return new(types.NoCompatibleHost)
	}
	return nil
}

// usableHost refuses a host that takes no machine now.
func (c *cloning) usableHost(ref types.ManagedObjectReference) fault {
	h, ok := get[*vcsim.HostSystem](c.ctx, ref)
	switch {
	case !ok:
		return &types.ManagedObjectNotFound{Obj: ref}
	case h.Runtime.ConnectionState != types.HostSystemConnectionStateConnected:
		return new(types.HostNotConnected)
	case h.Runtime.InMaintenanceMode:
		return &types.InvalidHostState{Host: &h.Self}
	}
	return nil
}

// placeDatastore finds the datastore, which the host has to have mounted.
func (c *cloning) placeDatastore(asked *types.ManagedObjectReference) fault {
	ref := asked
	if ref == nil {
		if len(c.source.Datastore) == 0 {
			return invalidArgument("spec.location.datastore")
		}
		ref = &c.source.Datastore[0]
	}
	ds, ok := get[*vcsim.Datastore](c.ctx, *ref)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: *ref}
	}
	if !c.mounted(ds) || inMaintenance(ds) {
		return &types.InvalidDatastore{Datastore: &ds.Self, Name: ds.Name}
	}
	c.datastore = ds
	return nil
}

func (c *cloning) mounted(ds *vcsim.Datastore) bool {
	return slices.ContainsFunc(ds.Host, func(m types.DatastoreHostMount) bool { return m.Key == c.host })
}

// placeLink decides whether the clone shares its source's disks: that takes a
// snapshot and the move type, and a host that sees the source's datastore.
func (c *cloning) placeLink(move string) fault {
	snapshot := c.req.Spec.Snapshot
	if snapshot != nil {
		snap, ok := get[*vcsim.VirtualMachineSnapshot](c.ctx, *snapshot)
		if !ok {
			return &types.ManagedObjectNotFound{Obj: *snapshot}
		}
		if snap.Vm != c.source.Self {
			return invalidArgument("spec.snapshot")
		}
	}
	if move != string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking) {
		return nil
	}
	if snapshot == nil {
		return invalidArgument("spec.snapshot")
	}
	c.linked = true
	for _, ref := range c.source.Datastore {
		if ds, ok := get[*vcsim.Datastore](c.ctx, ref); ok && !c.mounted(ds) {
			return &types.InvalidDatastore{Datastore: &ds.Self, Name: ds.Name}
		}
	}
	return nil
}

// datacenterOf returns the datacenter that an inventory object lies in.
func datacenterOf(ctx *vcsim.Context, ref types.ManagedObjectReference) (*vcsim.Datacenter, bool) {
	for {
		switch obj := ctx.Map.Get(ref).(type) {
		case *vcsim.Datacenter:
			return obj, true
		case mo.Entity:
			if obj.Entity().Parent == nil {
				return nil, false
			}
			ref = *obj.Entity().Parent
		default:
			return nil, false
		}
	}
}

func invalidArgument(property string) fault {
	return &types.InvalidArgument{InvalidProperty: property}
}
