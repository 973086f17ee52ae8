package model

import "github.com/google/uuid"

// Placement is where nodes go, by the names that the vSphere Client shows.
type Placement struct {
	ComputeCluster string
	Datastore      string
	Network        string
	ResourcePool   string    // empty: the root pool of the compute cluster
	IPPoolID       uuid.UUID // uuid.Nil where nodes take leases
	// References are what the names mean, where Resolved has set them.
	References References
}

// PlacementRef identifies a placement of the spec.
type PlacementRef struct {
	NodePool string
	Index    int // among the pool's placements, from 0
}
