package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Status judges what was observed against the spec, at a time. Without checks, what they
// say is left out. A spec without a control plane, as after an import, is judged by itself.
func Status(spec *model.ClusterSpec, facts *model.Facts, checks *model.HealthChecks, now time.Time) *model.Status {
	st := &model.Status{Endpoint: facts.Endpoint().HostPort()}
	for _, m := range facts.VMs() {
		st.Nodes = append(st.Nodes, nodeStatus(m, facts))
	}
	st.Nodes = append(st.Nodes, missingNodes(spec, facts)...)
	slices.SortFunc(st.Nodes, func(a, b model.NodeStatus) int { return strings.Compare(a.Name, b.Name) })

	st.Conditions = []model.Condition{
		machinesCondition(spec, facts),
		apiCondition(facts, checks),
		nodesCondition(spec, facts),
		nodeProblemsCondition(facts),
		certificatesCondition(facts, now),
	}
	if facts.Endpoint().Kind == model.EndpointLoadBalancer || spec.DHCP() {
		st.Conditions = append(st.Conditions, loadBalancerCondition(facts))
	}
	st.Conditions = append(st.Conditions, checkedConditions(spec, facts, checks)...)
	if c := postBootstrapCondition(spec, facts); c != nil {
		st.Conditions = append(st.Conditions, *c)
	}
	if spec.HasCPI() || len(model.Uninitialized(facts.API.Nodes)) > 0 {
		st.Conditions = append(st.Conditions, initializedCondition(facts))
	}
	if len(spec.Packs) > 0 {
		st.Conditions = append(st.Conditions, packsCondition(spec, facts))
	}
	if spec.UsageLimits != nil {
		st.Conditions = append(st.Conditions, usageCondition(*spec.UsageLimits, facts, checks))
	}
	if checks != nil {
		st.Services, st.ServicesRead = checks.Services, checks.ServicesRead
	}
	st.Health = health(st.Conditions)
	st.State = state(facts, st.Health, st.Conditions)
	present, _ := withoutFormer(facts)
	if v := (view{spec: spec, facts: present, nodeNames: namesOf(spec, facts)}); v.controlPlaneGone() {
		st.Warnings = append(st.Warnings, goneFinding(spec, facts))
		st.State = model.StateDegraded
	}
	if c := spreadCondition(spec, facts); c != nil {
		st.Conditions = append(st.Conditions, *c)
	}
	if c := placedCondition(spec, facts); c != nil {
		st.Conditions = append(st.Conditions, *c)
	}
	if c := groupedCondition(spec, facts); c != nil {
		st.Conditions = append(st.Conditions, *c)
	}
	if c := storageCondition(checks); c != nil {
		st.Conditions = append(st.Conditions, *c)
	}
	if spec.ControlPlane.Count > 0 {
		st.Conditions = append(st.Conditions, upToDateCondition(spec, facts))
	}
	return st
}

func nodeStatus(m model.Machine, facts *model.Facts) model.NodeStatus {
	return model.NodeStatus{
		Name:           m.Marker.Node,
		Role:           m.Marker.Role,
		NodePool:       m.Marker.NodePool,
		Address:        addressOf(m, facts),
		UUID:           m.UUID,
		VM:             m.Ref,
		ComputeCluster: m.Marker.ComputeCluster,
		CloneMode:      m.Marker.CloneMode,
		Ready:          facts.API.Nodes[m.Marker.Node].Ready || m.Marker.LoadBalancer() && m.PoweredOn && m.Phase == model.PhaseServing,
	}
}

// addressOf is the address of a VM: its own, or its lease as the guest, the API or the record
// has it; empty where that is not known.
func addressOf(m model.Machine, facts *model.Facts) string {
	if m.Marker.Address.IsValid() {
		return m.Marker.Address.Addr().String()
	}
	if lease := leaseOf(&m); lease.IsValid() {
		return lease.String()
	}
	for _, addr := range facts.API.Nodes[m.Marker.Node].Addresses {
		if addr.Is4() {
			return addr.String()
		}
	}
	recorded := facts.Record.Members[m.Marker.Ordinal]
	if m.Marker.LoadBalancer() {
		recorded = facts.Record.LoadBalancer.Address
	}
	if !recorded.IsValid() || !m.Marker.LoadBalancer() && !m.Marker.ControlPlane() {
		return ""
	}
	return recorded.String()
}

