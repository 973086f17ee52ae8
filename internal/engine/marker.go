package engine

import (
	"net/netip"
	"path"
	"strings"
)

// Marker is written into the configuration of each VM in the clone call and
// never changed. It makes a VM Gantry's, whatever its name.
type Marker struct {
	Cluster   string       `json:"cluster"` // id
	Node      string       `json:"node"`
	Pool      string       `json:"pool"`
	N         int          `json:"n"`
	Address   netip.Prefix `json:"address"`
	IPPool    string       `json:"ip_pool"`
	Version   string       `json:"version"`
	Template  string       `json:"template"`
	CloneMode CloneMode    `json:"clone_mode"` // the mode used: linked or full
	Placement string       `json:"placement"`  // compute cluster name
	// Datastore, Network and ResourcePool are those of the placement, as the spec
	// names them. In the markers of older versions they are empty.
	Datastore    string `json:"datastore,omitempty"`
	Network      string `json:"network,omitempty"`
	ResourcePool string `json:"resource_pool,omitempty"`

	CPU      int32 `json:"cpu"`
	MemoryGB int64 `json:"memory_gb"`
	DiskGB   int64 `json:"disk_gb"`
	// Bootstrap identifies the certificate authority that the node was built
	// with; after a takeover without it the node is built again.
	Bootstrap string `json:"bootstrap"`
	// Reserved are the addresses of the whole cluster, VIP and extra, on its
	// control-plane nodes, so that one read of all VMs accounts for every claim.
	Reserved []netip.Addr `json:"reserved,omitempty"`
}

// outdated tells why a machine is not what its pool asks for any more, in words
// for a message; nil where it is. It compares what the marker says that the
// machine was built with. What a marker of an older version does not say is
// taken for what is wanted, so that a new version of Gantry replaces nothing.
func (s *ClusterSpec) outdated(pool PoolSpec, m Marker) []string {
	var why []string
	differs := func(different bool, what string) {
		if different {
			why = append(why, what)
		}
	}
	differs(m.CPU != 0 && m.CPU != pool.CPU, "cpu")
	differs(m.MemoryGB != 0 && m.MemoryGB != pool.MemoryGB, "memory_gb")
	// Without a wish, any disk will do.
	differs(m.DiskGB != 0 && pool.DiskGB != 0 && m.DiskGB != pool.DiskGB, "disk_gb")
	differs(m.Template != "" && !sameObject(m.Template, s.Template), "image")
	differs(placementOf(pool, m) < 0, "placements")
	return why
}

// placementOf is the placement of a pool that a machine was built on; -1 where
// the pool has no such placement any more.
func placementOf(pool PoolSpec, m Marker) int {
	for i, pl := range pool.Placements {
		if pl.holds(m) {
			return i
		}
	}
	return -1
}

// holds tells whether a machine was built on the placement.
func (p Placement) holds(m Marker) bool {
	if p.IPPoolID != m.IPPool || !sameObject(p.ComputeCluster, m.Placement) {
		return false
	}
	return m.Datastore == "" || // of an older version: the marker says no more
		sameObject(p.Datastore, m.Datastore) && sameObject(p.Network, m.Network) &&
			sameObject(rootless(p.ResourcePool), rootless(m.ResourcePool))
}

// rootless names the root resource pool of a compute cluster in one way.
func rootless(pool string) string {
	if path.Base(pool) == "Resources" {
		return ""
	}
	return pool
}

// unescaped undoes what vCenter does to three characters of a name.
var unescaped = strings.NewReplacer("%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`, "%25", "%")

// sameObject tells whether two names of the inventory can mean the same object:
// a path may leave out its beginning.
func sameObject(a, b string) bool {
	a, b = unescaped.Replace(strings.TrimSuffix(a, "/")), unescaped.Replace(strings.TrimSuffix(b, "/"))
	return a == b || a != "" && b != "" && (strings.HasSuffix(a, "/"+b) || strings.HasSuffix(b, "/"+a))
}
