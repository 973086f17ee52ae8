package simulator

import (
	"net/netip"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// Defaults of Options.
const (
	DefaultUsername = "administrator@vsphere.local"
	DefaultPassword = "VMware1!simulated"
	DefaultVersion  = "8.0.3"
)

// The node template that the demo uses, and what its image holds.
const (
	DefaultKubernetesVersion = "1.37.2"
	DefaultTemplate          = "gantry-node-" + DefaultKubernetesVersion
)

// Options say how a simulated datacenter is set up. The zero value is a whole
// datacenter on loopback addresses that the system picks.
type Options struct {
	// Listen is the host:port of vCenter; default 127.0.0.1:0.
	Listen string
	// ProxyListen is the host:port of the HTTP CONNECT proxy into the simulated
	// guest network; default 127.0.0.1:0.
	ProxyListen string
	// ControlListen is the host:port of the control API; empty: none.
	ControlListen string

	Username, Password string
	// Users are more accounts, user name to password.
	Users map[string]string
	// Version is vCenter's version, e.g. 8.0.3.
	Version string
	// InstanceUUID identifies the vCenter; default: a new one.
	InstanceUUID string

	// Latency is added to every vCenter call.
	Latency time.Duration
	// TaskDuration is how long a task runs at least, by vCenter's clock, which
	// AdvanceClock moves. Tasks of different
	// objects run side by side.
	TaskDuration time.Duration
	// CloneDuration is what a clone takes beyond that.
	CloneDuration time.Duration
	// LateNames lets a clone take its name at its end, where it may be another VM's by
	// then. Without, the name is taken from the clone's start, and the VM is not seen
	// before its end.
	LateNames bool
	// BootDelay is what the guests take for each phase of their boot.
	BootDelay time.Duration
	// JoinTimeout is how long a guest waits for the API that it joins; default
	// one minute of real time.
	JoinTimeout time.Duration
	// ImportTimeout is how long the lease of an import lives without a report of progress, by
	// vCenter's clock, in whole seconds; default five minutes.
	ImportTimeout time.Duration
	// PodDelay is how long static pods of guests take until they are Ready; default a
	// twentieth of a second of real time.
	PodDelay time.Duration
	// AtJoin is told how far the join of a node has come, by the VM's name;
	// an error ends the join there.
	AtJoin func(vm string, stage guest.JoinStage) error

	// Real makes the machines boot real Kubernetes in namespaces of Linux, instead of
	// strict imitations. BootDelay, JoinTimeout, PodDelay and AtJoin then mean nothing.
	Real *machine.Options

	// Recording is the directory of a vCenter's recording, as govc object.save writes
	// it. Its inventory takes the place of the standard one, of which the ledger's
	// category is left.
	Recording string
	Inventory Inventory
	// Faults are rules that are in force from the start.
	Faults []Fault
}

// Inventory changes what a simulated datacenter holds. The zero value is the
// standard one: datacenters dc-1 and dc-2, compute clusters, datastores,
// networks, resource pools, folders, templates and zone tags.
type Inventory struct {
	// HostsPerCluster is the number of hosts of each compute cluster; default 3.
	HostsPerCluster int
	// Templates are more node templates in dc-1's folder templates.
	Templates []Template
	// WithoutZoneTags leaves out the k8s-region and k8s-zone tags.
	WithoutZoneTags bool
	// LedgerCategory creates the tag category gantry, as an administrator would.
	LedgerCategory bool
	// DatastoreClusters are datastore clusters of dc-1.
	DatastoreClusters []DatastoreCluster
	// HostGroups are host groups of DRS.
	HostGroups []HostGroup
	// VMGroups are VM groups of DRS, of an administrator.
	VMGroups []VMGroup
	// StoragePolicies are the storage policies of vCenter.
	StoragePolicies []StoragePolicy
	// Libraries are the content libraries of vCenter.
	Libraries []Library
	// OtherVMs is the number of running VMs that Gantry does not own, with
	// addresses on dvpg-nodes and dvpg-b, in folders below /dc-1/vm/other;
	// at most MaxOtherVMs.
	OtherVMs int
	// OtherHosts is the number of hosts of dc-1 beside those of its standard compute
	// clusters, in compute clusters of at most 50 that are named other-1 and so on.
	OtherHosts int
}

// DatastoreCluster is a datastore cluster in the inventory. Its datastores are made with it,
// and all hosts of its datacenter mount them.
type DatastoreCluster struct {
	Name       string
	Datastores []string
	StorageDRS bool // is on
}

// StoragePolicy is a storage policy, with the names of the datastores that are compatible.
type StoragePolicy struct {
	Name       string
	Datastores []string
}

// Library is a content library.
type Library struct {
	Name string
	// Subscribed has its items from another library, and their content where that was
	// synchronized.
	Subscribed bool
	Items      []LibraryItem
}

// LibraryItem is an item of a content library, in its first version.
type LibraryItem struct {
	Name string
	// Type is that of vCenter, such as iso; default ovf, or vm-template where Template is set.
	Type       string
	Descriptor string // the OVF
	Template   string // name of the template that is the item
	EULAs      []string
	// NetworkGone has the network cards of Template on a network that no host has any more.
	NetworkGone bool
	// WithoutContent has no content yet: in a subscribed library it can be synchronized.
	WithoutContent bool
}

// Template is a node image in the inventory.
type Template struct {
	Name              string
	KubernetesVersion string // what kubeadm is in the image, e.g. 1.34.2; guest.NoKubernetes: a plain distribution
	// System is one of those in Options.Real that the image's machines boot as a whole;
	// empty: the host's.
	System    string
	Snapshot  bool   // needed for linked clones
	DiskGB    int64  // default 20
	Datastore string // default shared-1
	Disks     int    // default 1
	// GuestID and GuestName are the guest system as vCenter has it; default is Ubuntu.
	GuestID, GuestName string
	HardwareVersion    string // default vmx-19
	Encrypted          bool   // with a key of a key provider
	GPU                bool   // passed through from a host
}

// Names of the standard inventory.
const (
	PrimaryDatacenter   = "dc-1"
	SecondaryDatacenter = "dc-2"
	LedgerCategoryName  = "gantry"
)

func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.ProxyListen == "" {
		o.ProxyListen = "127.0.0.1:0"
	}
	if o.Username == "" {
		o.Username = DefaultUsername
	}
	if o.Password == "" {
		o.Password = DefaultPassword
	}
	if o.Version == "" {
		o.Version = DefaultVersion
	}
	if o.ImportTimeout <= 0 {
		o.ImportTimeout = 5 * time.Minute
	}
	if o.Inventory.HostsPerCluster <= 0 {
		o.Inventory.HostsPerCluster = 3
	}
	return o
}

func standardTemplates() []Template {
	return []Template{
		{Name: DefaultTemplate, KubernetesVersion: DefaultKubernetesVersion, Snapshot: true},
		{Name: DefaultTemplate + "-nosnap", KubernetesVersion: DefaultKubernetesVersion},
		{Name: "gantry-node-1.36.3", KubernetesVersion: "1.36.3", Snapshot: true},
		{Name: "gantry-node-1.34.2", KubernetesVersion: "1.34.2", Snapshot: true},
	}
}

// segments are the real prefixes of the networks whose addressing is known;
// on any other network a guest may have any address.
var segments = map[string]netip.Prefix{
	"dvpg-nodes": netip.MustParsePrefix("10.10.128.0/18"),
}
