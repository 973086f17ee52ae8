package engine

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// Observed is one look at the world: what the ledger, vCenter and the cluster's
// API say. It is data; planning from it needs no further look.
type Observed struct {
	RecordID uuid.UUID
	Record   *ledger.ClusterBody // nil: nothing of that name is registered
	Survey   *Survey
	IPPools  map[string]*IPPool
	Claims   []Claim // every address that the cluster holds, with or without a VM
	taken    *ledger.Snapshot

	// OwnPool is the id of the IP pool that a gateway brings along, and Children
	// are the clusters, pools and accounts that belong to a gateway.
	OwnPool  string
	Children []string

	// APIAsked tells whether the cluster's API was asked at all; then APIError
	// tells why it did not answer, and Nodes and Packs are what it said.
	APIAsked bool
	APIError error
	Nodes    map[string]KubeNode
	Packs    map[string]string // hash of what was applied, by pack

	// Authorities is the fingerprint of the certificate authorities that the
	// run holds; empty where it holds none.
	Authorities string
}

// IPPool is a pool as the ledger knows it. Registered is false for one that is
// not there (yet).
type IPPool struct {
	ledger.Pool
	Body       ledger.PoolBody
	Gateway    string
	Registered bool
	New        bool // it is registered by the plan itself
	Total      int
	Taken      int
}

// Free is how many addresses of the pool can still be handed out.
func (p *IPPool) Free() int { return p.Total - p.Taken }

// APIAnswered tells whether the cluster's own API was asked and answered.
func (o *Observed) APIAnswered() bool { return o.APIAsked && o.APIError == nil }

// joined tells whether a machine has become a node. While the API does not
// answer, what the guest reported last stands: unreachable is not gone.
func (o *Observed) joined(m *Machine) bool {
	if !o.APIAnswered() {
		return m.Phase == PhaseJoined && o.APIAsked
	}
	_, ok := o.Nodes[m.Marker.Node]
	return ok
}

// claimOf finds the address that an owner holds in a pool.
func (o *Observed) claimOf(pool, owner string) (netip.Addr, bool) {
	for _, c := range o.Claims {
		if c.Pool == pool && c.Node == owner {
			return c.Address, true
		}
	}
	return netip.Addr{}, false
}

// The phases that a guest reports through guestinfo.gantry.phase.
const (
	PhaseBooting = "booting"
	PhaseKubeadm = "kubeadm"
	PhaseJoined  = "joined"
	PhaseFailed  = "failed"
)
