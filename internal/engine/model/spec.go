package model

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// ControlPlanePool is the name of the node pool of the control plane, in node
// names (`<cluster>-cp-<n>`) and in the record's counters. Worker pools may not
// have it.
const ControlPlanePool = "cp"

// Layers of packs that plans depend on: the pod network, the cloud provider, the CSI driver.
const (
	LayerCNI = "cni"
	LayerCPI = "cpi"
	LayerCSI = "csi"
)

// DefaultDrainTimeout bounds the eviction of a node's pods.
const DefaultDrainTimeout = 10 * time.Minute

// ClusterSpec is the desired state of one cluster or gateway. Both go through the
// same planner and the same steps: a gateway is a cluster with a fixed shape and
// an agent pack.
type ClusterSpec struct {
	// Ref names it in the ledger: kind, gateway and name.
	record.Ref
	// ID is random for clusters and derived from the name for gateways.
	ID uuid.UUID
	// New says that no state holds it: a finished one of the same name belongs to
	// another state, and an unfinished one is taken over.
	New bool
	// Incarnation is the creation that the spec belongs to: a new one of a new spec,
	// the state's of another.
	Incarnation record.Incarnation
	// Known are the VMs that were there when the state was written. One that is not in
	// the inventory any more is asked for by its reference: not seen is not gone.
	Known []KnownMachine

	// NameTemplate is that of the names of nodes to come; empty: the default one.
	NameTemplate string

	// Description and Tags are for people: they are kept in the record and shown
	// in the notes of the VMs.
	Description string
	Tags        map[string]string
	// VMTags are the tags of vSphere that all VMs of the cluster get.
	VMTags []VMTag

	KubernetesVersion string // "1.37.2", without a leading v
	Image             Image

	Datacenter string
	Folder     string // VM folder path below the datacenter's; empty: its root
	// FolderRef is what Folder means, where Resolved has set it.
	FolderRef   string
	PodCIDR     string
	ServiceCIDR string

	// Allocation is how nodes get their addresses, and LoadBalancer what fronts the control
	// plane where they take leases.
	Allocation   Allocation
	LoadBalancer LoadBalancer

	ControlPlane NodePool
	Workers      []NodePool // sorted by name

	SSHAuthorizedKeys []string
	NTPServers        []string
	Proxy             *Proxy
	// InheritProxy has a creation take the proxy of its gateway, as the gateway's record has
	// it. GatewayProxy is what a cluster has taken so, and keeps.
	InheritProxy bool
	GatewayProxy *record.Proxy
	// Registry is how nodes reach image registries, and where their own images come from.
	Registry bootstrap.Registry
	// Settings are those of the components of Kubernetes.
	Settings bootstrap.Settings
	// BuiltWith identifies the five above, builtSetups the setups of the node pools by
	// their names, noSettings that there are no settings, and configIdentity what joining
	// nodes read of them; SetBuiltWith derives them.
	BuiltWith      BuiltWith
	builtSetups    map[string]string
	noSettings     BuiltWith
	configIdentity string
	CloneMode      CloneMode

	// EncryptionVersion is that of the key with which Secrets are encrypted in etcd;
	// Unencrypted: they are not.
	EncryptionVersion int

	// ReservedRanges are ranges of IP pools for services, sorted by name.
	ReservedRanges []ReservedRange

	Packs []Pack // in the order in which they are applied
	// RefuseConflicts has a plan refuse an override of what the profile has changed, of which
	// it warns otherwise.
	RefuseConflicts bool
	// Account is what packs log in to vCenter as; nil: it is not known.
	Account *Account

	// OmitAuthorities leaves the certificate authorities out of what the cluster
	// stores of itself.
	OmitAuthorities bool

	// ReplaceNodes are the names of nodes that a user wants to have built anew. One that
	// was replaced stays here, and means nothing more: names are not used again.
	ReplaceNodes []string
	// Repair is how nodes are repaired whose VMs run; nil: they are not.
	Repair *Repair

	// Restarts are the nodes that a plan has shown to be restarted; nil: there was no plan. Of
	// which a command has failed only since waits for the next one.
	Restarts map[string]bool
	// Spreads are the compute clusters whose anti-affinity rules a plan has shown to be
	// changed, and Placed those whose VM groups; nil: there was no plan. What only became due
	// since waits for the next one.
	Spreads, Placed map[string]bool
	// SetsBack are the packs whose objects a plan has shown to be set back; nil: there was no plan. That
	// objects of others have changed since waits for the next one.
	SetsBack map[string]bool
	// Reinstalls are the packs whose charts a plan has shown to be installed, as one that is gone.
	Reinstalls map[string]bool

	// UsageLimits are those of what nodes use, by which a status judges the moment in which it
	// is read; nil: there are none.
	UsageLimits *UsageLimits

	// EtcdSnapshots is where a snapshot of etcd is written to before a member leaves it;
	// nil: none is taken, which no resource asks for.
	EtcdSnapshots *EtcdSnapshots

	// Reset identifies the reset that the control plane is to be built for: of another
	// one than that it was built for, it is built anew. Empty: as it is.
	Reset string
	// Restore is the snapshot that the first node begins with instead of an empty etcd, and
	// Reset its ID; nil: none.
	Restore *Restore

	// OwnIPPool is the inline IP pool of a gateway, created and deleted with it;
	// nil where it uses a registered one.
	OwnIPPool *record.IPPool
}

