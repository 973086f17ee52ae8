package vsphere

import (
	"context"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// markerKey is the extra configuration in which a VM carries its marker. It is
// no guestinfo, so the guest cannot read it.
const markerKey = "gantry.node"

// inventory is one consistent read of vCenter's tree, in memory.
type inventory struct {
	nodes  map[types.ManagedObjectReference]*node
	server string
	user   string
}

// node is an object of the tree.
type node struct {
	properties
	raw    string // the name as vCenter stores it: %, / and \ are escaped
	name   string // the name as the vSphere Client shows it
	parent *node
	cached string // path
}

// path is the inventory path, as govc and the API spell it.
func (n *node) path() string {
	if n.parent == nil {
		return ""
	}
	if n.cached == "" {
		n.cached = n.parent.path() + "/" + n.raw
	}
	return n.cached
}

// within tells whether n lies below an object.
func (n *node) within(ref types.ManagedObjectReference) bool {
	for p := n.parent; p != nil; p = p.parent {
		if p.ref == ref {
			return true
		}
	}
	return false
}

// What a survey reads of each type of object. A type's list repeats what its
// base type's has, since the most derived list is the one that counts. One path
// that a vCenter does not know fails the whole call: each of these is in 6.7,
// and none goes through a property whose declared type is a base type.
var inventoryProperties = map[string][]string{
	"Folder":                      {"name", "parent"},
	"Datacenter":                  {"name", "parent", "vmFolder"},
	"ComputeResource":             {"name", "parent", "resourcePool", "datastore", "network", "host"},
	"ClusterComputeResource":      {"name", "parent", "resourcePool", "datastore", "network", "host", "configuration.drsConfig.enabled"},
	"HostSystem":                  {"name", "parent", "datastore", "network", "runtime.connectionState", "runtime.inMaintenanceMode"},
	"ResourcePool":                {"name", "parent", "owner"},
	"VirtualApp":                  {"name", "parent", "owner"},
	"Datastore":                   {"name", "parent", "summary.accessible", "summary.maintenanceMode", "summary.capacity", "summary.freeSpace", "summary.type"},
	"Network":                     {"name", "parent"},
	"DistributedVirtualPortgroup": {"name", "parent", "key", "config.distributedVirtualSwitch", "tag"},
	"OpaqueNetwork":               {"name", "parent", "summary"},
	"DistributedVirtualSwitch":    {"name", "parent", "uuid"},
}

var machineProperties = []string{
	"name", "parent", "parentVApp", "config.template", "config.instanceUuid", extraConfig(markerKey),
	"guest.ipAddress", "guest.net", "runtime.connectionState", "runtime.powerState", "snapshot.currentSnapshot",
}

// steps lists the ways down the tree. VMs are found through their folders, and
// those inside a vApp through it.
func steps() []types.BaseSelectionSpec {
	step := func(name, kind, path string, next ...string) types.BaseSelectionSpec {
		s := &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: name}, Type: kind, Path: path, Skip: types.NewBool(false)}
		for _, n := range next {
			s.SelectSet = append(s.SelectSet, &types.SelectionSpec{Name: n})
		}
		return s
	}
	return []types.BaseSelectionSpec{
		step("children", "Folder", "childEntity", "children", "vms", "hosts", "datastores", "networks", "root pool", "cluster hosts"),
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

// readInventory reads the tree in one call, with or without its VMs.
func (c *Client) readInventory(ctx context.Context, machines bool) (*inventory, error) {
	spec := types.PropertyFilterSpec{ObjectSet: []types.ObjectSpec{{
		Obj: c.soap.content.RootFolder, Skip: types.NewBool(false), SelectSet: steps(),
	}}}
	for kind, paths := range inventoryProperties {
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: kind, PathSet: paths})
	}
	if machines {
		spec.PropSet = append(spec.PropSet, types.PropertySpec{Type: "VirtualMachine", PathSet: machineProperties})
	}
	found, err := c.retrieve(ctx, spec)
	if err != nil {
		return nil, c.failed("read the inventory of vCenter "+c.config.Server, err)
	}
	inv := newInventory(found)
	inv.server, inv.user = c.config.Server, c.config.Username
	for ref, n := range inv.nodes {
		c.site.paths.Store(ref, n.path())
	}
	return inv, nil
}

func newInventory(found []properties) *inventory {
	inv := &inventory{nodes: make(map[types.ManagedObjectReference]*node, len(found))}
	for _, p := range found {
		if p.vanished() {
			continue
		}
		raw := value[string](p, "name")
		inv.nodes[p.ref] = &node{properties: p, raw: raw, name: inventoryname.Unescape(raw)}
	}
	for _, n := range inv.nodes {
		parent, ok := n.values["parent"].(types.ManagedObjectReference)
		if !ok {
			parent, _ = n.values["parentVApp"].(types.ManagedObjectReference)
		}
		n.parent = inv.nodes[parent]
	}
	return inv
}

// all lists the objects of some types that satisfy a condition, by path.
func (inv *inventory) all(keep func(*node) bool, kinds ...string) []*node {
	var list []*node
	for _, n := range inv.nodes {
		if slices.Contains(kinds, n.ref.Type) && (keep == nil || keep(n)) {
			list = append(list, n)
		}
	}
	slices.SortFunc(list, func(a, b *node) int { return strings.Compare(a.path(), b.path()) })
	return list
}

// below lists the objects of some types under an object.
func (inv *inventory) below(ref types.ManagedObjectReference, kinds ...string) []*node {
	return inv.all(func(n *node) bool { return n.within(ref) }, kinds...)
}

func isTemplate(n *node) bool { return value[bool](n.properties, "config.template") }

// The types of objects that a word of the public contract may mean.
var (
	clusterTypes   = []string{"ClusterComputeResource", "ComputeResource"}
	networkTypes   = []string{"Network", "DistributedVirtualPortgroup", "OpaqueNetwork"}
	datastoreTypes = []string{"Datastore"}
	poolTypes      = []string{"ResourcePool"}
	folderTypes    = []string{"Folder"}
	machineTypes   = []string{"VirtualMachine"}
)

// uplinkTag is how vCenter marks the port groups of a switch's own uplinks.
const uplinkTag = "SYSTEM/DVS.UPLINKPG"

// isUplink tells the port groups to which no VM can be connected.
func isUplink(n *node) bool {
	return slices.ContainsFunc(value[types.ArrayOfTag](n.properties, "tag").Tag, func(t types.Tag) bool { return t.Key == uplinkTag })
}
