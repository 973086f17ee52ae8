package vsphere

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/sharedread"
)

// treeProperties are what is read of each type of object. A type's list repeats
// what its base type's has, since the most derived list is the one that counts.
// One path that a vCenter does not know fails the whole call: each of these is in
// 6.7, and none goes through a property whose declared type is a base type.
var treeProperties = map[string][]string{
	"Folder":          {"name", "parent"},
	"Datacenter":      {"name", "parent", "vmFolder"},
	"ComputeResource": {"name", "parent", "resourcePool", "datastore", "network", "host"},
	"ClusterComputeResource": {
		"name", "parent", "resourcePool", "datastore", "network", "host", configuration,
	},
	"HostSystem": {
		"name", "parent", "datastore", "network", "vm", "runtime.connectionState", "runtime.inMaintenanceMode",
		"summary.hardware.numCpuThreads", "summary.hardware.cpuMhz", "summary.hardware.memorySize",
		usedMemory, "config.dateTimeInfo",
	},
	"ResourcePool": {"name", "parent", "runtime.memory.maxUsage", "runtime.memory.overallUsage", "runtime.cpu.maxUsage"},
	"VirtualApp":   {"name", "parent"},
	"Datastore": {
		"name", "parent", "summary.accessible", "summary.maintenanceMode",
		"summary.capacity", "summary.freeSpace", "summary.type",
	},
	"StoragePod":                  {"name", "parent", storageDRSEnabled},
	"Network":                     {"name", "parent"},
	"DistributedVirtualPortgroup": {"name", "parent", "key", "config.distributedVirtualSwitch", "tag"},
	"OpaqueNetwork":               {"name", "parent", "summary"},
	"DistributedVirtualSwitch":    {"name", "parent", "uuid"},
}

// treeMachineProperties are what is read of each VM. guest.net is most of it, and
// cannot be narrowed to its addresses; guest.ipAddress alone would miss VIPs. Of the
// hardware, which is larger still, only the network cards are read.
var treeMachineProperties = slices.Concat([]string{
	"name", "parent", "parentVApp", "config.template", "config.instanceUuid", extraConfig(markerKey), extraConfig(imageKey),
	"guest.ipAddress", "guest.net", "runtime.connectionState", "runtime.powerState", "snapshot.currentSnapshot",
}, nicProperties)

// treeSteps are the ways down the tree. VMs are found through their folders, and
// those inside a vApp through it.
func treeSteps() []types.BaseSelectionSpec {
	step := func(name, kind, path string, next ...string) types.BaseSelectionSpec {
		s := &types.TraversalSpec{
			SelectionSpec: types.SelectionSpec{Name: name},
			Type:          kind,
			Path:          path,
			Skip:          types.NewBool(false),
		}
		for _, n := range next {
			s.SelectSet = append(s.SelectSet, &types.SelectionSpec{Name: n})
		}
		return s
	}
	return []types.BaseSelectionSpec{
		step("children", "Folder", "childEntity",
			"children", "vms", "hosts", "datastores", "networks", "root pool", "cluster hosts"),
		step("vms", "Datacenter", "vmFolder", "children"),
		step("hosts", "Datacenter", "hostFolder", "children"),
		step("datastores", "Datacenter", "datastoreFolder", "children"),
		step("networks", "Datacenter", "networkFolder", "children"),
		step("root pool", "ComputeResource", "resourcePool", "pools"),
		step("cluster hosts", "ComputeResource", "host"),
		step("pools", "ResourcePool", "resourcePool", "pools", "vapp vms"),
		step("vapp vms", "VirtualApp", "vm"),
	}
}

// reads are what several callers of one identity share.
type reads struct {
	tree       sharedread.Read[*inventory]
	bare       sharedread.Read[*inventory] // the tree without its VMs
	disks      sharedread.Read[*allDisks]
	templates  templateReads
	attached   sharedread.Read[attachedIDs] // the tags of all datacenters and compute clusters
	placed     sync.Map                     // references of objects: *sharedread.Read[attachedIDs], their tags
	tags       sync.Map                     // tag id: *sharedread.Read[tagBody]
	policies   policyReads
	libraries  libraryReads
	categories sync.Map // tag category id: *sharedread.Read[categoryBody]
}

func (r *reads) forget() {
	r.tree.Forget()
	r.bare.Forget()
	r.disks.Forget()
	r.templates.forget()
}

// forgetAttached drops what was read of attached tags.
func (r *reads) forgetAttached() {
	r.attached.Forget()
	r.placed.Range(func(_, read any) bool {
		read.(*sharedread.Read[attachedIDs]).Forget()
		return true
	})
}

// tree returns the inventory; maxAge is as in model.SurveyRequest.
func (c *Client) tree(ctx context.Context, maxAge time.Duration) (*inventory, error) {
	inv, err := c.reads.tree.Get(ctx, maxAge, func(ctx context.Context) (*inventory, error) { return c.readTree(ctx, true) })
	return inv, c.treeError(err)
}

// bareTree returns the inventory without its VMs, or the whole one where that is young
// enough; maxAge is as in tree.
func (c *Client) bareTree(ctx context.Context, maxAge time.Duration) (*inventory, error) {
	if inv, kept := c.reads.tree.Kept(maxAge); kept {
		return inv, nil
	}
	inv, err := c.reads.bare.Get(ctx, maxAge, func(ctx context.Context) (*inventory, error) { return c.readTree(ctx, false) })
	return inv, c.treeError(err)
}

func (c *Client) treeError(err error) error {
	return c.failed("read the inventory of vCenter "+c.config.Server, err)
}

// readTree reads the inventory in one call, with or without its VMs.
func (c *Client) readTree(ctx context.Context, machines bool) (*inventory, error) {
	spec := types.PropertyFilterSpec{ObjectSet: []types.ObjectSpec{{
		Obj:       c.soap.content.RootFolder,
		Skip:      types.NewBool(false),
		SelectSet: treeSteps(),
	}}}
	for kind, paths := range treeProperties {
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: kind, PathSet: paths})
	}
	if machines {
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: "VirtualMachine", PathSet: treeMachineProperties})
	}
	found, err := c.retrieve(withLeanReads(ctx), spec)
	if err != nil {
		return nil, c.treeError(err)
	}
	inv := newInventory(found)
	inv.server = c.config.Server
	inv.user = c.config.Username
	for ref, n := range inv.nodes {
		c.site.paths.Store(ref, n.path)
	}
	if machines {
		c.site.hosts.remember(inv)
		c.site.space.remember(inv)
	}
	return inv, nil
}
