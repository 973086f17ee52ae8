package model

// HealthChecks are what the status of a cluster is judged by beside facts. No step follows
// from them, and no plan remembers them: they are read where a status is.
type HealthChecks struct {
	// NotReady is why the API server says that it is not ready; nil: it is, or it does not
	// answer.
	NotReady error
	// ControlPlane is what the control plane's nodes run. It is asked where the API answers,
	// and ControlPlaneError is why that was of no use.
	ControlPlane      ControlPlane
	ControlPlaneError error
	// Zones are the zone tags of where the VMs of nodes are, by reference, where nodes have
	// the labels of zones. A VM of which that is not known is not in it. ZonesError is why
	// none could be read.
	Zones      map[string]Zone
	ZonesError error
	// Storage is whether VMs comply with their storage policies, by the names of their nodes,
	// where some have one. StorageError is why that could not be read.
	Storage      map[string]StorageCompliance
	StorageError error
	// Services are those that are reached from outside, where a cluster's API answers;
	// ServicesRead reports whether they could be read.
	Services     []Service
	ServicesRead bool
	// Usage is read where the spec has limits of it, and UsageError is why it could not be.
	Usage      Usage
	UsageError error
}

// StorageCompliance is what vCenter says of a VM and its storage policy.
type StorageCompliance string

// The words for it.
const (
	StorageCompliant    StorageCompliance = "compliant"
	StorageNotCompliant StorageCompliance = "not compliant"
	// StorageOutOfDate is that the policy has changed, and was not applied to the VM again.
	StorageOutOfDate StorageCompliance = "out of date"
	StorageUnknown   StorageCompliance = "unknown"
)

// ControlPlane is what the nodes of a control plane run.
type ControlPlane struct {
	Pods []ControlPlanePod
	// Etcd is not asked where a single node has a member: the API answers only while that
	// one serves.
	Etcd Etcd
}

// The labels of the topology, which kubelet sets when a node registers.
const (
	LabelRegion = "topology.kubernetes.io/region"
	LabelZone   = "topology.kubernetes.io/zone"
)
