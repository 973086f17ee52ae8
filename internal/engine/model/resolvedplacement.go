package model

import (
	"cmp"
	"slices"
	"strings"
)

// ResolvedPlacement is a placement in references.
type ResolvedPlacement struct {
	ComputeCluster     string
	ComputeClusterName string
	// DRS is whether it is on there; false where vCenter does not say.
	DRS bool
	// Datastore is empty where one of Choices is chosen when a VM is cloned: those of
	// DatastoreCluster, or those that are compatible with StoragePolicy.
	Datastore        string
	DatastoreCluster string
	StoragePolicy    string            // its id
	Choices          []DatastoreChoice // most free space first
	// StorageDRS is whether it says which of them.
	StorageDRS   bool
	Network      Network
	ResourcePool string

	// Hosts are those of the compute cluster, once datastore and network are resolved.
	Hosts []Host
	// Space is that of the datastore, or of all Choices, and Memory that of the resource
	// pool; nil where vCenter does not say.
	Space  *Room
	Memory *Room
	// CPULimitMHz is what a limit of the resource pool leaves it; 0: none does.
	CPULimitMHz int64
}

// DatastoreChoice is a datastore that a VM can be put on.
type DatastoreChoice struct {
	Ref    string
	Name   string
	FreeGB int64
}

// Bears identifies what takes the space of the placement's VMs.
func (p ResolvedPlacement) Bears() string {
	if one := cmp.Or(p.Datastore, p.DatastoreCluster); one != "" {
		return one
	}
	var refs []string
	for _, c := range p.Choices {
		refs = append(refs, c.Ref)
	}
	slices.Sort(refs)
	return strings.Join(refs, ",")
}

// Chooses reports whether a datastore is among the choices.
func (p ResolvedPlacement) Chooses(datastore string) bool {
	return slices.ContainsFunc(p.Choices, func(c DatastoreChoice) bool { return c.Ref == datastore })
}

// Files is the datastore for what is stored once, and not with each VM: of several, one
// that has been used for it, or the one with the most free space.
func (p ResolvedPlacement) Files(used ...string) string {
	if p.Datastore != "" || len(p.Choices) == 0 {
		return p.Datastore
	}
	for _, datastore := range used {
		if p.Chooses(datastore) {
			return datastore
		}
	}
	return p.Choices[0].Ref
}

// SnapshotDatastore is where snapshots of etcd are stored, given where some were; empty:
// it is not known.
func (s Site) SnapshotDatastore(used []string) string {
	return s.Placements[PlacementRef{NodePool: ControlPlanePool}].Files(used...)
}

// Host is a host of a placement's compute cluster.
type Host struct {
	Name string
	// Down says why no VM can be started on it now; empty: one can.
	Down string
	// Datastore and Network are whether it reaches those of the placement, of a datastore
	// cluster one that can be chosen.
	Datastore, Network bool
	// What its hardware has; 0 where vCenter does not say.
	Threads  int32
	CoreMHz  int64
	MemoryGB int64
	// FreeGB is what is unused of its memory; nil where vCenter does not say.
	FreeGB *int64
	// NoTime is that it has no server of NTP, and no other source of time; false where vCenter
	// does not say.
	NoTime bool
}

// Reaches reports whether a VM of the placement can run on the host.
func (h Host) Reaches() bool { return h.Down == "" && h.Datastore && h.Network }

// Room is what there is of something and what is left of it, in GB.
type Room struct{ FreeGB, TotalGB int64 }

// Complete reports whether every part was resolved.
func (p ResolvedPlacement) Complete() bool {
	return p.ComputeCluster != "" && p.Files() != "" && p.Network.Ref != "" && p.ResourcePool != ""
}
