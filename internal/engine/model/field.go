package model

import (
	"fmt"
	"strings"
)

// Field identifies a part of a spec that a finding is about. The resource that
// made the spec maps it to an attribute path, in one place.
type Field struct {
	// NodePool is ControlPlanePool or the key of a worker pool; empty: the field is
	// the cluster's own.
	NodePool string
	// Placement is the placement of the node pool.
	Placement Index
	// Pack is the pack that the field is of; empty: of none.
	Pack string
	// Range is the reserved range that the field is of; empty: of none.
	Range string
	Name  FieldName // empty: the node pool or the placement as a whole
	// Element is the element of a list.
	Element Index
}

// Index is an optional index; its zero value is none.
type Index int

// At is the index i, counted from 0.
func At(i int) Index { return Index(i + 1) }

// Get returns the index, counted from 0, and whether there is one.
func (i Index) Get() (int, bool) { return int(i) - 1, i > 0 }

// FieldName is the name of a field of a cluster, a node pool or a placement.
type FieldName string

// Fields of a cluster.
const (
	FieldClusterName      FieldName = "name"
	FieldGateway          FieldName = "gateway"
	FieldKubernetes       FieldName = "kubernetes version"
	FieldTemplate         FieldName = "template"
	FieldBuild            FieldName = "build of the image"
	FieldImageFolder      FieldName = "image folder"
	FieldPacks            FieldName = "packs"
	FieldChart            FieldName = "chart"       // of a pack
	FieldCredentials      FieldName = "credentials" // of a pack
	FieldOverride         FieldName = "override"    // of a pack
	FieldDatacenter       FieldName = "datacenter"
	FieldFolder           FieldName = "folder"
	FieldPodCIDR          FieldName = "pod network"
	FieldServiceCIDR      FieldName = "service network"
	FieldSSHKeys          FieldName = "SSH keys"
	FieldNTPServers       FieldName = "NTP servers"
	FieldProxy            FieldName = "proxy"
	FieldProxyHTTP        FieldName = "HTTP proxy"
	FieldProxyHTTPS       FieldName = "HTTPS proxy"
	FieldNoProxy          FieldName = "proxy exceptions"
	FieldProxyCertificate FieldName = "proxy CA certificate"
	FieldRegistry         FieldName = "image registries"
	FieldMirrors          FieldName = "mirrors of registries"
	FieldRegistryCA       FieldName = "CA certificate of registries"
	FieldImageRepository  FieldName = "image repository"
	FieldSandboxImage     FieldName = "sandbox image"
	FieldRegistryUsername FieldName = "user of registries"
	FieldRegistryPassword FieldName = "password of registries"
	FieldKubeVIPImage     FieldName = "container image of kube-vip"
	FieldComponents       FieldName = "settings of the control plane's components"
	FieldAuditPolicy      FieldName = "audit policy"
	FieldKubelet          FieldName = "settings of kubelet"
	FieldEncryption       FieldName = "version of the key of Secrets"
	FieldCloneMode        FieldName = "clone mode"
	FieldReplaceNodes     FieldName = "nodes to replace"
	FieldMaxUnhealthy     FieldName = "bound of unhealthy nodes"
	FieldEtcdSnapshot     FieldName = "directory of etcd snapshots"
	FieldRestore          FieldName = "snapshot to restore"
	FieldReset            FieldName = "trigger of the reset"
	FieldLoadBalancer     FieldName = "load balancer"
	FieldHAProxyImage     FieldName = "container image of HAProxy"
	FieldHostName         FieldName = "host name of the load balancer"
	FieldVMTags           FieldName = "tags of VMs"
	FieldRange            FieldName = "range" // of a reserved one, which has FieldIPPool, too
)

// Fields of a node pool. FieldKubernetes and FieldTemplate are fields of a worker pool that
// has its own, too.
const (
	FieldNodeCount FieldName = "node count"
	FieldCPU       FieldName = "CPU"
	FieldMemory    FieldName = "memory"
	FieldDisk      FieldName = "disk"
	FieldSetup     FieldName = "files and commands"
)

// Fields of a placement.
const (
	FieldComputeCluster FieldName = "compute cluster"
	FieldDatastore      FieldName = "datastore"
	FieldNetwork        FieldName = "network"
	FieldResourcePool   FieldName = "resource pool"
	FieldIPPool         FieldName = "IP pool"

	FieldDatastoreCluster FieldName = "datastore cluster"
	FieldStoragePolicy    FieldName = "storage policy"
	FieldHostGroup        FieldName = "host group"
	FieldVMGroup          FieldName = "VM group"
)

// ClusterField is a field of the cluster itself.
func ClusterField(name FieldName) Field { return Field{Name: name} }

// PackField is a field of a pack.
func PackField(pack string, name FieldName) Field { return Field{Pack: pack, Name: name} }

// NodePoolField is a field of a node pool; an empty name is the node pool.
func NodePoolField(pool string, name FieldName) Field { return Field{NodePool: pool, Name: name} }

// Field is a field of the placement.
func (r PlacementRef) Field(name FieldName) Field {
	return Field{NodePool: r.NodePool, Placement: At(r.Index), Name: name}
}

// String names the field in errors that reach no attribute.
func (f Field) String() string {
	var parts []string
	switch {
	case f.NodePool == ControlPlanePool:
		parts = append(parts, "control plane")
	case f.NodePool == LoadBalancerPool:
		parts = append(parts, "load balancer")
	case f.NodePool != "":
		parts = append(parts, fmt.Sprintf("worker pool %q", f.NodePool))
	}
	if f.Pack != "" {
		parts = append(parts, fmt.Sprintf("pack %q", f.Pack))
	}
	if f.Range != "" {
		parts = append(parts, fmt.Sprintf("load balancer pool %q", f.Range))
	}
	if i, ok := f.Placement.Get(); ok {
		parts = append(parts, fmt.Sprintf("placement %d", i+1))
	}
	if f.Name != "" {
		parts = append(parts, string(f.Name))
	}
	if i, ok := f.Element.Get(); ok {
		parts = append(parts, fmt.Sprintf("element %d", i+1))
	}
	return strings.Join(parts, ", ")
}
