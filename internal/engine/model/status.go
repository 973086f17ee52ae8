package model

// State is the life of a cluster or gateway in one word.
type State string

// The states, in the field's words.
const (
	// StatePending is before the first step of a creation, StateProvisioning until it has
	// ended, StateUpdating while a run works on what has been created.
	StatePending      State = "Pending"
	StateProvisioning State = "Provisioning"
	StateRunning      State = "Running"
	StateUpdating     State = "Updating"
	StateDegraded     State = "Degraded"
	// StateDeleting is also what a deletion has left half done.
	StateDeleting State = "Deleting"
	// StateFailed is a creation that has ended before the API answered.
	StateFailed State = "Failed"
)

// Health is the health at the last refresh.
type Health string

// The healths. Unknown is a cluster whose API cannot be reached from here.
const (
	Healthy   Health = "Healthy"
	Unhealthy Health = "Unhealthy"
	Unknown   Health = "Unknown"
)

// ConditionStatus is the status of a condition.
type ConditionStatus string

// The statuses.
const (
	ConditionTrue    ConditionStatus = "True"
	ConditionFalse   ConditionStatus = "False"
	ConditionUnknown ConditionStatus = "Unknown"
)

// Condition is one aspect of a status. Its time of transition is kept by those
// who remember the status before it.
type Condition struct {
	Type    string
	Status  ConditionStatus
	Reason  string
	Message string
}

// NodeStatus is one node as users see it.
type NodeStatus struct {
	Name           string
	Role           Role
	NodePool       string
	Address        string
	UUID           string
	VM             string // managed object reference
	ComputeCluster string
	CloneMode      CloneMode
	Ready          bool
}

// Status is what an observation amounts to.
type Status struct {
	State      State
	Health     Health
	Conditions []Condition
	Nodes      []NodeStatus
	Endpoint   string // address and port of the API; empty before there is one
	// Services are those that are reached from outside; ServicesRead reports whether they are
	// known.
	Services     []Service
	ServicesRead bool
	// Warnings are what no apply repairs unasked.
	Warnings []Finding
}
