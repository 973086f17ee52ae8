package plan_test

import (
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// A gateway whose reset has begun, and is not asked for any more, goes on with what answers.
func TestResetThatIsTakenBackEndsWhereTheControlPlaneAnswers(t *testing.T) {
	t.Parallel()
	s, f := gateway()
	s.Reset = ""
	f.Record.Reset = "r1"
	f.Record.APIReached = false
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {2}}
	f.Record.Counters[model.ControlPlanePool] = 3
	wantSteps(t, planned(s, f), "create_record c")
}

// only the restored etcd knows it.
func TestRestoreThatIsTakenBackGoesOnWithTheNodeThatTheAPIKnows(t *testing.T) {
	t.Parallel()
	s, f := begunRestore()
	for i := range f.Machines {
		if m := &f.Machines[i]; m.Marker.ControlPlane() {
			m.PoweredOn = false
			f.API.Nodes[m.Marker.Node] = model.KubeNode{Name: m.Marker.Node} // of the snapshot
		}
	}
	join(f, nodePool(model.ControlPlanePool, 3), 0, 4)
	f.Machines[len(f.Machines)-1].Marker.Reset = s.Reset
	f.API.Nodes["c-cp-4"] = model.KubeNode{Name: "c-cp-4"}
	s.Restore, s.Reset = nil, ""
	if back := plan.TakeBack(f.Record.Cluster, f); back.Reset != snapshot.ID() || !back.Reconnect {
		t.Errorf("its record will be of %q, reconnecting %v", back.Reset, back.Reconnect)
	}
	p := planned(s, f)
	wantSteps(t, p, "create_record c, delete_node c-cp-1, delete_node c-cp-2, delete_node c-cp-3, "+
		"remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c")
	if pending := p.Numbers.Pending[model.ControlPlanePool]; !slices.Equal(pending, []int{5, 6}) {
		t.Errorf("the record will have the pending nodes %v", pending)
	}
}

// With leases the load balancer goes on with what answers, not with what it was to go back to.
func TestRestoreThatIsTakenBackKeepsTheMembersThatAnswer(t *testing.T) {
	t.Parallel()
	s, f := leased(3, 0), leasedRunning(3, 0)
	f.Record.Former, f.Record.Members = f.Record.Members, map[int]netip.Addr{4: netip.MustParseAddr("10.10.9.4")}
	f.Record.Reset, f.Record.APIReached = snapshot.ID(), false
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {4, 5, 6}}
	f.Record.Counters[model.ControlPlanePool] = 7
	node := f.Machines[0]
	node.Marker.Node, node.Marker.Ordinal, node.Marker.Reset = "c-cp-4", 4, f.Record.Reset
	node.Address = f.Record.Members[4]
	f.Machines = []model.Machine{node}
	f.API.Nodes = map[string]model.KubeNode{"c-cp-4": {Name: "c-cp-4"}} // kubeadm init did not come to its label
	back := plan.TakeBack(f.Record.Cluster, f)
	if back.Reset != snapshot.ID() || !maps.Equal(back.Members, f.Record.Members) || len(back.Former) > 0 {
		t.Errorf("the record will be of %q, with the members %v and former ones %v", back.Reset, back.Members, back.Former)
	}
	if got := plan.BackendsOf(plan.Candidates(&back)); got != "10.10.9.4" {
		t.Errorf("the load balancer forwards to %s", got)
	}
	if members := plan.Members(s, f); !maps.Equal(members, f.Record.Members) {
		t.Errorf("the members are %v", members)
	}
}

// control plane runs, too, as where vSphere HA has started it again.
func restarted() (*model.ClusterSpec, *model.Facts) {
	s, f := begunRestore()
	join(f, nodePool(model.ControlPlanePool, 3), 0, 4)
	f.Machines[len(f.Machines)-1].Marker.Reset = s.Reset
	s.Restore, s.Reset = nil, ""
	return s, f
}

