package engine

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Observed is one look at the world: what the ledger, vCenter and the cluster's
// API say. It is data; planning from it needs no further look.
type Observed struct {
	RecordID uuid.UUID
	Record   *record.Cluster // nil: nothing of that name is registered
	Survey   *Survey
	IPPools  map[string]*IPPool
	Claims   []Claim // every address that the cluster holds, with or without a VM
	// Unclaimed are addresses that VMs of the cluster live on and whose claims are
	// gone from the ledger, as when somebody deleted a tag.
	Unclaimed []Claim
	taken     *ledger.Snapshot

	// OwnPool is the id of the IP pool that a gateway brings along, and Children
	// are the clusters, pools and accounts that belong to a gateway.
	OwnPool  string
	Children []string

	// APIAsked tells whether the cluster's API was asked at all; then APIError
	// tells why it did not answer, and Nodes and Packs are what it said.
	APIAsked bool
	APIError string
	Nodes    map[string]KubeNode
	Packs    map[string]string // hash of what was applied, by pack
	Kept     bool              // the cluster keeps what import needs

	// Partial is an observation that holds what steps follow from, and not what
	// speaks against them: nothing was resolved, and no pool was read.
	Partial bool

	// KubeconfigStale tells that half of the kubeconfig's life is over.
	KubeconfigStale bool
	// Authorities is the fingerprint of the certificate authorities that the
	// run holds; empty where it holds none.
	Authorities string
}

// IPPool is a pool as the ledger knows it. Registered is false for one that is
// not there (yet), of which there is the id alone, and for one whose record
// cannot be read: then Damage tells why.
type IPPool struct {
	ledger.IPPool
	Body       record.IPPool
	Gateway    string
	Registered bool
	Damage     error `json:"-"`
	New        bool  // the plan itself writes its record
	// ReservedBy is the id of the cluster that has a pool to itself which is
	// restricted to a single one; empty: nobody yet.
	ReservedBy string
	// Strange are addresses of the pool that a VM reports and nobody has claimed,
	// with that VM.
	Strange map[netip.Addr]string
	Total   int
	Taken   int
}

// Free is how many addresses of the pool can still be handed out.
func (p *IPPool) Free() int { return max(0, p.Total-p.Taken-len(p.Strange)) }

// APIAnswered tells whether the cluster's own API was asked and answered.
func (o *Observed) APIAnswered() bool { return o.APIAsked && o.APIError == "" }

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

// endpointOf finds the address of an owner in a pool, also where its claim is gone
// and only the cluster's VMs tell it.
func (o *Observed) endpointOf(pool, owner string) (netip.Addr, bool) {
	if addr, ok := o.claimOf(pool, owner); ok {
		return addr, true
	}
	for _, c := range o.Unclaimed {
		if c.Pool == pool && c.Node == owner {
			return c.Address, true
		}
	}
	return netip.Addr{}, false
}

// joinedOnce tells whether a node of the control plane that was built with the
// authorities at hand has joined: then the API has answered, whatever became of
// the record.
func (o *Observed) joinedOnce() bool {
	return o.Authorities != "" && slices.ContainsFunc(o.Survey.Machines, func(m Machine) bool {
		return m.Marker.Pool == ControlPlanePool && m.Marker.Bootstrap == o.Authorities && m.Phase == PhaseJoined
	})
}

// ready tells whether the cluster's API has answered at least once. A record
// that somebody has deleted does not make a running cluster a new one.
func (o *Observed) ready(isNew bool) bool {
	if o.Record != nil {
		return o.Record.APIReached
	}
	return !isNew && o.joinedOnce()
}

// The phases that a guest reports through guestinfo.gantry.phase.
const (
	PhaseBooting = "booting"
	PhaseKubeadm = "kubeadm"
	PhaseJoined  = "joined"
	PhaseFailed  = "failed"
)

