package engine

import (
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Kind tells the two things apart that the engine builds. Both go through the
// same planner and the same steps; a gateway is a cluster with a fixed shape
// and an agent pack.
type Kind string

// The kinds, as they stand in ledger records.
const (
	KindCluster Kind = "cluster"
	KindGateway Kind = "gateway"
)

// ControlPlanePool is the name of the pool of control-plane nodes, in node
// names (`<cluster>-cp-<n>`) and in the record's counters. Worker pools may
// not take it.
const ControlPlanePool = "cp"

// ClusterSpec says what is wanted of one cluster or gateway.
type ClusterSpec struct {
	Kind Kind
	// ID is random for clusters and derived from the name for gateways.
	ID        string
	Name      string
	GatewayID string // empty: the system gateway
	// New says that no state knows it: what has the name already and is finished
	// is somebody else's, what was never finished is taken over.
	New bool

	KubernetesVersion string // "1.34.2", without a leading v
	Template          string // name or inventory path of the node image
	ImageFolder       string // where a template name is looked up; empty: the datacenter

	Datacenter  string
	Folder      string // VM folder path below the datacenter's; empty: its root
	PodCIDR     string
	ServiceCIDR string

	ControlPlane PoolSpec
	Workers      []PoolSpec // sorted by name

	SSHAuthorizedKeys []string
	NTPServers        []string
	Proxy             *Proxy
	CloneMode         CloneMode
	VMTags            []string

	Packs []Pack // in the order in which they are applied

	// OwnPool is the IP pool that a gateway brings along; nil where it uses one
	// that is registered. It is registered and unregistered with the gateway.
	OwnPool *record.IPPool
}

// PoolSpec is a group of nodes that are alike.
type PoolSpec struct {
	Name        string // ControlPlanePool, or the key of the worker pool
	Count       int
	CPU         int32
	MemoryGB    int64
	DiskGB      int64
	Schedulable bool // control plane only: leave out the control-plane taint
	Labels      map[string]string
	Annotations map[string]string
	Taints      []Taint
	Placements  []Placement // nodes go round-robin over them; one for the control plane

	// DrainTimeout bounds the eviction of a node's pods before it is deleted.
	DrainTimeout time.Duration
	// Strategy is how nodes are replaced; empty: expand-first. Worker pools only.
	Strategy RollStrategy
}

// Taint is a Kubernetes node taint.
type Taint struct{ Key, Value, Effect string }

// Placement says where a node goes, by names as the vSphere Client shows them.
type Placement struct {
	ComputeCluster string
	Datastore      string
	Network        string
	ResourcePool   string // empty: the root pool of the compute cluster
	IPPoolID       string
}

// Proxy is what containerd and the system of each node use to reach out.
type Proxy struct {
	HTTP, HTTPS, NoProxy, CACertificate string
}

// CloneMode is how a node's disks are made from the template's.
type CloneMode string

// The clone modes. Auto is linked where snapshot, datastore and disk size
// allow it, full elsewhere.
const (
	CloneAuto   CloneMode = "auto"
	CloneLinked CloneMode = "linked"
	CloneFull   CloneMode = "full"
)

// Pack is a group of Kubernetes manifests that are applied together.
type Pack struct {
	Name      string
	Layer     string // cni, cpi, csi or addon
	Manifests []string

	// Digest tells versions of the pack apart where the manifests hold what no
	// plan may depend on, such as a write-only secret. Empty: the manifests do.
	Digest string
	// Await is what has to come up for the pack to count as applied; nil: nothing.
	Await *Deployment
}

// Deployment is a Deployment of a pack that is waited for.
type Deployment struct {
	Namespace, Name string
	Timeout         time.Duration
	Advice          string // what to look at when it does not come up, as a sentence
}

// NodeName is `<cluster>-<pool>-<n>`.
func NodeName(cluster, pool string, n int) string {
	return fmt.Sprintf("%s-%s-%d", cluster, pool, n)
}

// nodeNumber reads n out of a node's name; 0 where the name is not of the pool.
func nodeNumber(cluster, pool, name string) int {
	var n int
	prefix := cluster + "-" + pool + "-"
	if len(name) > len(prefix) && name[:len(prefix)] == prefix {
		if _, err := fmt.Sscanf(name[len(prefix):], "%d", &n); err == nil && NodeName(cluster, pool, n) == name {
			return n
		}
	}
	return 0
}

// Pools lists the control plane and then the worker pools.
func (s *ClusterSpec) Pools() []PoolSpec {
	return append([]PoolSpec{s.ControlPlane}, s.Workers...)
}
