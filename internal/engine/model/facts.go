package model

import (
	"encoding/json"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// FactsSchema is the version of the facts that this Gantry remembers, and the
// newest that it understands.
const FactsSchema = 1

// Facts are what steps may follow from: what the ledger, vCenter and the cluster's
// API say. They are plain data, remembered from the refresh to the plan, so that
// the steps come out the same when Terraform plans once more in its apply.
type Facts struct {
	SchemaVersion int `json:"schema"`

	Record Record
	// OwnIPPool is a gateway's inline IP pool.
	OwnIPPool OwnIPPool
	Machines  []Machine
	// Unreadable are the names of VMs whose configuration vCenter does not return
	// now; they may be the cluster's.
	Unreadable []string
	// Claims are all addresses that the cluster holds, with or without a VM.
	Claims []Claim
	// Unclaimed are addresses that VMs of the cluster live on and of which the
	// ledger holds no claim, as after a tag was deleted.
	Unclaimed []Claim

	API APIFacts
	// CAFingerprint identifies the certificate authorities that the state holds;
	// empty where it holds none.
	CAFingerprint string
}

// Record is the cluster's record in the ledger, if there is one.
type Record struct {
	Found bool
	record.Cluster
}

// MarshalJSON writes the record, or null where there is none.
func (r Record) MarshalJSON() ([]byte, error) {
	if !r.Found {
		return []byte("null"), nil
	}
	return json.Marshal(r.Cluster)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Record) UnmarshalJSON(raw []byte) error {
	*r = Record{}
	if string(raw) == "null" {
		return nil
	}
	r.Found = true
	return json.Unmarshal(raw, &r.Cluster)
}

// OwnIPPool is a gateway's inline IP pool as the ledger has it.
type OwnIPPool struct {
	ID         uuid.UUID // uuid.Nil: the gateway has none
	Registered bool
	Record     record.IPPool
}

// Outdated reports whether the pool has to be written to the ledger to be as the
// spec says.
func (p OwnIPPool) Outdated(want *record.IPPool) bool {
	return want != nil && !(p.Registered && p.Record.Equal(*want))
}

// APIFacts are what the cluster's own API says.
type APIFacts struct {
	// Asked reports whether the API was asked at all; then Error says why it did
	// not answer, if it did not.
	Asked bool
	Error string
	Nodes map[string]KubeNode
	Packs map[string]string // hash of what was applied, by pack
	// ImportDataStored reports whether the cluster holds what import needs, and
	// AuthoritiesOmitted whether that is without its authorities.
	ImportDataStored   bool
	AuthoritiesOmitted bool
	// AdminsUnbound reports whether the API refuses the administrator because the
	// binding of its group is missing or was changed.
	AdminsUnbound bool
}

// Answered reports whether the API was asked and answered.
func (a APIFacts) Answered() bool { return a.Asked && a.Error == "" }

// KubeNode is a Node object, as far as the engine cares.
type KubeNode struct {
	Name       string
	Ready      bool
	Reason     string // why it is not ready
	Version    string // kubelet version, with its leading v
	ProviderID string
	Addresses  []netip.Addr
	NodeMeta
	// Managed is what SetNodeMeta set earlier, so that it can be removed again.
	Managed       NodeMeta
	Unschedulable bool
	Cordoned      bool // Drain cordoned it
}

// Claim is an address that a cluster holds, and for what.
type Claim struct {
	IPPool  uuid.UUID
	Address netip.Addr
	Owner   string // node name, OwnerVIP or OwnerExtra
}

// The owners of a cluster's addresses that are not nodes.
const (
	OwnerVIP   = "vip"
	OwnerExtra = "extra"
)

// Endpoint reports whether the claim is the VIP's or the extra's.
func (c Claim) Endpoint() bool { return c.Owner == OwnerVIP || c.Owner == OwnerExtra }

// APIReached reports whether the cluster's API has answered at least once. A
// record that was deleted does not make a running cluster a new one.
func (f *Facts) APIReached(isNew bool) bool {
	if f.Record.Found {
		return f.Record.APIReached
	}
	return !isNew && f.joinedOnce()
}

// joinedOnce reports whether a control-plane node that was built with the
// authorities at hand has joined: then the API has answered, whatever became of
// the record.
func (f *Facts) joinedOnce() bool {
	return f.CAFingerprint != "" && slices.ContainsFunc(f.Machines, func(m Machine) bool {
		return m.Marker.ControlPlane() && m.Marker.CAFingerprint == f.CAFingerprint && m.Phase == PhaseJoined
	})
}

// Joined reports whether a machine has become a node. While the API does not
// answer, what the guest reported last holds: unreachable is not gone.
func (f *Facts) Joined(m *Machine) bool {
	if !f.API.Answered() {
		return m.Phase == PhaseJoined && f.API.Asked
	}
	_, ok := f.API.Nodes[m.Marker.Node]
	return ok
}

// Address finds the address of an owner in an IP pool, also where its claim is
// gone and only the cluster's VMs carry it.
func (f *Facts) Address(pool uuid.UUID, owner string) (netip.Addr, bool) {
	for _, claims := range [][]Claim{f.Claims, f.Unclaimed} {
		for _, c := range claims {
			if c.IPPool == pool && c.Owner == owner {
				return c.Address, true
			}
		}
	}
	return netip.Addr{}, false
}

// PlanInputs is the part of the facts that planning needs, of a size that private
// state can hold: of a node's many labels and annotations those that Gantry has
// set.
func (f *Facts) PlanInputs() *Facts {
	inputs := *f
	inputs.SchemaVersion = FactsSchema
	if f.API.Nodes == nil {
		return &inputs
	}
	inputs.API.Nodes = make(map[string]KubeNode, len(f.API.Nodes))
	for name, node := range f.API.Nodes {
		node.Addresses = nil
		node.Labels = managedOnly(node.Labels, node.Managed.Labels)
		node.Annotations = managedOnly(node.Annotations, node.Managed.Annotations)
		inputs.API.Nodes[name] = node
	}
	return &inputs
}

func managedOnly(have, managed map[string]string) map[string]string {
	out := map[string]string{}
	for key := range managed {
		if value, ok := have[key]; ok {
			out[key] = value
		}
	}
	return out
}