// knows: each has what the other one lacks.
func TestTakenBackRestoreIsRefusedWhileTwoControlPlanesRun(t *testing.T) {
	t.Parallel()
	s, f := restarted()
	refused := func(words ...string) {
		t.Helper()
		if p := planned(s, f); len(p.Steps()) > 0 || !says(on(p.Problems, controlPlane), words...) {
			t.Errorf("planned %s (%v)", names(p), p.Problems)
		}
	}
	refused("Two control planes run", `"c-cp-1", "c-cp-2"`, `"c-cp-4"`, "Delete or power off")
	// The restored one was made from a snapshot that does not know those that run.
	for _, name := range []string{"c-cp-1", "c-cp-2", "c-cp-3"} {
		delete(f.API.Nodes, name)
	}
	refused("Two control planes run", `"c-cp-1", "c-cp-2"`)
	// None that runs is known: it is not guessed what answers.
	s, f = restarted()
	for i := range f.Machines {
		f.Machines[i].PoweredOn = f.Machines[i].PoweredOn && !f.Machines[i].Marker.ControlPlane()
	}
	refused("not known which control plane", "Plan again")

	// The former one answers, and what was restored is off: it goes, before its reset is
	// recorded as taken back and after.
	s, f = restarted()
	f.Machines[len(f.Machines)-1].PoweredOn = false
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-4")
	f.Record.Cluster = plan.TakeBack(f.Record.Cluster, f)
	f.Record.APIReached = true
	f.Record.Pending = nil
	wantSteps(t, planned(s, f), "delete_node c-cp-4")
}

// those of a snapshot, in the run neither.
func TestTakenBackRestoreKeepsTheNodesOfTheOneBefore(t *testing.T) {
	t.Parallel()
	s, f := begunRestore()
	s.Restore, s.Reset = nil, ""
	for i := range f.Machines {
		if m := &f.Machines[i].Marker; m.ControlPlane() {
			m.Reset = "restore-before"
		}
	}
	f.API.Nodes["c-w-9"] = model.KubeNode{Name: "c-w-9"}
	wantSteps(t, planned(s, f), "create_record c, remove_stale_nodes c")
	if stale := plan.StaleNodes(s, f, f.API.Nodes, func(string) bool { return false }); !slices.Equal(stale, []string{"c-w-9"}) {
		t.Errorf("stale are %v", stale)
	}
}

// as in any cluster that runs.
func TestTakenBackResetKeepsWhatHasJoined(t *testing.T) {
	t.Parallel()
	s, f := begunRestore()
	s.Restore, s.Reset = nil, ""
	delete(f.API.Nodes, "c-cp-2")
	delete(f.API.Nodes, "c-w-1")
	for i := range f.Machines {
		f.Machines[i].PoweredOn = f.Machines[i].Marker.Node != "c-w-1"
	}
	p := planned(s, f)
	wantSteps(t, p, "create_record c, power_on_node c-w-1")
	if !says(p.Warnings, "node object is gone", `"c-cp-2"`) {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	// What never joined leaves the etcd that it may be a member of.
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {2, 4, 5, 6}}
	p = planned(s, f)
	wantSteps(t, p, "create_record c, delete_node c-cp-2, power_on_node c-w-1, create_node c-cp-2")
	if gone := stage(t, p, "control plane cleanup").Steps[0].(model.DeleteNode); !gone.LeavesEtcd {
		t.Error("it does not leave etcd")
	}

	s, _ = gateway()
	s.ControlPlane.Count, s.Reset = 3, ""
	f = running(3, 0)
	f.API.Packs = map[string]model.AppliedPack{"agent": {Hash: s.Packs[0].Hash()}}
	f.Record.Reset, f.Record.APIReached = "r1", false
	delete(f.API.Nodes, "c-cp-2")
	wantSteps(t, planned(s, f), "create_record c")
}
