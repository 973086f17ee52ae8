package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

const (
	isTrue  = model.ConditionTrue
	isFalse = model.ConditionFalse
	unknown = model.ConditionUnknown
)

func TestStatusJudgesMachinesAPINodesAndPacks(t *testing.T) {
	t.Parallel()
	cni := []model.Pack{{Name: "cni", Layer: model.LayerCNI, Manifests: []string{"a"}}}
	applied := func(f *model.Facts) { f.API.Packs = map[string]model.AppliedPack{"cni": {Hash: cni[0].Hash()}} }
	notReady := func(f *model.Facts) { f.API.Nodes["c-w-2"] = model.KubeNode{Name: "c-w-2"} }
	for name, c := range map[string]struct {
		packs     []model.Pack
		change    func(*model.Facts)
		state     model.State
		health    model.Health
		condition model.Condition
	}{
		"everything works": {state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "MachinesReady", Status: isTrue, Reason: "AllPresent"}},
		"the API answers": {state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "APIReady", Status: isTrue, Reason: "Answering"}},
		"all nodes are ready": {state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "NodesReady", Status: isTrue, Reason: "AllReady"}},
		"a VM is missing": {change: func(f *model.Facts) { lose(f, "c-w-1") }, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "MachinesReady", Status: isFalse, Reason: "MachinesMissing",
				Message: "pool w has 1 of 2 VMs"}},
		"VMs are off": {change: func(f *model.Facts) {
			f.Machines[2].PoweredOn = false
			f.Machines[1].PoweredOn = false
			slices.Reverse(f.Machines)
		}, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "MachinesReady", Status: isFalse, Reason: "MachinesMissing",
				Message: "powered off: c-w-1, c-w-2"}},
		"a node has not joined": {change: func(f *model.Facts) { delete(f.API.Nodes, "c-w-2") },
			state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesReady", Status: isFalse, Reason: "NotJoined", Message: "Not joined: c-w-2"}},
		"the join of a control-plane node ended halfway": {change: func(f *model.Facts) { unjoined(f, 1, true) },
			state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesReady", Status: isFalse, Reason: "NotJoined", Message: "Not joined: c-cp-1"}},
		"nodes wait for a pod network": {change: func(f *model.Facts) {
			for name := range f.API.Nodes {
				f.API.Nodes[name] = model.KubeNode{Name: name}
			}
		}, state: model.StateRunning, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesReady", Status: isFalse, Reason: "NoPodNetwork",
				Message: "Nodes have joined and wait for a pod network; no pack of layer cni is in the profile. Not ready: c-cp-1, c-w-1, c-w-2"}},
		"nodes wait for a pod network, and a VM is missing": {change: func(f *model.Facts) {
			for name := range f.API.Nodes {
				f.API.Nodes[name] = model.KubeNode{Name: name}
			}
			lose(f, "c-w-1")
		}, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "MachinesReady", Status: isFalse, Reason: "MachinesMissing",
				Message: "pool w has 1 of 2 VMs"}},
		"a node is not ready on a pod network that no pack brought": {change: notReady, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesReady", Status: isFalse, Reason: "NotReady", Message: "Not ready: c-w-2"}},
		"a node is not ready": {packs: cni, change: func(f *model.Facts) {
			applied(f)
			notReady(f)
		}, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesReady", Status: isFalse, Reason: "NotReady", Message: "Not ready: c-w-2"}},
		"the API is unreachable": {change: func(f *model.Facts) { unreachable(f) }, state: model.StateRunning, health: model.Unknown,
			condition: model.Condition{Type: "APIReady", Status: unknown, Reason: "Unreachable",
				Message: "The API does not answer from here."}},
		"nodes of an unreachable API": {change: func(f *model.Facts) { unreachable(f) }, state: model.StateRunning, health: model.Unknown,
			condition: model.Condition{Type: "NodesReady", Status: unknown, Reason: "APIUnknown"}},
		"packs of an unreachable API": {packs: cni, change: func(f *model.Facts) { unreachable(f) },
			state: model.StateRunning, health: model.Unknown,
			condition: model.Condition{Type: "PacksApplied", Status: unknown, Reason: "APIUnknown"}},
		"unreachable, and a VM is missing": {change: func(f *model.Facts) { lose(unreachable(f), "c-w-1") },
			state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "NodesReady", Status: unknown, Reason: "APIUnknown"}},
		"the API was not asked": {change: func(f *model.Facts) { f.API = model.APIFacts{} }, state: model.StateRunning, health: model.Unknown,
			condition: model.Condition{Type: "APIReady", Status: unknown, Reason: "NotAsked",
				Message: "The state holds no kubeconfig, or there is no control plane."}},
		"packs are applied": {packs: cni, change: applied, state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "PacksApplied", Status: isTrue, Reason: "AllApplied"}},
		"a pack is not applied": {packs: cni, state: model.StateDegraded, health: model.Unhealthy,
			condition: model.Condition{Type: "PacksApplied", Status: isFalse, Reason: "NotApplied", Message: "Not applied: cni"}},
		"the API has never answered": {change: func(f *model.Facts) { f.Record.APIReached = false },
			state: model.StateFailed, health: model.Healthy,
			condition: model.Condition{Type: "MachinesReady", Status: isTrue, Reason: "AllPresent"}},
		"the record is missing": {change: func(f *model.Facts) { f.Record = model.Record{} },
			state: model.StateRunning, health: model.Healthy,
			condition: model.Condition{Type: "MachinesReady", Status: isTrue, Reason: "AllPresent"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := small(1, 2)
			s.Packs = c.packs
			f := running(1, 2)
			if c.change != nil {
				c.change(f)
			}
			got := plan.Status(s, f, nil, today)
			if got.State != c.state || got.Health != c.health {
				t.Errorf("%s, %s", got.State, got.Health)
			}
			if !slices.Contains(got.Conditions, c.condition) {
				t.Errorf("conditions %+v", got.Conditions)
			}
		})
	}
}

