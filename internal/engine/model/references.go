package model

import "slices"

// References are the managed object references of what the names of a placement mean.
// One that is not known is empty.
type References struct {
	ComputeCluster string `json:"compute_cluster,omitempty"`
	Datastore      string `json:"datastore,omitempty"`
	Network        string `json:"network,omitempty"`
	ResourcePool   string `json:"resource_pool,omitempty"`

	DatastoreCluster string `json:"datastore_cluster,omitempty"`
	StoragePolicy    string `json:"storage_policy,omitempty"` // its id
}

// References are those of the resolved placement.
func (p ResolvedPlacement) References() References {
	return References{
		ComputeCluster: p.ComputeCluster,
		Datastore:      p.Datastore,
		Network:        p.Network.Ref,
		ResourcePool:   p.ResourcePool,

		DatastoreCluster: p.DatastoreCluster,
		StoragePolicy:    p.StoragePolicy,
	}
}

// Resolved is the spec with the references of what its names mean, as far as they were
// found: by them, an object that was renamed is still the same.
func (s ClusterSpec) Resolved(site Site) ClusterSpec {
	s.FolderRef = site.Folder.Ref
	s.Image = s.Image.resolved(site.Template, site.Contents[""]).resolvedBase(site.BaseRef)
	s.ControlPlane = s.ControlPlane.resolved(site)
	s.LoadBalancer.Image = s.LoadBalancer.Image.resolved(site.PoolTemplates[LoadBalancerPool], site.Contents[LoadBalancerPool])
	s.Workers = slices.Clone(s.Workers)
	for i := range s.Workers {
		s.Workers[i] = s.Workers[i].resolved(site)
	}
	return s
}

func (p NodePool) resolved(site Site) NodePool {
	p.Image = p.Image.resolved(site.PoolTemplates[p.Name], site.Contents[p.Name])
	p.Placements = slices.Clone(p.Placements)
	for i := range p.Placements {
		p.Placements[i].References = site.Placements[PlacementRef{NodePool: p.Name, Index: i}].References()
	}
	return p
}
