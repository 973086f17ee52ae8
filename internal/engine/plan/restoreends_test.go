package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// begunRestore is a restore that has begun while the former control plane answers again: its
// VMs are there as before.
func begunRestore() (*model.ClusterSpec, *model.Facts) {
	s, _ := restoring()
	f := running(3, 2)
	f.Record.Reset = s.Reset
	f.Record.APIReached = false
	f.Record.Reconnect = true
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {4, 5, 6}}
	f.Record.Counters[model.ControlPlanePool] = 7
	return s, f
}

// What answers is not restored over, however far a restore has come. Without the attribute
// the cluster goes on with it.
func TestRestoreEndsWhereTheControlPlaneAnswers(t *testing.T) {
	t.Parallel()
	s, f := begunRestore()
	p := planned(s, f)
	if !says(on(p.Problems, model.ClusterField(model.FieldRestore)), "former control plane", `"c-cp-1", "c-cp-2"`, "answers",
		"Remove restore_from_snapshot") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	s.Restore, s.Reset = nil, ""
	wantSteps(t, planned(s, f), "create_record c")
	if back := plan.TakeBack(f.Record.Cluster, f); back.Reset != "" || back.Reconnect {
		t.Errorf("its record will be of %q, reconnecting %v", back.Reset, back.Reconnect)
	}
	// The first node of the restore goes, however far it is.
	join(f, nodePool(model.ControlPlanePool, 3), 0, 4)
	delete(f.API.Nodes, "c-cp-4")
	f.Machines[len(f.Machines)-1].Marker.Reset = snapshot.ID()
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-4")
	// That they do not answer from here is no proof that they do not work, be they on or off.
	for _, power := range []bool{true, false} {
		s, f = begunRestore()
		for i := range f.Machines {
			f.Machines[i].PoweredOn = power
		}
		p = planned(s, unreachable(f))
		problems := on(p.Problems, model.ClusterField(model.FieldRestore))
		if len(p.Steps()) > 0 || !says(problems, "back", `"c-cp-1", "c-cp-2"`, "a quorum of 3", "delete them in vCenter") {
			t.Errorf("planned %s (%v)", names(p), p.Problems)
		}
	}
	// Two of them are gone for good: what has begun goes on.
	lose(f, "c-cp-2")
	lose(f, "c-cp-3")
	const rest = "create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net"
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-1, release_address c-cp-2, release_address c-cp-3, "+rest)
	// Their addresses were released before the run was killed, and the third is back since.
	f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return c.Owner == "c-cp-2" || c.Owner == "c-cp-3" })
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-1, "+rest)
	// The one of a control plane of one node is a quorum, also where another snapshot is named.
	other := *snapshot
	other.SHA256 = strings.Repeat("c", 64)
	for _, from := range []*model.Restore{snapshot, &other} {
		s.ControlPlane.Count = 1
		s.Restore, s.Reset = from, from.ID()
		if p = planned(s, f); len(p.Steps()) > 0 || !says(p.Problems, `"c-cp-1"`, "a quorum of 1") {
			t.Errorf("planned %s (%v)", names(p), p.Problems)
		}
	}

	// The new one serves, its answer was not recorded, and another snapshot is named, or none.
	s, f = begunRestore()
	f.Record.Pending = nil
	for i := range f.Machines {
		if m := &f.Machines[i].Marker; m.ControlPlane() {
			m.Reset = s.Reset
		}
	}
	s.Restore, s.Reset = &other, other.ID()
	if p := planned(s, f); !says(p.Problems, "The cluster has its quorum", "Remove restore_from_snapshot") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	s.Restore, s.Reset = nil, ""
	wantSteps(t, planned(s, f), "create_record c, reconnect_workers c")
	if back := plan.TakeBack(f.Record.Cluster, f); back.Reset != snapshot.ID() || !back.Reconnect {
		t.Errorf("its record will be of %q, reconnecting %v", back.Reset, back.Reconnect)
	}
	// VMs of before are off, and back: they are not what answers.
	returned(f, 9, false)
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-9, reconnect_workers c")
	s.Restore, s.Reset = snapshot, snapshot.ID()
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-9, remove_stale_nodes c, reconnect_workers c")
}

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

