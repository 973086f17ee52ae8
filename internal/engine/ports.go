package engine

import (
	"context"
	"net/netip"
	"time"
)

// Field names an attribute of the public contract, for errors: `name`,
// `control_plane.placement.datastore`, `worker_pools["general"].placements[0].network`.
type Field string

// VCenter is what the engine needs of vSphere. The adapter behind it retries
// nothing but a lost session; budgets and backoff are the runner's.
//
// Errors: a call fails with an error for which Transient answers true when the
// same call may work a moment later, and with ErrPermission where a privilege
// is missing. Absence is never an error of Survey: it is what the survey says.
type VCenter interface {
	// InstanceUUID identifies the vCenter (ServiceContent.About.InstanceUuid).
	InstanceUUID(ctx context.Context) (string, error)

	// Survey reads everything that a plan needs in a constant number of calls,
	// however many nodes there are.
	Survey(ctx context.Context, req SurveyRequest) (*Survey, error)

	// Zones reads the k8s-region tag of the datacenter and the k8s-zone tags of
	// the compute clusters, keyed by compute cluster reference.
	Zones(ctx context.Context, datacenter string, computeClusters []string) (map[string]Zone, error)

	// CreateFolder makes the missing part of a VM folder path below the
	// datacenter's VM folder, and answers the folder's reference and the paths
	// that this call created, outermost first.
	CreateFolder(ctx context.Context, datacenter, path string) (ref string, created []string, err error)
	// DeleteFolder deletes an empty folder by its path and leaves one with
	// anything in it alone. A folder that is gone is success.
	DeleteFolder(ctx context.Context, datacenter, path string) error

	// Clone starts one clone task and does not wait for it.
	Clone(ctx context.Context, c CloneRequest) (task string, err error)
	// WipeUserdata removes the bootstrap data from a VM's configuration; a task.
	WipeUserdata(ctx context.Context, vm string) (task string, err error)
	PowerOff(ctx context.Context, vm string) (task string, err error)
	// DetachDisks removes disks from a powered-off VM and keeps their files; a task.
	DetachDisks(ctx context.Context, vm string, keys []int32) (task string, err error)
	// Destroy deletes a VM and its files; a task.
	Destroy(ctx context.Context, vm string) (task string, err error)

	// Poll reads the state of all the given tasks and VMs in one batched call.
	// A reference that vCenter no longer knows is in Gone.
	Poll(ctx context.Context, req PollRequest) (*PollResult, error)
}

// SurveyRequest says what a survey looks for.
type SurveyRequest struct {
	ClusterID string // machines whose marker names it
	// Datacenter, with Names, is resolved when it is not empty. On the way down
	// nothing needs to be resolved.
	Datacenter string
	Names      *Names
}

// Names are the inventory names that a spec uses.
type Names struct {
	Template      string
	ImageFolder   string
	TemplateField Field
	Folder        string
	Placements    []PlacementNames
}

// PlacementNames is one placement and the attribute that holds it.
type PlacementNames struct {
	Field Field // e.g. control_plane.placement
	Placement
}

// Survey is one consistent look at vCenter.
type Survey struct {
	// Machines are the VMs that carry the cluster's marker, wherever they were
	// moved and whatever they are called now.
	Machines []Machine
	// Reported maps every address that a VM of this vCenter reports through its
	// guest tools or carries in a Gantry marker to the inventory path of that VM.
	Reported map[netip.Addr]string
	// Held lists the claims that the markers of all Gantry VMs account for.
	Held []Holding

	// Unreadable are the names of VMs whose configuration vCenter does not tell
	// now: half made, or on storage that is out. Whose they are is unknown, and
	// unknown is not gone.
	Unreadable []string

	Site     *Site     // nil unless everything but placements was resolved
	Problems []Problem // what could not be resolved, each on its attribute
}

// Holding is an address that an existing VM's marker names.
type Holding struct {
	Pool    string
	Address netip.Addr
	Cluster string
	Node    string
}

// Problem is a plan-time finding about one attribute.
type Problem struct {
	Field   Field
	Summary string
	Detail  string // what was looked for, where, what there is instead
}

