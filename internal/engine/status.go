package engine

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// State is the life of a cluster or gateway in one word.
type State string

// The states, in the field's words.
const (
	StatePending      State = "Pending"
	StateProvisioning State = "Provisioning"
	StateRunning      State = "Running"
	StateUpdating     State = "Updating"
	StateDegraded     State = "Degraded"
	StateDeleting     State = "Deleting"
	StateFailed       State = "Failed"
)

// Health is what the last look at the cluster says.
type Health string

// The healths. Unknown is a cluster whose API cannot be reached from here.
const (
	Healthy   Health = "Healthy"
	Unhealthy Health = "Unhealthy"
	Unknown   Health = "Unknown"
)

// Condition is one aspect of a status. Its time of transition is kept by those
// who remember the status before it.
type Condition struct {
	Type    string
	Status  string // True, False or Unknown
	Reason  string
	Message string
}

// NodeStatus is one node as users see it.
type NodeStatus struct {
	Name           string
	Role           string // control-plane or worker
	Pool           string
	Address        string
	UUID           string
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
}

// Status looks at a cluster or gateway without changing anything. It is nil, and
// no error, when vCenter proves that nothing of it is left: no record, no VM.
//
// The second answer is what the look remembers for planning.
func (e *Engine) Status(ctx context.Context, spec ClusterSpec, secrets *Secrets) (*Status, *Observed, error) {
	obs, err := e.observeTarget(ctx, spec.Target(), secrets)
	if err != nil {
		return nil, nil, err
	}
	if (obs.Record == nil || obs.Record.ID != ledgerID(spec.ID)) && len(obs.Survey.Machines) == 0 {
		return nil, nil, nil
	}
	// What a person has done to the gateway's own pool, the next apply undoes.
	if err := obs.bringPool(&spec); err != nil {
		return nil, nil, err
	}
	return status(&spec, obs), obs.Remember(), nil
}

// statusAfter looks once more at the end of an apply. That the look fails does
// not hide what the apply has to say.
func (e *Engine) statusAfter(ctx context.Context, spec *ClusterSpec, secrets *Secrets, failed error) (*Status, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	st, _, err := e.Status(ctx, *spec, secrets)
	if failed != nil {
		return st, failed
	}
	return st, err
}

// status is pure: it judges what was observed against what is wanted. A spec
// without a control plane (as after an import) is judged by itself.
func status(spec *ClusterSpec, obs *Observed) *Status {
	st := &Status{}
	off := 0
	for i := range obs.Survey.Machines {
		m := &obs.Survey.Machines[i]
		if len(m.Marker.Reserved) > 0 {
			st.Endpoint = netip.AddrPortFrom(m.Marker.Reserved[0], bootstrap.APIServerPort).String()
		}
		if !m.PoweredOn {
			off++
		}
		st.Nodes = append(st.Nodes, nodeStatus(m, obs))
	}
	slices.SortFunc(st.Nodes, func(a, b NodeStatus) int { return strings.Compare(a.Name, b.Name) })
	st.Conditions = []Condition{machinesCondition(spec, obs, off), apiCondition(obs), nodesCondition(spec, obs)}
	if len(spec.Packs) > 0 {
		st.Conditions = append(st.Conditions, packsCondition(spec, obs))
	}
	st.State, st.Health = judge(obs, st.Conditions)
	return st
}

func nodeStatus(m *Machine, obs *Observed) NodeStatus {
	role := "worker"
	if m.Marker.Pool == ControlPlanePool {
		role = "control-plane"
	}
	return NodeStatus{
		Name: m.Marker.Node, Role: role, Pool: m.Marker.Pool, Address: m.Marker.Address.Addr().String(), UUID: m.UUID,
		ComputeCluster: m.Marker.Placement, CloneMode: m.Marker.CloneMode, Ready: obs.Nodes[m.Marker.Node].Ready,
	}
}

func judge(obs *Observed, conditions []Condition) (State, Health) {
	health := Healthy
	for _, c := range conditions {
		switch {
		case c.Status == "False":
			health = Unhealthy
		case c.Status == "Unknown" && health == Healthy:
			health = Unknown
		}
	}
	switch {
	case !obs.ready(false):
		return StateFailed, health
	case health == Unhealthy:
		return StateDegraded, health
	default:
		return StateRunning, health
	}
}

func condition(kind string, ok bool, good, bad, message string) Condition {
	if ok {
		return Condition{Type: kind, Status: "True", Reason: good}
	}
	return Condition{Type: kind, Status: "False", Reason: bad, Message: message}
}

func machinesCondition(spec *ClusterSpec, obs *Observed, off int) Condition {
	counts := map[string]int{}
	for _, m := range obs.Survey.Machines {
		counts[m.Marker.Pool]++
	}
	var wrong []string
	if spec.ControlPlane.Count > 0 {
		for _, pool := range spec.Pools() {
			if counts[pool.Name] != pool.Count {
				wrong = append(wrong, fmt.Sprintf("pool %s has %d of %d VMs", pool.Name, counts[pool.Name], pool.Count))
			}
		}
	}
	if off > 0 {
		wrong = append(wrong, fmt.Sprintf("%d VMs are powered off", off))
	}
	return condition("MachinesReady", len(wrong) == 0, "AllPresent", "MachinesMissing", strings.Join(wrong, "; "))
}

func apiCondition(obs *Observed) Condition {
	switch {
	case !obs.APIAsked:
		return Condition{Type: "APIReady", Status: "Unknown", Reason: "NotAsked", Message: "The state holds no kubeconfig, or there is no control plane."}
	case !obs.APIAnswered():
		return Condition{Type: "APIReady", Status: "Unknown", Reason: "Unreachable", Message: "The API does not answer from here."}
	default:
		return Condition{Type: "APIReady", Status: "True", Reason: "Answering"}
	}
}

func nodesCondition(spec *ClusterSpec, obs *Observed) Condition {
	if !obs.APIAnswered() {
		return Condition{Type: "NodesReady", Status: "Unknown", Reason: "APIUnknown"}
	}
	var absent, waiting []string
	for _, m := range obs.Survey.Machines {
		switch n, ok := obs.Nodes[m.Marker.Node]; {
		case !ok:
			absent = append(absent, m.Marker.Node)
		case !n.Ready:
			waiting = append(waiting, m.Marker.Node)
		}
	}
	switch {
	case len(absent) > 0:
		return condition("NodesReady", false, "", "NotJoined", "Not joined: "+strings.Join(absent, ", "))
	case len(waiting) > 0 && !spec.hasCNI():
		return Condition{Type: "NodesReady", Status: "True", Reason: "NoPodNetwork", Message: "Nodes have joined and wait for a pod network; no pack of layer cni is in the profile."}
	}
	return condition("NodesReady", len(waiting) == 0, "AllReady", "NotReady", "Not ready: "+strings.Join(waiting, ", "))
}

func packsCondition(spec *ClusterSpec, obs *Observed) Condition {
	if !obs.APIAnswered() {
		return Condition{Type: "PacksApplied", Status: "Unknown", Reason: "APIUnknown"}
	}
	var left []string
	for _, k := range spec.Packs {
		if obs.Packs[k.Name] != k.Hash() {
			left = append(left, k.Name)
		}
	}
	return condition("PacksApplied", len(left) == 0, "AllApplied", "NotApplied", "Not applied: "+strings.Join(left, ", "))
}
