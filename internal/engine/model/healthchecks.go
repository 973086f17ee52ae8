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
}

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
