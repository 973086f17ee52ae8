package vsphere

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// inventory is one consistent read of vCenter's tree, in memory. Several surveys
// may share it: it is not changed after newInventory.
type inventory struct {
	nodes  map[types.ManagedObjectReference]*node
	byType map[string][]*node // each by path
	fleet  *fleet
	server string
	user   string
}

// node is an object of the tree.
type node struct {
	properties
	name     string // as the vSphere Client shows it
	path     string // inventory path, as govc and the API spell it: %, / and \ are escaped in names
	parent   *node
	children []*node
}

// The types of objects that a word of the public contract may mean.
var (
	clusterTypes   = []string{"ClusterComputeResource", "ComputeResource"}
	networkTypes   = []string{"Network", "DistributedVirtualPortgroup", "OpaqueNetwork"}
	datastoreTypes = []string{"Datastore"}
	podTypes       = []string{"StoragePod"} // datastore clusters
	poolTypes      = []string{"ResourcePool"}
	folderTypes    = []string{"Folder"}
	machineTypes   = []string{"VirtualMachine"}
)

func newInventory(found []properties) *inventory {
	inv := &inventory{
		nodes:  make(map[types.ManagedObjectReference]*node, len(found)),
		byType: map[string][]*node{},
	}
	for _, p := range found {
		if p.vanished() {
			continue
		}
		inv.nodes[p.ref] = &node{properties: p, name: inventoryname.Unescape(value[string](p, "name"))}
	}
	for _, n := range inv.nodes {
		if n.parent = inv.nodes[parentOf(n.properties)]; n.parent != nil {
			n.parent.children = append(n.parent.children, n)
		}
		inv.byType[n.ref.Type] = append(inv.byType[n.ref.Type], n)
	}
	for _, n := range inv.nodes {
		n.setPath()
	}
	byPath := func(a, b *node) int { return strings.Compare(a.path, b.path) }
	for _, nodes := range inv.byType {
		slices.SortFunc(nodes, byPath)
	}
	inv.fleet = newFleet(inv.byType["VirtualMachine"])
	return inv
}

func parentOf(p properties) types.ManagedObjectReference {
	if parent, ok := p.values["parent"].(types.ManagedObjectReference); ok {
		return parent
	}
	return value[types.ManagedObjectReference](p, "parentVApp")
}

// setPath fills in the path of a node and of those above it. The root folder has
// an empty one.
func (n *node) setPath() {
	if n.path != "" || n.parent == nil {
		return
	}
	n.parent.setPath()
	n.path = n.parent.path + "/" + value[string](n.properties, "name")
}

// within reports whether n lies below an object.
func (n *node) within(ref types.ManagedObjectReference) bool {
	for p := n.parent; p != nil; p = p.parent {
		if p.ref == ref {
			return true
		}
	}
	return false
}

// matches reports whether a name or path that a user wrote may mean the object.
// A path may leave out its beginning.
func (n *node) matches(wanted string) bool { return n.spelled(wanted) || n.resembles(wanted) }

// spelled reports whether the object's name or path is spelled like a wanted one,
// as the vSphere Client or as the API spells it.
func (n *node) spelled(wanted string) bool {
	want := strings.TrimSuffix(wanted, "/")
	return want != "" && (n.name == want || n.path == want || strings.HasSuffix(n.path, "/"+want))
}

// resembles reports whether a name or path that is escaped in another way may mean
// the object. A slash in the object's name is no separator for a name without one.
func (n *node) resembles(wanted string) bool {
	isPath := strings.Contains(inventoryname.Unescape(wanted), "/")
	return (isPath || n.named(wanted)) && inventoryname.MayMatch(n.path, wanted)
}

// named reports whether the object has a name, which may be escaped.
func (n *node) named(name string) bool {
	return n.name == name || n.name == inventoryname.Unescape(name)
}

// all returns the objects of some types that satisfy a condition, by path.
func (inv *inventory) all(keep func(*node) bool, kinds ...string) []*node {
	var list []*node
	for _, kind := range kinds {
		for _, n := range inv.byType[kind] {
			if keep == nil || keep(n) {
				list = append(list, n)
			}
		}
	}
	if len(kinds) > 1 {
		slices.SortFunc(list, func(a, b *node) int { return strings.Compare(a.path, b.path) })
	}
	return list
}

// below returns the objects of some types under an object, by path.
func (inv *inventory) below(ref types.ManagedObjectReference, kinds ...string) []*node {
	return inv.all(func(n *node) bool { return n.within(ref) }, kinds...)
}

// vmFolder is the root of the datacenter's VM folders; nil where it cannot be
// read.
func (inv *inventory) vmFolder(dc *node) *node {
	return inv.nodes[value[types.ManagedObjectReference](dc.properties, "vmFolder")]
}

// walk follows a folder path below the datacenter's VM folder as far as it
// exists, and returns the paths that are missing, outermost first. What stands in
// the way of a folder is blocked. A nil at means that the VM folder cannot be read.
func (inv *inventory) walk(dc *node, path string) (at *node, missing []string, blocked *node) {
	at = inv.vmFolder(dc)
	if at == nil {
		return nil, nil, nil
	}
	_, segments := inventoryname.SplitFolder(path)
	for i, segment := range segments {
		child := at.child(segment)
		if child == nil {
			for j := i; j < len(segments); j++ {
				missing = append(missing, strings.Join(segments[:j+1], "/"))
			}
			return at, missing, nil
		}
		if child.ref.Type != "Folder" {
			return at, nil, child
		}
		at = child
	}
	return at, nil, nil
}

// child finds an object of that name directly below n; folder names are unique
// there.
func (n *node) child(name string) *node {
	for _, child := range n.children {
		if child.named(name) {
			return child
		}
	}
	return nil
}

// elsewhere reports whether a path is the full one of a folder in another datacenter.
func (n *node) elsewhere(path string) bool {
	above, _ := inventoryname.SplitFolder(path)
	return len(above) > 0 && !inventoryname.MayMatch("/"+strings.Join(above, "/"), n.path)
}

func isTemplate(n *node) bool { return value[bool](n.properties, "config.template") }

// uplinkTag is how vCenter marks the port groups of a switch's own uplinks.
const uplinkTag = "SYSTEM/DVS.UPLINKPG"

// isUplink reports whether a port group is one that no VM can be connected to.
func isUplink(n *node) bool {
	tags := value[types.ArrayOfTag](n.properties, "tag").Tag
	return slices.ContainsFunc(tags, func(t types.Tag) bool { return t.Key == uplinkTag })
}

// usableHosts returns the hosts of a compute cluster that can run another VM.
func (inv *inventory) usableHosts(cluster *node) []*node {
	var hosts []*node
	for _, ref := range cluster.refs("host") {
		if host := inv.nodes[ref]; hostDown(host) == "" {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// hostDown says why no VM can be started on a host now; empty where one can.
func hostDown(host *node) string {
	if host == nil {
		return "cannot be read"
	}
	state := value[types.HostSystemConnectionState](host.properties, "runtime.connectionState")
	switch {
	case state == types.HostSystemConnectionStateNotResponding:
		return "does not respond"
	case state != "" && state != types.HostSystemConnectionStateConnected:
		return "is disconnected"
	case value[bool](host.properties, "runtime.inMaintenanceMode"):
		return "is in maintenance mode"
	}
	return ""
}
