package model

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// SurveyRequest says what a survey looks for.
type SurveyRequest struct {
	Cluster uuid.UUID // machines whose marker names it
	// Known are the references of machines that were there before. Of those that the
	// inventory does not show, the survey says which are gone.
	Known []string
	// Names are the inventory names to resolve; nil: none, as in a destruction.
	Names *Names
	// Folder (a reference) and Name are where Holder is looked up; empty: nowhere.
	Folder, Name string
	// MaxAge is how old the shared read of the inventory may be; 0: it begins after
	// the call.
	MaxAge time.Duration
	// TemplateMaxAge is how old what is read of templates may be. No lock of a cluster
	// protects a template: this may be more than 0 under a lock, too.
	TemplateMaxAge time.Duration
}

// Names are the inventory names that a spec uses.
type Names struct {
	Datacenter string
	Image      Image
	// PoolImages are the images of the worker pools that have their own.
	PoolImages map[string]Image
	Folder     string
	Placements map[PlacementRef]Placement
	// KnownDatacenter is the reference of the datacenter and KnownFolder the path of the
	// folder that the cluster is in: what was renamed is found by them, and by the markers
	// of its machines.
	KnownDatacenter, KnownFolder string
}

// StoragePolicies are the names of the storage policies, sorted.
func (n *Names) StoragePolicies() []string {
	if n == nil {
		return nil
	}
	names := map[string]bool{}
	for _, place := range n.Placements {
		if place.StoragePolicy != "" {
			names[place.StoragePolicy] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// Names are the inventory names of the spec.
func (s *ClusterSpec) Names() *Names {
	n := &Names{
		Datacenter: s.Datacenter,
		Image:      s.Image,
		Folder:     s.Folder,
		PoolImages: map[string]Image{},
		Placements: map[PlacementRef]Placement{},
	}
	for _, pool := range s.NodePools() {
		if pool.Image.Template != "" {
			n.PoolImages[pool.Name] = pool.Image
		}
		for i, place := range pool.Placements {
			n.Placements[PlacementRef{NodePool: pool.Name, Index: i}] = place
		}
	}
	if image := s.LoadBalancer.Image; s.DHCP() && image.Template != "" {
		n.PoolImages[LoadBalancerPool] = image
	}
	return n
}

// Survey is one consistent observation of vCenter.
type Survey struct {
	// APIVersion is the version of vCenter's API, such as 8.0.2.0; empty: not known.
	APIVersion string
	// Machines are the VMs that carry the cluster's marker, wherever they were
	// moved and whatever they are called now.
	Machines []Machine
	// Unseen are the machines of SurveyRequest.Known that the inventory does not show, or
	// shows without the cluster's marker, and of which vCenter does not say that they are
	// gone, and why that may be, by reference. What is in Unreadable is not among them.
	Unseen map[string]string
	// Unreadable are VMs whose configuration vCenter does not return now: being made, or
	// on storage that is not accessible. They may carry the marker: unknown is not gone.
	Unreadable []UnreadableVM
	// Holder is the path of the VM that has the asked name in the asked folder and is
	// not one of Machines, nor one of which vCenter returns no configuration now. HolderOf
	// is its marker, where it is a node of another cluster; nil: it has none.
	Holder   string
	HolderOf *Marker
	// Reported maps every address that a VM of this vCenter reports through its
	// guest tools or carries in a Gantry marker to the inventory path of that VM.
	Reported map[netip.Addr]string
	// NICs are the network cards of all VMs of this vCenter, by MAC address.
	NICs map[string][]NIC
	// Held lists the claims that the markers of all Gantry VMs account for, each once.
	Held []Holding

	// Notes are the notes of the machines, by reference.
	Notes map[string]string

	// Rules are the anti-affinity rules of the cluster, and Hosting is where its machines are,
	// by node pool and compute cluster.
	Rules   []Rule
	Hosting []Hosting
	// Groups keep machines on the hosts of host groups.
	Groups []HostedGroup
	// VMGroups are those that others have made, with the machines that are in them.
	VMGroups []VMGroup

	// HeldDisks are the disks of the machines that their snapshots hold, by reference.
	HeldDisks map[string][]HeldDisk

	Site Site
	// Findings are what is wrong with the names, each on its field: problems are those
	// that could not be resolved, or not to what nodes can be built with.
	Findings Findings
}

// UnreadableVM is a VM of this vCenter, of whichever cluster, of which no more is known now.
type UnreadableVM struct {
	Ref    string
	Name   string // in the inventory
	Path   string
	Folder string // as of Machine
}

// NIC is a network card of any VM.
type NIC struct {
	UUID    string // instance UUID of its VM
	Network string // as Network.Key; empty where vCenter does not say
}

// Holding is a claim that the marker of a VM accounts for.
type Holding struct {
	IPPool  uuid.UUID
	Address netip.Addr
	Cluster uuid.UUID
	Node    string // node name, OwnerVIP or OwnerExtra
}

// Site is where a cluster goes, in references. Each name is resolved on its own:
// the part of one that was not found is empty, and Survey.Findings says why.
type Site struct {
	Datacenter string // reference
	Template   Template
	// Base is what the image is to be built of, where that is a template and there is no image.
	Base Template
	// BaseRef is the template that the image is built of, or was, where there is one of its name.
	BaseRef string
	// ImageFolder is where images are made.
	ImageFolder ImageFolder
	// PoolTemplates are those of the worker pools that have an image of their own.
	PoolTemplates map[string]Template
	// Contents are what images from content libraries mean, by worker pool, empty for the
	// cluster's: also of those of which no template was made yet.
	Contents   map[string]LibraryContent
	Folder     Folder
	Placements map[PlacementRef]ResolvedPlacement
}

// ComputeClusters are the references of those that nodes are placed on, sorted.
func (s Site) ComputeClusters() []string {
	var refs []string
	for _, place := range s.Placements {
		if place.ComputeCluster != "" {
			refs = append(refs, place.ComputeCluster)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// TemplateOf is the template of a pool's nodes; one without a reference was not found.
func (s Site) TemplateOf(pool NodePool) Template {
	if pool.Image.Template == "" {
		return s.Template
	}
	return s.PoolTemplates[pool.Name]
}

// Folder is the VM folder of a cluster.
type Folder struct {
	Ref string // empty while any part of the path is missing
	// Levels are the folders of the path that there are, outermost first. Of one that was
	// renamed or moved, the path is where it is now.
	Levels []record.Folder
	// Parent is the reference of the innermost folder of the path that there is while a part
	// is missing: the last of Levels, or the datacenter's own.
	Parent string
	// Missing are the paths that CreateFolder would make, outermost first.
	Missing []string
	// VMs are the inventory paths of the VMs and templates in it, by name.
	VMs map[string]string
}

// ImageFolder is a folder of images, or the one above it in which it will be.
type ImageFolder struct {
	Ref, Path string
	Missing   bool // it is the one above
}

// Template is the node image: a template or a powered-off VM with one disk.
type Template struct {
	Ref       string
	Path      string
	IsVM      bool   // it is a VM, and no template
	Snapshot  string // reference of the current snapshot; empty: none
	Datastore string // reference
	DiskGB    int64  // size of the disk, rounded up
	// UsedGB is what a full clone of the disk takes at first: less than DiskGB where
	// the disk is thin.
	UsedGB int64
	// BaseVersion is, of a template that Gantry has built, that of its base.
	BaseVersion string
	// SnapshotDisks is how many disks the snapshot has, which a linked clone gets.
	SnapshotDisks int
}

// Network is a standard or opaque network, or a distributed port group.
type Network struct {
	Ref  string
	Type string // managed object type: Network, DistributedVirtualPortgroup, OpaqueNetwork
	Name string
	Path string // inventory path
	// For a distributed port group: its key and its switch's UUID.
	PortgroupKey string
	SwitchUUID   string
}

// Key identifies the network among all that network cards are connected to.
func (n Network) Key() string { return cmp.Or(n.PortgroupKey, n.Ref) }

// Machine is a VM that carries a marker of the cluster.
type Machine struct {
	Ref       string
	Path      string // inventory path
	Folder    string // reference of the folder that it is in; empty: a vApp's
	UUID      string // instance UUID
	Marker    Marker
	Template  string // inventory path, as it is now, of what it was cloned from; empty: not in the inventory
	PoweredOn bool
	Userdata  bool // bootstrap data is still in the configuration
	// Booted says that its guest has read its bootstrap data, and has removed it.
	Booted bool `json:",omitzero"`
	// Phase is what its guest reported last, while it has power.
	Phase string `json:",omitzero"`
	// Address is the lease that its guest bootstrapped with, and Lease the one that it has
	// now, where that is another one. Neither is valid before the guest has reported it since
	// its last boot.
	Address netip.Addr `json:",omitzero"`
	Lease   netip.Addr `json:",omitzero"`
	// Backends are what a load balancer is told to forward to, as bootstrap.Backends has them.
	Backends string `json:",omitzero"`
	// VMTags are the tags that the machine has of those of the record and the spec.
	VMTags []uuid.UUID `json:",omitempty"`
}

// LeaseChanged reports whether the machine has another lease than the one that it
// bootstrapped with.
func (m *Machine) LeaseChanged() bool {
	return m.Lease.IsValid() && m.Address.IsValid() && m.Lease != m.Address
}

// The phases that a guest reports through guestinfo.gantry.phase. They are diagnosis:
// whether a node has joined is what the cluster's API says.
const (
	PhaseKubeadm = "kubeadm"
	PhaseFailed  = "failed"
	// PhaseInitFailed is of a first node on which kubeadm init did not end well once there was
	// an API server, which may serve.
	PhaseInitFailed = "init_failed"
	// PhaseResuming is of a node that boots again, and has joined, or, as the first one, has an
	// API server: it may serve beside that.
	PhaseResuming = "resuming"
	// PhasePost is of a node that has joined and runs the commands of post_bootstrap, and
	// PhasePostFailed of one where one of these failed.
	PhasePost       = "post_bootstrap"
	PhasePostFailed = "post_bootstrap_failed"
	PhaseJoined     = "joined"
)

// The phases of a load balancer, beside PhaseFailed.
const (
	PhaseWaiting = bootstrap.PhaseWaiting
	PhaseServing = bootstrap.PhaseServing
)

// HasJoined reports whether a guest in a phase says that its node has joined.
func HasJoined(phase string) bool {
	return phase == PhasePost || phase == PhasePostFailed || phase == PhaseJoined
}

// Disk is a virtual disk of a machine.
type Disk struct {
	Key   int32
	File  string // [datastore] path
	Owned bool   // made by the clone: its file lies in the VM's own folder under the VM's own disk name
}

// DatastoreFolder is a folder at the top of a datastore.
type DatastoreFolder struct {
	Datacenter, Datastore string // references
	Name                  string
}
