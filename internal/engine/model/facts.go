package model

import (
	"encoding/json"
	"net/netip"
	"slices"
	"time"

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
	// Machines are the VMs of the nodes, and LoadBalancer is that of the load balancer; nil:
	// there is none.
	Machines     []Machine
	LoadBalancer *Machine `json:",omitempty"`
	// Builders are VMs of which an image was to be made.
	Builders []Machine `json:",omitempty"`
	// UnseenBuilder is one that vCenter neither shows now nor calls gone.
	UnseenBuilder *UnseenMachine `json:",omitempty"`
	// VMTagsRead says that of all VMs it is known which of the record's tags they have.
	VMTagsRead bool `json:",omitzero"`
	// Unreadable are the names of VMs whose configuration vCenter does not return now, and
	// which may be the cluster's by where they are; of those that were known, the nodes'.
	Unreadable []string
	// Unseen are nodes that had a VM, which vCenter neither shows now nor calls gone:
	// it was moved to where this user may not look, or a permission was lost.
	Unseen []UnseenMachine
	// Gone are nodes that had a VM, of which vCenter says that it does not exist any
	// more.
	Gone []KnownMachine
	// Rules are the anti-affinity rules of the cluster, and Hosting is where the VMs of its
	// node pools are.
	Rules   []Rule    `json:",omitempty"`
	Hosting []Hosting `json:",omitempty"`
	// Groups keep VMs on the hosts of host groups.
	Groups []HostedGroup `json:",omitempty"`
	// VMGroups are those of the record's that are there, with the VMs that are in them.
	VMGroups []VMGroup `json:",omitempty"`
	// Claims are all addresses that the cluster holds, with or without a VM.
	Claims []Claim
	// Unclaimed are addresses that VMs of the cluster live on and of which the
	// ledger holds no claim, as after a tag was deleted.
	Unclaimed []Claim

	API APIFacts
	// Now is the time by vCenter's clock, where something is due by it; else zero.
	Now time.Time
	// CAFingerprint identifies the certificate authorities that the state holds;
	// empty where it holds none.
	CAFingerprint string
}

// VMs are all VMs of the cluster that vCenter shows: those of its nodes and its load balancer.
func (f *Facts) VMs() []Machine {
	if f.LoadBalancer == nil {
		return slices.Clone(f.Machines)
	}
	return append(slices.Clone(f.Machines), *f.LoadBalancer)
}

// Record is the cluster's record in the ledger, if there is one.
type Record struct {
	Found bool
	record.Cluster
}

// Finished reports whether a creation of which no state is known has ended, so that its
// certificate authorities are somewhere: it is not taken over. A run that died before
// that has stored them nowhere, and there is nothing to import. One whose control plane is
// being built anew stays finished.
func (r Record) Finished() bool { return r.Found && r.CreationComplete }

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

// KnownMachine is a VM that was there at an earlier observation.
type KnownMachine struct {
	Node string
	Ref  string
}

// UnseenMachine is one that is not in the inventory now, and why that may be.
type UnseenMachine struct {
	KnownMachine
	Why string
}

// APIFacts are what the cluster's own API says.
type APIFacts struct {
	// Asked reports whether the API was asked at all; then Error says why it did
	// not answer, if it did not.
	Asked bool
	Error string
	// AnswersAt is the address of a control-plane node whose API server answers when it is asked
	// itself, where the load balancer in front of it does not; not valid: none does, or none was
	// asked.
	AnswersAt netip.Addr `json:",omitzero"`
	// NotFromHere says why that the endpoint does not answer, while AnswersAt does, is no sign
	// of a load balancer that does not forward: it was asked at its own lease; empty: it does
	// not forward.
	NotFromHere string `json:",omitempty"`
	Nodes       map[string]KubeNode
	Packs       map[string]AppliedPack // what was applied, by pack
	// Inventories are the objects of packs of manifests that go when they leave their pack, by
	// pack. A pack whose inventory is lost has none.
	Inventories map[string][]ObjectRef `json:",omitempty"`
	// AskingToGo are those of them that are precious and go all the same, by pack.
	AskingToGo map[string][]ObjectRef `json:",omitempty"`
	// Drift is what a look at their objects has found, by pack. Of most it is nothing.
	Drift map[string]PackDrift `json:",omitempty"`
	// ImportDataStored reports whether the cluster holds what import needs, and
	// AuthoritiesOmitted whether that is without its authorities.
	ImportDataStored   bool
	AuthoritiesOmitted bool
	// AdminsUnbound reports whether the API refuses the administrator because the
	// binding of its group is missing or was changed.
	AdminsUnbound bool
	Kubeadm       KubeadmFacts
}

// Answered reports whether the API was asked and answered.
func (a APIFacts) Answered() bool { return a.Asked && a.Error == "" }