// Target identifies a cluster or gateway of which no spec is at hand.
type Target struct {
	record.Ref
	ID uuid.UUID
	// Incarnation is the creation that the state comes from; empty: not known.
	Incarnation record.Incarnation
	// OwnIPPool is the name of a gateway's inline IP pool; empty: it has none.
	OwnIPPool string
	// Parents are what the state says that it depends on, the cloud account: where the
	// record is lost, nothing else does.
	Parents []uuid.UUID
	// Known is as in ClusterSpec.
	Known []KnownMachine
	// IPPools are those that the state names: where the record is lost, no VM names one of which
	// there are only reserved ranges.
	IPPools []uuid.UUID
	// NameTemplate is as in ClusterSpec: it matters where the record is lost.
	NameTemplate string
	// RepairsNotReady says that for how long nodes are not Ready matters.
	RepairsNotReady bool
	// Packs are those of which it is looked whether their objects have changed.
	Packs []Pack
}

// Target identifies what the spec describes.
func (s *ClusterSpec) Target() Target {
	t := Target{
		Ref: s.Ref, ID: s.ID, Incarnation: s.Incarnation, Known: s.Known, IPPools: s.IPPools(), RepairsNotReady: s.Repair != nil,
	}
	t.NameTemplate = s.NameTemplate
	for _, pack := range s.Packs {
		if !pack.IgnoresDrift {
			t.Packs = append(t.Packs, pack)
		}
	}
	if s.OwnIPPool != nil {
		t.OwnIPPool = s.OwnIPPool.Name
	}
	return t
}

// Supersedes reports whether a VM of the control plane was built before the reset that
// the spec asks for. A creation builds its own.
func (s *ClusterSpec) Supersedes(m Marker) bool {
	return !s.New && s.Reset != "" && m.Reset != s.Reset && m.ControlPlane()
}

// NodePools lists the control plane and then the worker pools.
func (s *ClusterSpec) NodePools() []NodePool {
	return append([]NodePool{s.ControlPlane}, s.Workers...)
}

// VersionOf is the version of Kubernetes that the nodes of a pool are built for.
func (s *ClusterSpec) VersionOf(pool NodePool) string {
	return cmp.Or(pool.KubernetesVersion, s.KubernetesVersion)
}

// ImageOf is the image that the nodes of a pool are built from.
func (s *ClusterSpec) ImageOf(pool NodePool) Image {
	if pool.Image.Template == "" {
		return s.Image
	}
	return pool.Image
}

// NodePool returns the node pool of that name.
func (s *ClusterSpec) NodePool(name string) (NodePool, bool) {
	for _, pool := range s.NodePools() {
		if pool.Name == name {
			return pool, true
		}
	}
	return NodePool{}, false
}