// Site is where a cluster goes, resolved to references.
type Site struct {
	Datacenter string
	Template   Template
	Folder     string // reference; empty when it does not exist yet
	// MissingFolders are the paths that CreateFolder would make.
	MissingFolders []string
	Placements     []ResolvedPlacement // same order as the request's; empty where it has problems
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

// Network is a standard or opaque network, or a distributed port group.
type Network struct {
	Ref  string
	Type string // managed object type: Network, DistributedVirtualPortgroup, OpaqueNetwork
	Name string
	Path string // inventory path
	// For a distributed port group: its key and its switch's UUID.
	PortgroupKey, SwitchUUID string
}

// Zone is the topology of one placement; either part may be empty.
type Zone struct{ Region, Zone string }

// Machine is a VM that carries a marker of the cluster.
type Machine struct {
	Ref       string
	Path      string // inventory path
	UUID      string // instance UUID
	Marker    Marker
	PoweredOn bool
	Addresses []netip.Addr // what the guest reports
	Phase     string       // guestinfo.gantry.phase
	LogTail   string       // guestinfo.gantry.log
	Userdata  bool         // bootstrap data is still in the configuration
	Disks     []Disk
	CloneMode CloneMode
}

// Disk is a virtual disk of a machine.
type Disk struct {
	Key   int32
	File  string // [datastore] path
	Owned bool   // made by the clone: its file lies in the VM's own folder under the VM's own disk name
}

// CloneRequest is everything about a new VM; one call makes it.
type CloneRequest struct {
	Name      string
	UUID      string // instance UUID
	Template  Template
	Folder    string
	Placement ResolvedPlacement
	CPU       int32
	MemoryGB  int64
	DiskGB    int64
	Mode      CloneMode // linked or full
	Marker    Marker
	GuestInfo map[string]string
	Notes     string
}

// PollRequest names what a batched read looks at. Disks is the subset of VMs
// whose disks are read too: what is attached is looked at right before a VM is
// destroyed, never remembered from a plan.
type PollRequest struct{ Tasks, VMs, Disks []string }

// PollResult is what a batched read saw.
type PollResult struct {
	Tasks map[string]TaskState
	VMs   map[string]VMState
	Gone  map[string]bool
}

// TaskState is a task's progress.
type TaskState struct {
	Done bool
	Err  error  // why the task failed, typed as VCenter's errors are
	VM   string // the result, where the task makes a VM
}

// VMState is the moving part of a machine.
type VMState struct {
	PoweredOn bool
	Phase     string
	LogTail   string
	Userdata  bool
	Addresses []netip.Addr
	Disks     []Disk // only for VMs that PollRequest.Disks names
	DisksRead bool   // vCenter told what is attached
}

// Kube connects to a cluster's API.
type Kube interface {
	Connect(kubeconfig []byte) (API, error)
}

// API is what the engine needs of a cluster's Kubernetes API. Unreachable is
// an error, never an empty answer.
type API interface {
	// Ready asks /readyz once.
	Ready(ctx context.Context) error
	Nodes(ctx context.Context) ([]KubeNode, error)
	// LabelNode brings labels, annotations and taints of a node to what the spec
	// says and leaves alone those that it never set.
	LabelNode(ctx context.Context, name string, want NodeMeta) error
	// Drain cordons a node, which KubeNode.Cordoned tells from then on unless
	// somebody else had, and evicts its pods through the eviction API.
	Drain(ctx context.Context, name string, timeout time.Duration) error
	// Uncordon takes back what Drain did to a node; one that is gone is success.
	Uncordon(ctx context.Context, name string) error
	// DeleteNode deletes the node object; one that is gone is success.
	DeleteNode(ctx context.Context, name string) error

	// PutToken creates a bootstrap token with the usages and group of kubeadm's.
	PutToken(ctx context.Context, token string, expires time.Time) error
	DeleteToken(ctx context.Context, token string) error
	// PutCertificates stores what `kubeadm join --control-plane` downloads: the
	// Secret kubeadm-certs and the role by which a token may read it.
	PutCertificates(ctx context.Context, data map[string][]byte) error
	DeleteCertificates(ctx context.Context) error

	// Secret reads an Opaque Secret of kube-system; nil when there is none.
	Secret(ctx context.Context, name string) (map[string][]byte, error)
	PutSecret(ctx context.Context, name string, data map[string][]byte) error

	// Apply applies manifests (YAML, several documents allowed) server-side with
	// the field manager "gantry". An object in a kind that does not exist yet is
	// retried until ctx ends, so that a CRD and its object may stand in one pack.
	Apply(ctx context.Context, manifests []string) error
	// Available answers nil once the deployment's condition Available is true.
	Available(ctx context.Context, namespace, deployment string) error
}

// NodeMeta is what users set on nodes.
type NodeMeta struct {
	Labels      map[string]string
	Annotations map[string]string
	Taints      []Taint
}

// KubeNode is a Node object, as far as the engine cares.
type KubeNode struct {
	Name       string
	Ready      bool
	Reason     string // why it is not ready
	Version    string // kubelet version, with its leading v
	ProviderID string
	Addresses  []netip.Addr
	NodeMeta
	// Managed is what LabelNode set earlier, so that it can be taken away again.
	Managed       NodeMeta
	Unschedulable bool
	Cordoned      bool // Drain cordoned it
}