// missingNodes are the nodes whose VMs are not seen, and those of VMs that are gone as
// long as the API knows them or nothing is built in their place: by their references
// they are told apart.
func missingNodes(spec *model.ClusterSpec, facts *model.Facts) []model.NodeStatus {
	var known []model.KnownMachine
	for _, m := range facts.Unseen {
		known = append(known, m.KnownMachine)
	}
	held := heldBack(spec, facts)
	for _, m := range facts.Gone {
		if _, ok := facts.API.Nodes[m.Node]; ok || !facts.API.Answered() || slices.Contains(held, m.Node) {
			known = append(known, m)
		}
	}
	var nodes []model.NodeStatus
	names := namesOf(spec, facts)
	for _, m := range known {
		node := model.NodeStatus{
			Name:  m.Node,
			UUID:  model.NodeUUID(spec.ID, m.Node).String(),
			VM:    m.Ref,
			Ready: facts.API.Nodes[m.Node].Ready,
		}
		if m.Node == names.LoadBalancer() {
			node.NodePool = model.LoadBalancerPool
			node.Role = model.RoleLoadBalancer
		}
		for pool := range facts.Record.Counters {
			if names.Ordinal(pool, m.Node) > 0 {
				node.NodePool = pool
				node.Role = (&model.NodePool{Name: pool}).Role()
			}
		}
		for _, claim := range facts.Claims {
			if claim.Owner == m.Node {
				node.Address = claim.Address.String()
			}
		}
		nodes = append(nodes, node)
	}
	return nodes
}

func health(conditions []model.Condition) model.Health {
	result := model.Healthy
	for _, c := range conditions {
		switch {
		case c.Status == model.ConditionFalse:
			result = model.Unhealthy
		case c.Status == model.ConditionUnknown && !mayBeUnknown[c.Type] && result == model.Healthy:
			result = model.Unknown
		}
	}
	return result
}

// mayBeUnknown are the aspects that do not make the health unknown: of the first, nodes
// tell, as of commands that run, and the others are asked for on ways that may be closed where all else works.
var mayBeUnknown = map[string]bool{
	certificatesKind: true, etcdKind: true, zonesKind: true, postBootstrapKind: true, usageKind: true,
}

// state is the life of a cluster. Nodes that only wait for a pod network which is not
// among the packs make it unhealthy and not degraded: all that the configuration asks
// for is there, no apply adds anything, and users bring the network by other means. Nor
// does an apply do anything about what is in unrepaired.
func state(facts *model.Facts, health model.Health, conditions []model.Condition) model.State {
	lacking := slices.ContainsFunc(conditions, func(c model.Condition) bool {
		return c.Status == model.ConditionFalse && !unrepaired[c.Reason]
	})
	switch {
	case !facts.APIReached(false):
		return model.StateFailed
	case health == model.Unhealthy && lacking:
		return model.StateDegraded
	default:
		return model.StateRunning
	}
}

// reasonNoPodNetwork is why nodes are not Ready whose pod network no pack brings.
const reasonNoPodNetwork = "NoPodNetwork"

// unrepaired are the reasons for which nothing is missing that an apply would add.
var unrepaired = map[string]bool{
	reasonNoPodNetwork: true, reasonCertificatesExpired: true, reasonNodeProblems: true, reasonZonesDiffer: true,
	reasonOverLimits: true,
}

func condition(kind string, ok bool, good, bad, message string) model.Condition {
	if ok {
		return model.Condition{Type: kind, Status: model.ConditionTrue, Reason: good}
	}
	return model.Condition{Type: kind, Status: model.ConditionFalse, Reason: bad, Message: message}
}

