package model

import "github.com/google/uuid"

// Placement is where nodes go, by the names that the vSphere Client shows.
type Placement struct {
	ComputeCluster string
	// Datastore, DatastoreCluster or StoragePolicy says where the disks are; the others are
	// empty.
	Datastore        string
	DatastoreCluster string
	StoragePolicy    string
	Network          string
	ResourcePool     string    // empty: the root pool of the compute cluster
	IPPoolID         uuid.UUID // uuid.Nil where nodes take leases
	// HostGroup is the host group of DRS on whose hosts nodes should run; empty: on any.
	HostGroup string
	// VMGroup is the VM group of DRS that nodes are put in; empty: none.
	VMGroup string
	// References are what the names mean, where Resolved has set them.
	References References
}

// Storage is what has the placement's disks: the field that says it, and the name there.
func (p Placement) Storage() (field FieldName, name string) {
	switch {
	case p.StoragePolicy != "":
		return FieldStoragePolicy, p.StoragePolicy
	case p.DatastoreCluster != "":
		return FieldDatastoreCluster, p.DatastoreCluster
	default:
		return FieldDatastore, p.Datastore
	}
}

// PlacementRef identifies a placement of the spec.
type PlacementRef struct {
	NodePool string
	Index    int // among the pool's placements, from 0
}
