package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
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
	o.Record = &ledger.ClusterBody{ID: clusterID, Ready: true, Done: true, Counters: map[string]int{"cp": controlPlane + 1, "w": workers + 1}}
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
	o.Record.Ready, o.APIAsked, o.Nodes = false, false, nil
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

func TestPlanRefusesAPoolThatIsTooSmall(t *testing.T) {
	t.Parallel()
	o := observed(6)
	o.IPPools["pool"].Taken = 2
	p := engine.PlanFor(small(3, 2), o)
	if len(p.Problems) != 1 {
		t.Fatalf("got %+v", p.Problems)
	}
	got := p.Problems[0]
	if got.Field != "control_plane.placement.ip_pool_id" {
		t.Errorf("on %s", got.Field)
	}
	for _, want := range []string{"6 addresses", "2 in use", "4 free", "8 are needed", "3 for the control plane", "1 for the VIP", "1 for the extra", "2 for worker pool w", "1 for rolling workers (expand_first)"} {
		if !strings.Contains(got.Detail, want) {
			t.Errorf("%q does not say %q", got.Detail, want)
		}
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

func TestPlanIsUnknownWhileAPoolIsNotRegistered(t *testing.T) {
	t.Parallel()
	o := observed(100)
	o.IPPools = nil
	if p := engine.PlanFor(small(1, 0), o); !p.Unknown || p.Err() != nil {
		t.Fatalf("got %+v", p)
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
	o.Record.Ready, o.Record.Done = false, false
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

// TestPlanProperties holds the planner to what must be true of every plan,
// whatever is wanted and whatever is there.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), rapid.IntRange(0, 6).Draw(t, "workers"))
		o := running(observed(1000), rapid.IntRange(1, 3).Draw(t, "there"), rapid.IntRange(0, 6).Draw(t, "workers there"))
		o.Record.Ready = rapid.Bool().Draw(t, "ready")
		o.Record.Counters["w"] += rapid.IntRange(0, 3).Draw(t, "skipped")
		if rapid.Bool().Draw(t, "unreachable") {
			o.APIError, o.Nodes = "no route", nil
		}
		for _, m := range slices.Clone(o.Survey.Machines) {
			switch rapid.IntRange(0, 4).Draw(t, "fate of "+m.Marker.Node) {
			case 0:
				lose(o, m.Marker.Node)
			case 1:
				delete(o.Nodes, m.Marker.Node)
			}
		}
		there, used := map[string]bool{}, map[string]int{}
		for _, m := range o.Survey.Machines {
			there[m.Marker.Node] = true
		}
		p := engine.PlanFor(spec, o)
		if p.Err() != nil {
			return
		}
		firsts := 0
		deleted := map[string]bool{}
		for _, s := range p.Steps {
			if s.First() {
				firsts++
			}
			switch s.Action {
			case engine.ActionDeleteNode:
				deleted[s.Target] = true
				if !there[s.Target] {
					t.Fatalf("%s has no VM to delete", s.Target)
				}
			case engine.ActionCreateNode:
				used[s.Target]++
				if there[s.Target] && !deleted[s.Target] {
					t.Fatalf("%s is created beside itself", s.Target)
				}
				if _, known := o.Nodes[s.Target]; known {
					t.Fatalf("%s has been a node already", s.Target)
				}
			}
		}
		for name, n := range used {
			if n > 1 {
				t.Fatalf("%s is created %d times", name, n)
			}
		}
		if firsts > 1 || firsts == 1 && o.Record.Ready {
			t.Fatalf("%d nodes initialise a control plane (ready: %v)", firsts, o.Record.Ready)
		}
		left := 0
		for name := range there {
			if strings.Contains(name, "-w-") && !deleted[name] {
				left++
			}
		}
		for name := range used {
			if strings.Contains(name, "-w-") {
				left++
			}
		}
		if left != spec.Workers[0].Count {
			t.Fatalf("%d workers are wanted and the plan leads to %d: %s", spec.Workers[0].Count, left, names(p))
		}
	})
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

// TestPlanComparesNetworks has pools that name their network in every way that
// there is.
func TestPlanComparesNetworks(t *testing.T) {
	t.Parallel()
	const path = "/dc-1/network/nodes"
	for _, c := range []struct {
		pool, placement, resolved string
		same                      bool
	}{
		{"", "nodes", path, true},
		{"nodes", "nodes", path, true},
		{"nodes", path, path, true},
		{path, "nodes", path, true},
		{path, path, path, true},
		{"network/nodes", "nodes", path, true},
		{"Nodes", "nodes", path, false},
		{"other", "nodes", path, false},
		{"/dc-2/network/nodes", path, path, false},
		// What the placement's name means is known.
		{"/dc-2/network/nodes", "nodes", path, false},
		{"/dc-2/network/nodes", "nodes", "", true},
	} {
		spec, o := small(1, 0), observed(100)
		spec.ControlPlane.Placements[0].Network = c.placement
		for i := range o.Survey.Site.Placements {
			o.Survey.Site.Placements[i].Network.Path = c.resolved
		}
		o.IPPools["pool"].Body.Network = c.pool
		p := engine.PlanFor(spec, o)
		refused := slices.ContainsFunc(p.Problems, func(p engine.Problem) bool { return p.Field == "control_plane.placement.network" })
		if refused == c.same {
			t.Errorf("pool on %q, placement on %q (%s): %+v", c.pool, c.placement, c.resolved, p.Problems)
		}
	}
}

// TestPlanWarnsOfNoNameservers has a pool whose nodes would know no DNS server,
// on which real CoreDNS does not start.
func TestPlanWarnsOfNoNameservers(t *testing.T) {
	t.Parallel()
	silent := func(p *engine.Plan) bool {
		return !slices.ContainsFunc(p.Warnings, func(w engine.Problem) bool { return strings.Contains(w.Summary, "nameservers") })
	}
	spec, o := small(3, 2), observed(100)
	if p := engine.PlanFor(spec, o); !silent(p) {
		t.Errorf("there are nameservers: %+v", p.Warnings)
	}
	o.IPPools["pool"].Body.Nameservers = nil
	p := engine.PlanFor(spec, o)
	if p.Err() != nil || len(p.Warnings) != 1 || silent(p) || p.Warnings[0].Field != "control_plane.placement.ip_pool_id" {
		t.Errorf("want one warning at the control plane's pool: %+v, %v", p.Warnings, p.Err())
	}
	if p := engine.PlanFor(spec, running(o, 3, 2)); !silent(p) {
		t.Errorf("no node is built: %+v", p.Warnings)
	}
}
