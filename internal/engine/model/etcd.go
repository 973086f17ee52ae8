package model

// EtcdMember is a member of a cluster's etcd. It is healthy where Error is empty.
type EtcdMember struct {
	ID uint64
	// Name is that of its node; empty for a member that was added and never started.
	Name string
	// Learner is set for a member that does not vote yet, as in the middle of a join.
	Learner bool
	Leader  bool
	Version string // of the etcd that it runs; empty where it did not answer
	// Error is why it did not answer, that it knows no leader, or its alarm.
	Error string
}

// Healthy reports whether the member answered, follows a leader and has no alarm.
func (m EtcdMember) Healthy() bool { return m.Error == "" }

// Etcd is what etcd says of its members.
type Etcd struct {
	Asked   bool
	Error   error // why no member has answered
	Members []EtcdMember
}

// EtcdSnapshots is where snapshots of etcd go.
type EtcdSnapshots struct {
	// Directory is one of the machine that runs Terraform; empty: a folder of the control
	// plane's datastore.
	Directory string
}

// LeaseHolder is who holds a Lease; empty: no other one does. The version changes whenever
// the holder renews it.
type LeaseHolder struct{ Name, Version string }

// ControlPlanePod is a static pod of a control-plane node.
type ControlPlanePod struct {
	Node, Component string
	Ready           bool
	Message         string // why it is not Ready
}

// The static pods that each control-plane node runs.
const (
	ComponentAPIServer         = "kube-apiserver"
	ComponentControllerManager = "kube-controller-manager"
	ComponentScheduler         = "kube-scheduler"
	ComponentEtcd              = "etcd"
)

// ControlPlaneComponents are the components of ControlPlanePod.
func ControlPlaneComponents() []string {
	return []string{ComponentAPIServer, ComponentControllerManager, ComponentScheduler, ComponentEtcd}
}