// restoredFirst is a restore whose first node answers, as far as the record knows or not,
// with the nodes of the snapshot.
func restoredFirst(recorded bool) (*model.ClusterSpec, *model.Facts) {
	s, f := restoring("c-cp-1", "c-cp-2", "c-cp-3")
	f.Gone = nil
	f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return strings.HasPrefix(c.Owner, "c-cp") })
	f.API = running(3, 2).API
	join(f, nodePool(model.ControlPlanePool, 3), 0, 4)
	f.Machines[len(f.Machines)-1].Marker.Reset = s.Reset
	f.Record.Reset = s.Reset
	f.Record.APIReached = recorded
	f.Record.Reconnect = true
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {5, 6}}
	if !recorded {
		f.Record.Pending[model.ControlPlanePool] = []int{4, 5, 6}
	}
	f.Record.Counters[model.ControlPlanePool] = 7
	return s, f
}

const restoredRest = "remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c"

// What answers is the first node, whether kubeadm init has ended on it or not: a webhook that
// came with the snapshot may stop that. It is not restored over.
func TestRestoreKeepsTheFirstNodeThatAnswers(t *testing.T) {
	t.Parallel()
	s, f := restoredFirst(false)
	p := planned(s, f)
	wantSteps(t, p, "create_record c, "+restoredRest)
	if pending := p.Numbers.Pending[model.ControlPlanePool]; !slices.Equal(pending, []int{5, 6}) {
		t.Errorf("the record will have the pending nodes %v", pending)
	}
	// It does not know the node: what answers is another one.
	delete(f.API.Nodes, "c-cp-4")
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-4, create_node c-cp-4, "+
		"remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c")
}

// The reconnection ends where no worker is left to be reconnected: the plan after it is empty.
func TestReconnectionEndsWithoutWorkers(t *testing.T) {
	t.Parallel()
	s, f := restoredFirst(true)
	s.Workers[0].CPU = 4
	wantSteps(t, planned(s, f), restoredRest+", create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2")
	s.Workers = nil
	wantSteps(t, planned(s, f), restoredRest+", delete_node c-w-1, delete_node c-w-2")
	f.Machines = f.Machines[2:]
	f.Claims = f.Claims[:0]
	delete(f.API.Nodes, "c-w-1")
	delete(f.API.Nodes, "c-w-2")
	f.Record.Reconnect = false
	if p := planned(s, f); strings.Contains(names(p), "reconnect_workers") {
		t.Errorf("planned %s", names(p))
	}
	s, f = restoring("c-cp-1", "c-cp-2", "c-cp-3")
	s.Workers = nil
	wantSteps(t, planned(s, f), "reset_control_plane c, release_address c-cp-1, release_address c-cp-2, release_address c-cp-3, "+
		"create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net, "+
		"delete_node c-w-1, delete_node c-w-2")
}

// Names of nodes that were replaced may stay in the list also while the control plane is
// restored.
func TestRestoreLeavesNodesToReplace(t *testing.T) {
	t.Parallel()
	s, f := restoring("c-cp-1", "c-cp-2", "c-cp-3")
	s.ReplaceNodes = []string{"c-w-1"}
	if p := planned(s, f); p.Err() != nil {
		t.Error(p.Err())
	}
	s.ReplaceNodes = []string{"c-w-7"}
	if p := planned(s, f); !says(p.Problems, "c-w-7") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
}

// The new control plane answers before its first node is Ready, and the former VMs are back,
// off: what is off does not say what answers. The node's name is in no snapshot, so that
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

// restarted is a restore that is taken back while its first node answers, and the former
// control plane runs, too, as where vSphere HA has started it again.
func restarted() (*model.ClusterSpec, *model.Facts) {
	s, f := begunRestore()
	join(f, nodePool(model.ControlPlanePool, 3), 0, 4)
	f.Machines[len(f.Machines)-1].Marker.Reset = s.Reset
	s.Restore, s.Reset = nil, ""
	return s, f
}

// Two control planes that run are never taken for one, however many of their nodes the API
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

// A cluster that was restored before goes on with what it is, and its nodes are not taken for
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
