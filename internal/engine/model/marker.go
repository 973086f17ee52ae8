package model

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// MarkerSchema is the version of the marker that this Gantry writes, and the
// newest that it understands.
const MarkerSchema = 1

// Marker is written into the configuration of each VM in the clone call. It makes a
// VM Gantry's, whatever its name. Of it only the incarnation ever changes, when
// another creation takes the VM over. Identity and addresses mean the same in every
// schema version.
type Marker struct {
	SchemaVersion int       `json:"schema"`
	Cluster       uuid.UUID `json:"cluster"`
	// Incarnation is the creation that the VM belongs to.
	Incarnation record.Incarnation `json:"incarnation,omitempty"`
	Node        string             `json:"node"`
	Role        Role               `json:"role"`
	NodePool    string             `json:"node_pool"`
	Ordinal     int                `json:"ordinal"`
	// NameTemplate is that of the node's name; empty: the default one.
	NameTemplate string `json:"name_template,omitempty"`
	// Address and IPPool are those of a static node; zero where it takes a lease.
	Address netip.Prefix `json:"address"`
	IPPool  uuid.UUID    `json:"ip_pool"`

	KubernetesVersion string    `json:"kubernetes_version"`
	Template          string    `json:"template"`
	CloneMode         CloneMode `json:"clone_mode"` // the mode used: linked or full

	// The placement, as the spec names it. On which datastore of a datastore cluster the VM
	// is, is not kept: Storage DRS may move it.
	ComputeCluster   string `json:"compute_cluster"`
	Datastore        string `json:"datastore"`
	DatastoreCluster string `json:"datastore_cluster,omitempty"`
	StoragePolicy    string `json:"storage_policy,omitempty"`
	Network          string `json:"network"`
	ResourcePool     string `json:"resource_pool,omitempty"`

	// TemplateRef and References are what the names above meant when the VM was cloned:
	// an object that was renamed is still the same. Markers of before have none.
	TemplateRef string     `json:"template_ref,omitempty"`
	References  References `json:"references,omitzero"`
	// Base and BaseRef are the same of what the template was built of, by Gantry.
	Base    string `json:"base,omitempty"`
	BaseRef string `json:"base_ref,omitempty"`

	CPU      int32 `json:"cpu"`
	MemoryGB int64 `json:"memory_gb"`
	DiskGB   int64 `json:"disk_gb"`

	// ExternalCloudProvider says that the node's kubelet leaves it tainted until a cloud
	// provider has initialized it.
	ExternalCloudProvider bool `json:"external_cloud_provider,omitempty"`

	// CAFingerprint identifies the certificate authorities that the node was built
	// with; a node of other authorities than the run's is built anew.
	CAFingerprint string `json:"ca_fingerprint"`
	// EncryptionKeys are those by which the API server of a control-plane node reads and
	// writes Secrets.
	EncryptionKeys EncryptionKeys `json:"encryption_keys,omitempty"`
	// Reset is the reset that the node was built for, as the record had it.
	Reset string `json:"reset,omitempty"`
	BuiltWith
	// VIP and Extra are the addresses of the cluster, on its control-plane nodes, so
	// that one read of all VMs accounts for every claim.
	VIP   netip.Addr `json:"vip,omitzero"`
	Extra netip.Addr `json:"extra,omitzero"`

	// HAProxyImage and HostName are those of a load balancer.
	HAProxyImage string `json:"haproxy_image,omitempty"`
	HostName     string `json:"host_name,omitempty"`
}

// Role is what a VM is for.
type Role string

// The roles that this Gantry understands. A VM of another role is left alone.
const (
	RoleControlPlane Role = "control-plane"
	RoleWorker       Role = "worker"
	RoleLoadBalancer Role = "load-balancer"
	// RoleBuilder is of a VM of which an image is made.
	RoleBuilder Role = "image-builder"
)

// Understood reports whether this Gantry knows all that the marker may mean. A VM
// whose marker it does not understand is neither changed nor deleted.
func (m Marker) Understood() bool {
	if m.SchemaVersion > MarkerSchema || m.Ordinal < 0 || m.Ordinal > MaxOrdinal {
		return false
	}
	switch m.Role {
	case RoleControlPlane, RoleWorker:
		return m.ControlPlane() == (m.NodePool == ControlPlanePool)
	case RoleLoadBalancer:
		return m.NodePool == LoadBalancerPool
	case RoleBuilder:
		return m.NodePool == BuilderPool
	default:
		return false
	}
}

// LoadBalancer reports whether the VM is a load balancer.
func (m Marker) LoadBalancer() bool { return m.Role == RoleLoadBalancer }

// Builder reports whether the VM is one of which an image is made.
func (m Marker) Builder() bool { return m.Role == RoleBuilder }

// ControlPlane reports whether the VM is a control-plane node.
func (m Marker) ControlPlane() bool { return m.Role == RoleControlPlane }