func machinesCondition(spec *model.ClusterSpec, facts *model.Facts) model.Condition {
	counts := map[string]int{}
	var off []string
	for _, m := range facts.Machines {
		counts[m.Marker.NodePool]++
		if !m.PoweredOn {
			off = append(off, m.Marker.Node)
		}
	}
	var wrong []string
	if spec.ControlPlane.Count > 0 {
		for _, pool := range spec.NodePools() {
			if counts[pool.Name] != pool.Count {
				wrong = append(wrong, fmt.Sprintf("pool %s has %d of %d VMs", pool.Name, counts[pool.Name], pool.Count))
			}
		}
	}
	if hidden := hiddenWords(facts.Unseen); len(hidden) > 0 {
		wrong = append(wrong, "not visible: "+model.Listed(hidden))
	}
	if len(off) > 0 {
		slices.Sort(off)
		wrong = append(wrong, "powered off: "+model.Listed(off))
	}
	return condition("MachinesReady", len(wrong) == 0, "AllPresent", "MachinesMissing", strings.Join(wrong, "; "))
}

func apiCondition(facts *model.Facts, checks *model.HealthChecks) model.Condition {
	const kind = "APIReady"
	switch {
	case !facts.API.Asked:
		return model.Condition{Type: kind, Status: model.ConditionUnknown, Reason: "NotAsked",
			Message: "The state holds no kubeconfig, or there is no control plane."}
	case checks != nil && checks.NotReady != nil:
		return condition(kind, false, "", "NotReady", checks.NotReady.Error())
	case !facts.API.Answered():
		return model.Condition{Type: kind, Status: model.ConditionUnknown, Reason: "Unreachable", Message: "The API does not answer from here."}
	default:
		return model.Condition{Type: kind, Status: model.ConditionTrue, Reason: "Answering"}
	}
}

func nodesCondition(spec *model.ClusterSpec, facts *model.Facts) model.Condition {
	const kind = "NodesReady"
	if !facts.API.Answered() {
		return model.Condition{Type: kind, Status: model.ConditionUnknown, Reason: "APIUnknown"}
	}
	var missing, waiting []string
	for _, m := range facts.Machines {
		switch n := facts.API.Nodes[m.Marker.Node]; {
		case !facts.Joined(&m):
			missing = append(missing, m.Marker.Node)
		case !n.Ready:
			waiting = append(waiting, m.Marker.Node)
		}
	}
	switch {
	case len(missing) > 0:
		return condition(kind, false, "", "NotJoined", "Not joined: "+model.Listed(missing))
	case !facts.PodNetwork(spec):
		return condition(kind, false, "", reasonNoPodNetwork,
			"Nodes have joined and wait for a pod network; no pack of layer cni is in the profile. Not ready: "+model.Listed(waiting))
	}
	return condition(kind, len(waiting) == 0, "AllReady", "NotReady", "Not ready: "+model.Listed(waiting))
}

// initializedCondition says which nodes the cloud provider has yet to look at.
func initializedCondition(facts *model.Facts) model.Condition {
	const kind = "NodesInitialized"
	if !facts.API.Answered() {
		return model.Condition{Type: kind, Status: model.ConditionUnknown, Reason: "APIUnknown"}
	}
	waiting := model.Uninitialized(facts.API.Nodes)
	return condition(kind, len(waiting) == 0, "AllInitialized", "NotInitialized",
		"Not initialized by the cloud provider: "+model.Listed(waiting))
}

func packsCondition(spec *model.ClusterSpec, facts *model.Facts) model.Condition {
	const kind = "PacksApplied"
	if !facts.API.Answered() {
		return model.Condition{Type: kind, Status: model.ConditionUnknown, Reason: "APIUnknown"}
	}
	var left, waiting []string
	for _, pack := range spec.Packs {
		have := facts.API.Packs[pack.Name]
		switch {
		case !pack.Applied(have) || !pack.CredentialsApplied(have):
			left = append(left, pack.Name)
		case pack.WaitsAgain(have):
			waiting = append(waiting, pack.Name)
		}
	}
	notReady := "Not ready: " + model.Listed(waiting)
	if len(left) == 0 {
		return condition(kind, len(waiting) == 0, "AllApplied", "NotReady", notReady)
	}
	message := "Not applied: " + model.Listed(left)
	if len(waiting) > 0 {
		message += ". " + notReady
	}
	return condition(kind, false, "", "NotApplied", message)
}
