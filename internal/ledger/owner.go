package ledger

import "github.com/google/uuid"

// UnknownCluster is the cluster of a claim or reservation that cannot be read,
// since its tag was edited or hidden. It is no cluster's id: what it holds is
// neither issued nor released.
var UnknownCluster = uuid.Max

// Owner holds an address.
type Owner struct {
	Cluster uuid.UUID
	Node    string // name of a node, or a role such as "vip" or "extra"
}

// unknownOwner holds an address of which the claim cannot be read.
var unknownOwner = Owner{Cluster: UnknownCluster}

// Known reports whether the owner could be read.
func (o Owner) Known() bool { return isCluster(o.Cluster) }

// isCluster reports whether an id can be that of a cluster.
func isCluster(id uuid.UUID) bool { return id != uuid.Nil && id != UnknownCluster }
