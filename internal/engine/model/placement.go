package model

import "github.com/google/uuid"

// Placement is where nodes go, by the names that the vSphere Client shows.
type Placement struct {
	ComputeCluster string
	// Datastore or DatastoreCluster has the disks; the other one is empty.
	Datastore        string
	DatastoreCluster string
	Network          string
	ResourcePool     string    // empty: the root pool of the compute cluster
	IPPoolID         uuid.UUID // uuid.Nil where nodes take leases
	// References are what the names mean, where Resolved has set them.
	References References
}

// Storage is what has the placement's disks: the field that says it, and the name there.
func (p Placement) Storage() (field FieldName, name string) {
	if p.DatastoreCluster != "" {
		return FieldDatastoreCluster, p.DatastoreCluster
	}
	return FieldDatastore, p.Datastore
}

// PlacementRef identifies a placement of the spec.
type PlacementRef struct {
	NodePool string
	Index    int // among the pool's placements, from 0
}