func TestStatusShowsNodesInOrderAndTheEndpoint(t *testing.T) {
	t.Parallel()
	f := running(1, 1)
	slices.Reverse(f.Machines)
	got := plan.Status(small(1, 1), f, nil, today)
	if got.Endpoint != "10.10.200.1:6443" || len(got.Nodes) != 2 {
		t.Fatalf("got %+v", got)
	}
	want := model.NodeStatus{
		Name:           "c-cp-1",
		Role:           model.RoleControlPlane,
		NodePool:       "cp",
		Address:        "10.10.200.3",
		UUID:           model.NodeUUID(clusterID, "c-cp-1").String(),
		VM:             "vm-c-cp-1",
		ComputeCluster: "compute",
		CloneMode:      model.CloneLinked,
		Ready:          true,
	}
	if got.Nodes[0] != want || got.Nodes[1].Name != "c-w-1" || got.Nodes[1].Role != model.RoleWorker {
		t.Errorf("nodes %+v", got.Nodes)
	}
	empty := plan.Status(small(1, 1), &model.Facts{}, nil, today)
	if empty.Endpoint != "" || empty.State != model.StateFailed || len(empty.Nodes) != 0 {
		t.Errorf("of nothing: %+v", empty)
	}
}

// After an import there is an identity and no configuration to compare with.
func TestStatusOfASpecWithoutNodePoolsIsJudgedByItself(t *testing.T) {
	t.Parallel()
	s := &model.ClusterSpec{Ref: record.Ref{Kind: record.KindCluster, Name: "c"}, ID: clusterID}
	got := plan.Status(s, running(3, 2), nil, today)
	if got.State != model.StateRunning || got.Health != model.Healthy || len(got.Nodes) != 5 {
		t.Errorf("got %+v", got)
	}
}
