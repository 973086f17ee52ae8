package plan

import (
	"path"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// outdated returns why a machine is no longer what its pool asks for, in the words
// of the attributes; nil where it is. It compares what the marker says that the
// machine was built with.
func outdated(spec *model.ClusterSpec, pool model.NodePool, m model.Marker) []string {
	var reasons []string
	differs := func(different bool, what string) {
		if different {
			reasons = append(reasons, what)
		}
	}
	differs(m.CPU != pool.CPU, "cpu")
	differs(m.MemoryGB != pool.MemoryGB, "memory_gb")
	// Where the spec names no size, any disk will do.
	differs(pool.DiskGB != 0 && m.DiskGB != pool.DiskGB, "disk_gb")
	differs(!inventoryname.MayMatch(m.Template, spec.Image.Template), "image")
	differs(placementOf(pool, m) < 0, "placements")
	for _, field := range spec.BuiltWith.Differs(m.BuiltWith) {
		reasons = append(reasons, attributeWords[field])
	}
	return reasons
}

// placementOf is the placement of a pool that a machine was built on; -1 where the
// pool has no such placement any more.
func placementOf(pool model.NodePool, m model.Marker) int {
	for i, place := range pool.Placements {
		if builtOn(place, m) {
			return i
		}
	}
	return -1
}

// builtOn reports whether a machine was built on the placement.
func builtOn(p model.Placement, m model.Marker) bool {
	return p.IPPoolID == m.IPPool &&
		inventoryname.MayMatch(p.ComputeCluster, m.ComputeCluster) &&
		inventoryname.MayMatch(p.Datastore, m.Datastore) &&
		inventoryname.MayMatch(p.Network, m.Network) &&
		samePool(p.ResourcePool, m.ResourcePool)
}

// samePool compares resource pools. The root pool of a compute cluster is named by
// its own name or not at all.
func samePool(a, b string) bool {
	a = rootless(a)
	b = rootless(b)
	return a == b || a != "" && b != "" && inventoryname.MayMatch(a, b)
}

func rootless(pool string) string {
	if path.Base(pool) == "Resources" {
		return ""
	}
	return pool
}