// Remember is the part of an observation that steps follow from. Kept from the
// refresh to the plan, and from the plan to the apply that Terraform plans once
// more, it makes the steps come out the same, whatever has moved in between;
// the apply itself looks again.
func (o *Observed) Remember() *Observed {
	kept := &Observed{
		RecordID: o.RecordID, KubeconfigStale: o.KubeconfigStale, Record: o.Record, Claims: o.Claims, Unclaimed: o.Unclaimed, Survey: &Survey{Unreadable: o.Survey.Unreadable}, Partial: true,
		APIAsked: o.APIAsked, APIError: o.APIError, Packs: o.Packs, Kept: o.Kept, Authorities: o.Authorities,
	}
	for _, m := range o.Survey.Machines {
		kept.Survey.Machines = append(kept.Survey.Machines, Machine{
			Ref: m.Ref, Path: m.Path, UUID: m.UUID, Marker: m.Marker, PoweredOn: m.PoweredOn, Phase: m.Phase, Userdata: m.Userdata,
		})
	}
	if own := o.IPPools[o.OwnPool]; own != nil && own.New {
		kept.OwnPool, kept.IPPools = o.OwnPool, map[string]*IPPool{o.OwnPool: {New: true, Body: record.IPPool{Name: own.Body.Name}}}
	}
	if o.Nodes != nil {
		kept.Nodes = make(map[string]KubeNode, len(o.Nodes))
	}
	for name, n := range o.Nodes {
		n.Labels, n.Annotations = only(n.Labels, n.Managed.Labels), only(n.Annotations, n.Managed.Annotations)
		n.Addresses = nil
		kept.Nodes[name] = n
	}
	return kept
}

// only keeps of a node's many labels those that Gantry has set.
func only(have, managed map[string]string) map[string]string {
	out := map[string]string{}
	for k := range managed {
		if v, ok := have[k]; ok {
			out[k] = v
		}
	}
	return out
}

// nothing is the world before a cluster: what its creation is planned from.
func (s *ClusterSpec) nothing() *Observed {
	o := &Observed{Survey: &Survey{Site: &Site{}}, Partial: true, IPPools: map[string]*IPPool{}}
	if s.Folder != "" {
		o.Survey.Site.MissingFolders = []string{s.Folder}
	}
	if s.OwnPool != nil {
		o.OwnPool = s.OwnPool.Name
		o.IPPools[o.OwnPool] = &IPPool{New: true, Body: *s.OwnPool}
	}
	return o
}

// strangers tells which addresses were passed over because a VM that has no
// claim on them reports them: one warning for each pool, since Terraform shows
// only the first of several that have the same summary.
func (o *Observed) strangers() []Problem {
	var out []Problem
	for _, pool := range o.IPPools {
		if !pool.Registered || o.taken == nil {
			continue
		}
		if passed := o.taken.Avoided(pool.IPPool); len(passed) > 0 {
			out = append(out, Problem{
				Summary: fmt.Sprintf("Addresses of IP pool %q are used by somebody else", pool.Body.Name),
				Detail: fmt.Sprintf("VMs report addresses that it would have handed out and that nobody has claimed: %s. They were passed over. Give the VMs other addresses, or set these as excluded_addresses of the pool.",
					strangerWords(passed)),
			})
		}
	}
	slices.SortFunc(out, func(a, b Problem) int { return cmp.Compare(a.Detail, b.Detail) })
	return out
}

// maxStrangers is how many strangers a message names.
const maxStrangers = 10

// strangerWords name addresses with the VMs that report them.
func strangerWords(strangers map[netip.Addr]string) string {
	var words []string
	for _, addr := range slices.SortedFunc(maps.Keys(strangers), netip.Addr.Compare) {
		if len(words) == maxStrangers {
			words = append(words, fmt.Sprintf("and %d more", len(strangers)-maxStrangers))
			break
		}
		words = append(words, fmt.Sprintf("%s (VM %s)", addr, strangers[addr]))
	}
	return strings.Join(words, ", ")
}
