package plan

import (
	"path"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Reasons that are asked for by name.
const (
	reasonImage      = "image"
	reasonPlacements = "placements"
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
	differs(!builtFrom(spec.ImageOf(pool), m), reasonImage)
	differs(m.KubernetesVersion != spec.VersionOf(pool), "kubernetes_version")
	differs(placementOf(pool, m) < 0, reasonPlacements)
	differs(slices.Contains(spec.ReplaceNodes, m.Node), "replace_nodes")
	for _, field := range spec.BuiltWithOf(pool).Differs(spec.WithSettings(m.BuiltWith)) {
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

// builtFrom reports whether a machine was cloned from the image.
func builtFrom(image model.Image, m model.Marker) bool {
	switch {
	case image.Library != nil:
		return image.Named(m.Template) // the template of another version may be meant
	case image.Build != nil:
		return sameReference(image.TemplateRef, m.TemplateRef) || image.Named(m.Template) && builtOf(image.Build.Base, m)
	}
	return same(image.Template, image.TemplateRef, m.Template, m.TemplateRef) || image.Named(m.Template)
}

// builtOf reports whether the image that a machine was cloned from was built of a base, as far as
// that is known: the digest of an OVA is a part of the image's name.
func builtOf(base model.Image, m model.Marker) bool {
	return base.Made() || m.Base == "" || same(base.Template, base.TemplateRef, m.Base, m.BaseRef)
}

// builtOn reports whether a machine was built on the placement.
func builtOn(p model.Placement, m model.Marker) bool {
	return p.IPPoolID == m.IPPool && slices.EqualFunc(objects(p), builtWith(m), object.is)
}

// object is what a part of a placement means: a name, and a reference where it is known.
type object struct {
	field     model.FieldName
	name, ref string
}

// objects are the parts of a placement, always in the same order.
func objects(p model.Placement) []object {
	return []object{
		{model.FieldComputeCluster, p.ComputeCluster, p.References.ComputeCluster},
		{model.FieldDatastore, p.Datastore, p.References.Datastore},
		{model.FieldDatastoreCluster, p.DatastoreCluster, p.References.DatastoreCluster},
		{model.FieldStoragePolicy, p.StoragePolicy, p.References.StoragePolicy},
		{model.FieldNetwork, p.Network, p.References.Network},
		{model.FieldResourcePool, p.ResourcePool, p.References.ResourcePool},
	}
}

// builtWith are the objects of the placement that a machine was built on.
func builtWith(m model.Marker) []object {
	return objects(model.Placement{
		ComputeCluster: m.ComputeCluster,
		Datastore:      m.Datastore,
		Network:        m.Network,
		ResourcePool:   m.ResourcePool,
		References:     m.References,

		DatastoreCluster: m.DatastoreCluster,
		StoragePolicy:    m.StoragePolicy,
	})
}

// is reports whether two objects of one field are the same.
func (o object) is(other object) bool {
	if o.field == model.FieldResourcePool && samePool(o.name, other.name) {
		return true
	}
	return o.name == other.name || same(o.name, o.ref, other.name, other.ref) // both may be empty
}

// same reports whether two names mean the same object: by how they are spelled, so
// that an object which was made again under its name is no other one, or by what they
// refer to, so that neither is one which was renamed.
func same(a, refA, b, refB string) bool {
	return inventoryname.MayMatch(a, b) || sameReference(refA, refB)
}

func sameReference(a, b string) bool { return a != "" && a == b }

// NamesDiffer reports whether machines were built with other names than the spec's, as
// far as is known without references: the objects may have been renamed.
func NamesDiffer(spec *model.ClusterSpec, facts *model.Facts) bool {
	if vmTagNamesDiffer(spec, facts) {
		return true
	}
	for _, m := range facts.VMs() {
		pool, ok := spec.NodePool(m.Marker.NodePool)
		if m.Marker.LoadBalancer() {
			pool = spec.LoadBalancerPool()
			ok = spec.DHCP()
		}
		if ok && (placementOf(pool, m.Marker) < 0 || !builtFrom(spec.ImageOf(pool), m.Marker)) {
			return true
		}
	}
	return false
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

// formerly reports whether a network had a name that an IP pool serves when machines
// were built on it.
func (c check) formerly(pool record.IPPool, network string) bool {
	return slices.ContainsFunc(c.facts.Machines, func(m model.Machine) bool {
		return sameReference(m.Marker.References.Network, network) && pool.MayServe(m.Marker.Network)
	})
}