// Joined reports whether the API knows a node as a member of the cluster. Of a pending
// control-plane node the node object is not enough: a join that fails at etcd leaves one.
func (a APIFacts) Joined(node string, pendingControlPlane bool) bool {
	n, known := a.Nodes[node]
	return known && (!pendingControlPlane || n.ControlPlane)
}

// AnyReady reports whether a node is Ready.
func (a APIFacts) AnyReady() bool {
	for _, n := range a.Nodes {
		if n.Ready {
			return true
		}
	}
	return false
}

// KubeNode is a Node object, as far as the engine cares.
type KubeNode struct {
	Name   string
	Ready  bool
	Reason string // why it is not ready
	// NotReadySince is when it was Ready last, by the clock of what has noticed; zero
	// where it is Ready.
	NotReadySince time.Time
	Version       string // kubelet version, with its leading v
	ProviderID    string
	Addresses     []netip.Addr
	NodeMeta
	// Managed is what SetNodeMeta set earlier, so that it can be removed again.
	Managed       NodeMeta
	Unschedulable bool
	Cordoned      bool // Drain has begun with it
	// VM is the reference that Drain has noted, so that a node whose VM was deleted right
	// before its run was killed is known to be gone, also where no state has ever had it.
	VM       string `json:",omitempty"`
	Restarts bool   // DrainToRestart has, so that it is whole, be it off or on
	// CertificatesExpire is when the first of a control-plane node's certificates ends,
	// as the node tells; zero where it does not.
	CertificatesExpire time.Time `json:",omitzero"`
	// Problems are what the node's kubelet, or its network, reports against it beside its
	// not being Ready, such as a lack of memory.
	Problems []string `json:",omitempty"`
	// ControlPlane is set by kubeadm at the end of the init or join of a control-plane
	// node, after the node has become a member of etcd. The node object is there before.
	ControlPlane bool
}

// Claim is an address that a cluster holds, and for what.
type Claim struct {
	IPPool  uuid.UUID
	Address netip.Addr
	Owner   string // node name, OwnerVIP, OwnerExtra or OwnerRanges
}

// The owners of a cluster's addresses that are not nodes.
const (
	OwnerVIP   = "vip"
	OwnerExtra = "extra"
)

// Endpoint reports whether the claim is the VIP's or the extra's.
func (c Claim) Endpoint() bool { return c.Owner == OwnerVIP || c.Owner == OwnerExtra }

// OfNode reports whether the claim is a node's.
func (c Claim) OfNode() bool { return !c.Endpoint() && c.Owner != OwnerRanges }

// APIReached reports whether the cluster's API has answered at least once. A
// record that was deleted does not make a running cluster a new one: its API answers
// with the authorities at hand.
func (f *Facts) APIReached(isNew bool) bool {
	if f.Record.Found {
		return f.Record.APIReached
	}
	return !isNew && f.API.Answered()
}

// Joined reports whether a machine has become a node: the API says so, or, while it
// does not answer, the record, in which the nodes are pending that have not. What the
// guest reports does not count: it may not be able to report, and its report does not
// outlive the VM's power.
func (f *Facts) Joined(m *Machine) bool {
	if f.API.Answered() {
		return f.API.Joined(m.Marker.Node, m.Marker.ControlPlane() && f.Pending(m.Marker.NodePool, m.Marker.Ordinal))
	}
	return f.Record.APIReached && !f.Pending(m.Marker.NodePool, m.Marker.Ordinal)
}

// Former reports whether a VM was of the control plane before it was built anew, or of one
// whose building was taken back: of another reset than the record, or, without a record, than
// what serves. A marker has the record's.
func (f *Facts) Former(m Marker) bool {
	if !m.ControlPlane() || !m.Understood() {
		return false
	}
	if f.Record.Found {
		return m.Reset != f.Record.Reset
	}
	reset, known := f.BuiltFor()
	return known && m.Reset != reset
}

// Pending reports whether a node has an ordinal and has not joined, as far as the record
// says.
func (f *Facts) Pending(pool string, ordinal int) bool {
	return slices.Contains(f.Record.Pending[pool], ordinal)
}

// PodNetwork reports whether nodes become Ready: a pack brings the pod network, or it
// came by other means, since without one no node ever is.
func (f *Facts) PodNetwork(spec *ClusterSpec) bool { return spec.HasCNI() || f.API.AnyReady() }

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
	if f.API.Drift != nil {
		inputs.API.Drift = make(map[string]PackDrift, len(f.API.Drift))
		for pack, drift := range f.API.Drift {
			inputs.API.Drift[pack] = drift.remembered()
		}
	}
	if f.API.Nodes == nil {
		return &inputs
	}
	inputs.API.Nodes = make(map[string]KubeNode, len(f.API.Nodes))
	for name, node := range f.API.Nodes {
		node.Addresses = nil
		node.Problems = nil
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
