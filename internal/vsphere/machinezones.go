package vsphere

import (
	"context"
	"slices"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// whereMaxAge is how old the tree may be by which it is known where VMs are. Whoever asks
// has just read one.
const whereMaxAge = 30 * time.Second

// MachineZones implements model.VCenter. Where the tree says which hosts the VMs are on, it
// is not read again.
func (c *Client) MachineZones(ctx context.Context, vms []string, maxAge time.Duration) (map[string]model.Zone, error) {
	const op = "read the zone tags"
	wanted, err := parseRefs(vms)
	if err != nil {
		return nil, c.failed(op, err)
	}
	inv, err := c.tree(ctx, max(maxAge, whereMaxAge))
	if err != nil {
		return nil, err
	}
	at := inv.computeClustersOf(wanted)
	attached, err := c.reads.attached.Get(ctx, maxAge, func(ctx context.Context) (attachedIDs, error) {
		return c.attachedIDs(ctx, inv.tagged())
	})
	if err != nil {
		return nil, c.zonesFailed(op, err)
	}
	needed := attachedIDs{}
	for _, cluster := range at {
		needed[cluster.ref] = attached[cluster.ref]
		if dc := cluster.datacenter(); dc != nil {
			needed[dc.ref] = attached[dc.ref]
		}
	}
	tags, err := c.namedTags(ctx, needed)
	if err != nil {
		return nil, c.zonesFailed(op, err)
	}
	zones := map[string]model.Zone{}
	for vm, cluster := range at {
		if zone, ok := c.zoneOf(tags, cluster); ok {
			zones[vm.String()] = zone
		}
	}
	return zones, nil
}

// tagged are the objects that may have the tags of the topology.
func (inv *inventory) tagged() []types.ManagedObjectReference {
	var refs []types.ManagedObjectReference
	for _, n := range inv.all(nil, append([]string{"Datacenter"}, clusterTypes...)...) {
		refs = append(refs, n.ref)
	}
	return refs
}

// computeClustersOf returns where VMs are; one whose host is not seen is not in it.
func (inv *inventory) computeClustersOf(vms []types.ManagedObjectReference) map[types.ManagedObjectReference]*node {
	wanted := make(map[types.ManagedObjectReference]bool, len(vms))
	for _, vm := range vms {
		wanted[vm] = true
	}
	at := map[types.ManagedObjectReference]*node{}
	for _, host := range inv.byType["HostSystem"] {
		if host.parent == nil || !slices.Contains(clusterTypes, host.parent.ref.Type) {
			continue
		}
		for _, vm := range host.refs("vm") {
			if wanted[vm] {
				at[vm] = host.parent
			}
		}
	}
	return at
}

// datacenter is the one that an object is in; nil where it cannot be read.
func (n *node) datacenter() *node {
	for p := n.parent; p != nil; p = p.parent {
		if p.ref.Type == "Datacenter" {
			return p
		}
	}
	return nil
}

// zoneOf is the topology of a compute cluster, unless its tags cannot be node labels.
func (c *Client) zoneOf(tags attachedTags, cluster *node) (model.Zone, bool) {
	zone, err := c.zoneLabel(tags, cluster.ref, model.ZoneCategory)
	if err != nil {
		return model.Zone{}, false
	}
	region := ""
	if dc := cluster.datacenter(); dc != nil {
		region, err = c.zoneLabel(tags, dc.ref, model.RegionCategory)
	}
	return model.Zone{Region: region, Zone: zone}, err == nil
}
