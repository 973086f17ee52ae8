package vsphere

import (
	"context"
	"slices"

	"github.com/vmware/govmomi/vim25/types"
)

// Object is an object of the inventory, by the name that the vSphere Client
// shows and by its inventory path.
type Object struct{ Name, Path string }

// Datacenter is what a datacenter offers to clusters. All lists are sorted by
// path.
type Datacenter struct {
	Object
	ComputeClusters []ComputeCluster
	Datastores      []Datastore
	// DatastoreClusters are groups of these.
	DatastoreClusters []DatastoreCluster
	Networks          []Network
	Folders           []Object // VM folders, without the root
	Templates         []Template
}

// ComputeCluster lists what can be reached from a compute cluster.
type ComputeCluster struct {
	Object
	Hosts      int // hosts that can run another VM
	Datastores []string
	// DatastoreClusters are those of which a host can reach a datastore.
	DatastoreClusters []string
	HostGroups        []string // of DRS
	VMGroups          []string // of DRS, but for Gantry's own
	Networks          []string
	ResourcePools     []Object
}

// Datastore is a datastore with its size.
type Datastore struct {
	Object
	Type       string // VMFS, NFS, vsan, VVOL
	Accessible bool
	CapacityGB int64
	FreeGB     int64
}

// DatastoreCluster is a datastore cluster with the names of its datastores.
type DatastoreCluster struct {
	Object
	StorageDRS bool
	Datastores []string
	CapacityGB int64
	FreeGB     int64
}

// Network is a network that VMs can be connected to.
type Network struct {
	Object
	Type string // Network, DistributedVirtualPortgroup or OpaqueNetwork
}

// Template is a VM template.
type Template struct {
	Object
	Snapshot bool // it has one, as linked clones need
}

// Datacenters returns all datacenters that the account can read, in one call.
func (c *Client) Datacenters(ctx context.Context) ([]Datacenter, error) {
	inv, err := c.tree(ctx, 0)
	if err != nil {
		return nil, err
	}
	var list []Datacenter
	for _, dc := range inv.byType["Datacenter"] {
		list = append(list, inv.describe(dc))
	}
	return list, nil
}

func (inv *inventory) describe(dc *node) Datacenter {
	d := Datacenter{Object: dc.object()}
	for _, n := range inv.below(dc.ref, clusterTypes...) {
		cluster := ComputeCluster{
			Object:     n.object(),
			Hosts:      len(inv.usableHosts(n)),
			Datastores: inv.names(n.refs("datastore")),
			Networks:   inv.names(n.refs("network")),

			DatastoreClusters: inv.podsOf(n.refs("datastore")),
		}
		cluster.HostGroups, cluster.VMGroups = drsGroups(n.properties)
		for _, pool := range inv.below(n.ref, poolTypes...) {
			cluster.ResourcePools = append(cluster.ResourcePools, pool.object())
		}
		d.ComputeClusters = append(d.ComputeClusters, cluster)
	}
	for _, n := range inv.below(dc.ref, datastoreTypes...) {
		d.Datastores = append(d.Datastores, Datastore{
			Object:     n.object(),
			Type:       value[string](n.properties, "summary.type"),
			Accessible: value[bool](n.properties, "summary.accessible"),
			CapacityGB: value[int64](n.properties, "summary.capacity") >> 30,
			FreeGB:     value[int64](n.properties, "summary.freeSpace") >> 30,
		})
	}
	for _, n := range inv.below(dc.ref, podTypes...) {
		d.DatastoreClusters = append(d.DatastoreClusters, describePod(n))
	}
	for _, n := range inv.below(dc.ref, networkTypes...) {
		if !isUplink(n) {
			d.Networks = append(d.Networks, Network{n.object(), n.ref.Type})
		}
	}
	if root := inv.vmFolder(dc); root != nil {
		for _, n := range inv.below(root.ref, folderTypes...) {
			d.Folders = append(d.Folders, n.object())
		}
	}
	for _, n := range inv.below(dc.ref, machineTypes...) {
		if isTemplate(n) {
			_, snapshot := currentSnapshot(n)
			d.Templates = append(d.Templates, Template{n.object(), snapshot})
		}
	}
	return d
}

func describePod(n *node) DatastoreCluster {
	pod := DatastoreCluster{Object: n.object(), StorageDRS: value[bool](n.properties, storageDRSEnabled)}
	members := membersOf(n)
	for _, m := range members {
		pod.Datastores = append(pod.Datastores, m.name)
	}
	slices.Sort(pod.Datastores)
	if room := spaceOf(members...); room != nil {
		pod.CapacityGB = room.TotalGB
		pod.FreeGB = room.FreeGB
	}
	return pod
}

// podsOf are the names of the datastore clusters that datastores are in, sorted.
func (inv *inventory) podsOf(datastores []types.ManagedObjectReference) []string {
	var pods []string
	for _, ref := range datastores {
		if n := inv.nodes[ref]; n != nil && n.parent != nil && n.parent.ref.Type == "StoragePod" {
			pods = append(pods, n.parent.name)
		}
	}
	slices.Sort(pods)
	return slices.Compact(pods)
}

func (n *node) object() Object { return Object{n.name, n.path} }

// names returns the names of references, sorted; uplinks are left out.
func (inv *inventory) names(refs []types.ManagedObjectReference) []string {
	var list []string
	for _, ref := range refs {
		if n := inv.nodes[ref]; n != nil && !isUplink(n) {
			list = append(list, n.name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