// IPPools are the ids of the IP pools that the placements and reserved ranges name, each
// once.
func (s *ClusterSpec) IPPools() []uuid.UUID {
	var ids []uuid.UUID
	add := func(id uuid.UUID) {
		if id != uuid.Nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, pool := range s.NodePools() {
		for _, place := range pool.Placements {
			add(place.IPPoolID)
		}
	}
	for _, r := range s.ReservedRanges {
		add(r.IPPoolID)
	}
	return ids
}

// HasCNI reports whether a pack brings the pod network.
func (s *ClusterSpec) HasCNI() bool { return s.hasLayer(LayerCNI) }

// HasCPI reports whether a pack brings the cloud provider. Then the kubelet of every node
// leaves it tainted until that has initialized it.
func (s *ClusterSpec) HasCPI() bool { return s.hasLayer(LayerCPI) }

func (s *ClusterSpec) hasLayer(layer string) bool {
	return slices.ContainsFunc(s.Packs, func(k Pack) bool { return k.Layer == layer })
}

// NodePool is a group of nodes that are alike.
type NodePool struct {
	Name        string // ControlPlanePool, or the key of the worker pool
	Count       int
	CPU         int32
	MemoryGB    int64
	DiskGB      int64 // 0: the template's
	MinDiskGB   int64 // of the template's disk, where DiskGB is 0
	Schedulable bool  // control plane only: leave out the control-plane taint
	Meta        NodeMeta
	Placements  []Placement // nodes go round-robin over them

	// KubernetesVersion and Image are the pool's own; empty: the cluster's. Worker pools
	// only, which may stay behind the control plane.
	KubernetesVersion string
	Image             Image

	// AnyPlacement has a node that its placement has no room for built on another one.
	AnyPlacement bool

	// Spread is over what nodes are kept apart; those of the control plane always are over
	// hosts.
	Spread Spread

	// Setup is what is done on each node beside its bootstrap.
	Setup bootstrap.Setup

	// DrainTimeout bounds the eviction of a node's pods before it is deleted.
	DrainTimeout time.Duration
	// Strategy is how nodes are replaced; empty: expand-first. Worker pools only.
	Strategy RollStrategy
	// MaxSurge is how many nodes more than Count an expand-first rollout may make, and
	// MaxUnavailable how many fewer a contract-first one may leave; 0: one.
	MaxSurge       int
	MaxUnavailable int
	// NodePause is how long a rollout waits before it goes on to the next nodes.
	NodePause time.Duration
}

// ControlPlane reports whether the pool is the control plane.
func (p *NodePool) ControlPlane() bool { return p.Name == ControlPlanePool }

// LoadBalancer reports whether the pool is that of the load balancer.
func (p *NodePool) LoadBalancer() bool { return p.Name == LoadBalancerPool }

// Words name the pool in messages.
func (p *NodePool) Words() string {
	switch {
	case p.ControlPlane():
		return "the control plane"
	case p.LoadBalancer():
		return "the load balancer"
	}
	return fmt.Sprintf("worker pool %q", p.Name)
}

// Role is the role of the pool's nodes.
func (p *NodePool) Role() Role {
	switch {
	case p.ControlPlane():
		return RoleControlPlane
	case p.LoadBalancer():
		return RoleLoadBalancer
	}
	return RoleWorker
}

// NodeMeta is the metadata of Kubernetes nodes that users set.
type NodeMeta struct {
	Labels      map[string]string
	Annotations map[string]string
	Taints      []Taint
}

// Empty reports whether there is nothing to set.
func (m NodeMeta) Empty() bool {
	return len(m.Labels)+len(m.Annotations)+len(m.Taints) == 0
}

// Taint is a Kubernetes node taint.
type Taint struct{ Key, Value, Effect string }

// CloneMode is how a node's disks are made from the template's.
type CloneMode string

// The clone modes. Auto is linked where snapshot, datastore and disk size allow
// it, full elsewhere.
const (
	CloneAuto   CloneMode = "auto"
	CloneLinked CloneMode = "linked"
	CloneFull   CloneMode = "full"
)
