package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/google/uuid"
)

const clusterID = "5a1f7f3e-1df6-4d53-9f7a-6f8b0d6d3a11"

// small is a cluster with a control plane and one pool of workers on one pool
// of addresses.
func small(controlPlane, workers int) *engine.ClusterSpec {
	place := []engine.Placement{{ComputeCluster: "a", IPPoolID: "pool"}}
	return &engine.ClusterSpec{
		Kind: engine.KindCluster, ID: clusterID, Name: "c", CloneMode: engine.CloneAuto,
		ControlPlane: engine.PoolSpec{Name: engine.ControlPlanePool, Count: controlPlane, Placements: place},
		Workers:      []engine.PoolSpec{{Name: "w", Count: workers, Placements: place}},
	}
}

func observed(total int) *engine.Observed {
	o := engine.NewObserved(total, "pool")
	place := engine.ResolvedPlacement{ComputeCluster: "ref", ComputeClusterName: "a", Datastore: "ds"}
	o.Survey.Site.Placements = []engine.ResolvedPlacement{place, place}
	return o
}

// running adds a finished record and joined machines.
func running(o *engine.Observed, controlPlane, workers int) *engine.Observed {
	o.Record = &record.Cluster{ID: uuid.MustParse(clusterID), APIReached: true, CreationComplete: true, Counters: map[string]int{"cp": controlPlane + 1, "w": workers + 1}}
	o.Authorities, o.APIAsked, o.Kept, o.Nodes = "ca", true, true, map[string]engine.KubeNode{}
	o.Claims = []engine.Claim{{Pool: "pool", Node: engine.OwnerVIP}, {Pool: "pool", Node: engine.OwnerExtra}}
	for i := range controlPlane {
		o.Add("cp", i+1)
	}
	for i := range workers {
		o.Add("w", i+1)
	}
	return o
}

// lose takes a VM away; its node is no longer Ready.
func lose(o *engine.Observed, name string) {
	o.Survey.Machines = slices.DeleteFunc(o.Survey.Machines, func(m engine.Machine) bool { return m.Marker.Node == name })
	if o.Nodes != nil {
		o.Nodes[name] = engine.KubeNode{Name: name}
	}
}

func names(p *engine.Plan) string { return strings.Join(actions(p), ", ") }

func TestPlanCreatesInOrder(t *testing.T) {
	t.Parallel()
	p := engine.PlanFor(small(3, 2), observed(100))
	want := "register c, reserve_endpoint c, create_node c-cp-1, create_node c-cp-2, create_node c-cp-3, create_node c-w-1, create_node c-w-2"
	if names(p) != want || p.Err() != nil {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
	stages := map[int]int{}
	for _, s := range p.Steps {
		stages[s.Stage()]++
		if s.First() != (s.Target == "c-cp-1") {
			t.Errorf("%s first: %v", s.Target, s.First())
		}
	}
	if len(stages) != 6 {
		t.Errorf("control-plane nodes must join one at a time and workers together: %v", stages)
	}
}

func TestPlanOfARunningClusterIsEmpty(t *testing.T) {
	t.Parallel()
	if p := engine.PlanFor(small(3, 2), running(observed(100), 3, 2)); len(p.Steps) != 0 || p.Err() != nil {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
}

func TestPlanReplacesALostWorkerUnderANewName(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	lose(o, "c-w-1")
	if got := names(engine.PlanFor(small(1, 2), o)); got != "forget_node c-w-1, create_node c-w-3" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanBuildsANodeThatNeverJoinedAgainUnderItsName(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	delete(o.Nodes, "c-w-2")
	o.Record.Pending = map[string][]int{"w": {2}}
	if got := names(engine.PlanFor(small(1, 2), o)); got != "delete_node c-w-2, create_node c-w-2" {
		t.Fatalf("got %s", got)
	}
	// Killed before the clone: there is no VM, and the number is still its.
	o.Survey.Machines = slices.DeleteFunc(o.Survey.Machines, func(m engine.Machine) bool { return m.Marker.Node == "c-w-2" })
	if got := names(engine.PlanFor(small(1, 2), o)); got != "create_node c-w-2" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanTakesOverWhatWasNeverFinished(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 0)
	o.Record.APIReached, o.APIAsked, o.Nodes = false, false, nil
	o.Authorities = "another"
	spec := small(1, 1)
	spec.New = true
	want := "register c, delete_node c-cp-1, create_node c-cp-1, create_node c-w-1"
	if p := engine.PlanFor(spec, o); names(p) != want || !p.Steps[2].First() {
		t.Fatalf("got %s", names(p))
	}
}

func TestPlanNeverTakesOverAFinishedCluster(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 0)
	spec := small(1, 0)
	spec.New = true
	p := engine.PlanFor(spec, o)
	if len(p.Steps) != 0 || len(p.Problems) != 1 || p.Problems[0].Field != "name" || !strings.Contains(p.Problems[0].Detail, "import") {
		t.Fatalf("got %s, %+v", names(p), p.Problems)
	}
}

func TestPlanNeverInitialisesARunningClusterAgain(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 1)
	lose(o, "c-cp-1")
	o.APIError, o.Nodes = "no route", nil
	p := engine.PlanFor(small(1, 1), o)
	if p.Err() == nil || strings.Contains(names(p), "create_node c-cp") {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
}

func TestPlanLeavesNodesAloneWhileTheAPIIsUnreachable(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 3, 2)
	o.APIError, o.Nodes = "no route", nil
	p := engine.PlanFor(small(3, 2), o)
	if len(p.Steps) != 0 || p.Err() != nil || len(p.Warnings) != 1 {
		t.Fatalf("unreachable is not gone: %s (%v)", names(p), p.Warnings)
	}
}

func TestPlanScalesInNewestAndNotReadyFirst(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 3)
	node := o.Nodes["c-w-1"]
	node.Ready = false
	o.Nodes["c-w-1"] = node
	if got := names(engine.PlanFor(small(1, 1), o)); got != "delete_node c-w-1, delete_node c-w-3" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanRefusesALinkedCloneThatWouldBeFull(t *testing.T) {
	t.Parallel()
	spec, o := small(1, 0), observed(100)
	spec.CloneMode = engine.CloneLinked
	o.Survey.Site.Template.Snapshot = ""
	p := engine.PlanFor(spec, o)
	if len(p.Problems) != 1 || p.Problems[0].Field != "clone_mode" || !strings.Contains(p.Problems[0].Detail, "no snapshot") {
		t.Fatalf("got %+v", p.Problems)
	}
}

func TestPlanLeavesAControlPlaneAloneWhoseNodeObjectIsGone(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 3, 0)
	delete(o.Nodes, "c-cp-2")
	if p := engine.PlanFor(small(3, 0), o); len(p.Steps) != 0 || len(p.Warnings) != 1 || p.Err() != nil {
		t.Fatalf("got %s (%v, %v)", names(p), p.Warnings, p.Err())
	}
}

