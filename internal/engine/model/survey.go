package model

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/google/uuid"
)

// SurveyRequest says what a survey looks for.
type SurveyRequest struct {
	Cluster uuid.UUID // machines whose marker names it
	// Names are the inventory names to resolve; nil: none, as in a destruction.
	Names *Names
	// MaxAge is how old the shared read of the inventory may be; 0: it begins after
	// the call.
	MaxAge time.Duration
}

// Names are the inventory names that a spec uses.
type Names struct {
	Datacenter string
	Image      Image
	Folder     string
	Placements map[PlacementRef]Placement
}

// Names are the inventory names of the spec.
func (s *ClusterSpec) Names() *Names {
	n := &Names{
		Datacenter: s.Datacenter,
		Image:      s.Image,
		Folder:     s.Folder,
		Placements: map[PlacementRef]Placement{},
	}
	for _, pool := range s.NodePools() {
		for i, place := range pool.Placements {
			n.Placements[PlacementRef{NodePool: pool.Name, Index: i}] = place
		}
	}
	return n
}

// Survey is one consistent observation of vCenter.
type Survey struct {
	// Machines are the VMs that carry the cluster's marker, wherever they were
	// moved and whatever they are called now.
	Machines []Machine
	// Unreadable are the names of VMs whose configuration vCenter does not return
	// now: being made, or on storage that is not accessible. They may carry the
	// marker: unknown is not gone.
	Unreadable []string
	// Reported maps every address that a VM of this vCenter reports through its
	// guest tools or carries in a Gantry marker to the inventory path of that VM.
	Reported map[netip.Addr]string
	// NICs are the network cards of all VMs of this vCenter, by MAC address.
	NICs map[string][]NIC
	// Held lists the claims that the markers of all Gantry VMs account for.
	Held []Holding

	// Notes are the notes of the machines, by reference.
	Notes map[string]string

	Site     Site
	Findings []Finding // names that could not be resolved, each on its field
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
	Folder     Folder
	Placements map[PlacementRef]ResolvedPlacement
}

// Folder is the VM folder of a cluster.
type Folder struct {
	Ref string // empty while any part of the path is missing
	// Missing are the paths that CreateFolder would make, outermost first.
	Missing []string
}

// Template is the node image.
type Template struct {
	Ref       string
	Path      string
	Snapshot  string // reference of the current snapshot; empty: none
	Datastore string // reference
	DiskGB    int64  // size of the first disk, rounded up
}

// ResolvedPlacement is a placement in references.
type ResolvedPlacement struct {
	ComputeCluster     string
	ComputeClusterName string
	Datastore          string
	Network            Network
	ResourcePool       string
}

// Complete reports whether every part was resolved.
func (p ResolvedPlacement) Complete() bool {
	return p.ComputeCluster != "" && p.Datastore != "" && p.Network.Ref != "" && p.ResourcePool != ""
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

// Zone is the topology of one placement; either part may be empty.
type Zone struct{ Region, Zone string }

// Machine is a VM that carries a marker of the cluster.
type Machine struct {
	Ref       string
	Path      string // inventory path
	UUID      string // instance UUID
	Marker    Marker
	PoweredOn bool
	Phase     string // guestinfo.gantry.phase
	Userdata  bool   // bootstrap data is still in the configuration
}

// The phases that a guest reports through guestinfo.gantry.phase.
const (
	PhaseBooting = "booting"
	PhaseKubeadm = "kubeadm"
	PhaseJoined  = "joined"
	PhaseFailed  = "failed"
)

// Disk is a virtual disk of a machine.
type Disk struct {
	Key   int32
	File  string // [datastore] path
	Owned bool   // made by the clone: its file lies in the VM's own folder under the VM's own disk name
}