func TestPlanLeavesANodeAloneThatIsReadyWithoutAVMInSight(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	lose(o, "c-w-1")
	o.Nodes["c-w-1"] = engine.KubeNode{Name: "c-w-1", Ready: true}
	if p := engine.PlanFor(small(1, 2), o); len(p.Steps) != 0 || len(p.Warnings) != 1 {
		t.Fatalf("got %s (%v)", names(p), p.Warnings)
	}
}

func TestPlanLeavesAVMAloneThatCannotBeRead(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	lose(o, "c-w-1")
	o.Survey.Unreadable = []string{"c-w-1"}
	if p := engine.PlanFor(small(1, 2), o); len(p.Steps) != 0 || len(p.Warnings) != 1 {
		t.Fatalf("got %s (%v)", names(p), p.Warnings)
	}
	if p := engine.PlanDestroyFor(small(1, 2).Target(), o); len(p.Steps) != 0 || p.Err() == nil {
		t.Fatalf("destroyed all the same: %s", names(p))
	}
}

func TestPlanRegistersAgainWhatLostItsRecord(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	o.Record = nil
	p := engine.PlanFor(small(1, 2), o)
	if names(p) != "register c" || p.Err() != nil || len(p.Warnings) != 1 {
		t.Fatalf("a healthy cluster is not built again: %s (%v, %v)", names(p), p.Err(), p.Warnings)
	}
}

func TestPlanRefusesAuthoritiesThatAreNotTheClusters(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	o.Authorities = "other"
	if p := engine.PlanFor(small(1, 2), o); len(p.Steps) != 0 || p.Err() == nil {
		t.Fatalf("got %s", names(p))
	}
}

func TestPlanAsksForNothingThatItDoesNotUse(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	o.Survey.Problems = []engine.Problem{{Field: "profile.image.template", Summary: "Unknown template"}}
	if p := engine.PlanFor(small(1, 1), o); names(p) != "delete_node c-w-2" || p.Err() != nil {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
	if p := engine.PlanFor(small(1, 3), o); p.Err() == nil {
		t.Fatal("a node is planned on a template that is gone")
	}
}

func TestPlanClaimsALostVIPAgain(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 0)
	o.Unclaimed, o.Claims = o.Claims[:1], o.Claims[1:]
	if got := names(engine.PlanFor(small(1, 0), o)); got != "claim_address vip" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanReleasesTheEndpointOfAnEarlierTry(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 0, 0)
	o.Record.APIReached, o.Record.CreationComplete = false, false
	o.Claims = append(o.Claims, engine.Claim{Pool: "before", Node: engine.OwnerVIP})
	spec := small(1, 0)
	spec.New = true
	if got := names(engine.PlanFor(spec, o)); got != "register c, release_address vip, create_node c-cp-1" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanRenewsAKubeconfigInTime(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 0)
	o.KubeconfigStale = true
	if got := names(engine.PlanFor(small(1, 0), o)); got != "renew_kubeconfig c" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanKeepsWhatImportNeeds(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 0)
	o.Kept = false
	if got := names(engine.PlanFor(small(1, 0), o)); got != "keep_configuration c" {
		t.Fatalf("got %s", got)
	}
}

func TestPlanDestroyTakesAddressesLast(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 2)
	o.Record.Folders = []string{"k8s", "k8s/c"}
	o.Claims = append(o.Claims, engine.Claim{Pool: "pool", Node: "c-w-9"})
	want := "delete_node c-w-1, delete_node c-w-2, delete_node c-cp-1, release_address c-w-9, release_endpoint c, delete_folder k8s/c, delete_folder k8s, unregister c"
	if got := names(engine.PlanDestroyFor(small(1, 2).Target(), o)); got != want {
		t.Fatalf("got %s", got)
	}
}

func TestPlanDestroyRefusesAGatewayInUse(t *testing.T) {
	t.Parallel()
	o := running(observed(100), 1, 0)
	o.Children = []string{"cluster prod"}
	p := engine.PlanDestroyFor(small(1, 0).Target(), o)
	if len(p.Steps) != 0 || p.Err() == nil || !strings.Contains(fmt.Sprint(p.Err()), "cluster prod") {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
}
