package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

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
	f.Record.FormerMembers = 3
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
	// The one of a control plane of one node is a quorum, also where another snapshot is named,
	// and where node_count was raised with the restore; or where nothing says how many they were.
	other := *snapshot
	other.SHA256 = strings.Repeat("c", 64)
	for _, from := range []*model.Restore{snapshot, &other} {
		for _, count := range []int{1, 3} {
			for _, members := range []int{1, 0} {
				f.Record.FormerMembers = members
				s.ControlPlane.Count = count
				s.Restore, s.Reset = from, from.ID()
				if p = planned(s, f); len(p.Steps()) > 0 || !says(p.Problems, `"c-cp-1"`, "a quorum of 1") {
					t.Errorf("with %d of %d: planned %s (%v)", members, count, names(p), p.Problems)
				}
			}
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
// restarted is a restore that is taken back while its first node answers, and the former
// Two control planes that run are never taken for one, however many of their nodes the API
// A cluster that was restored before goes on with what it is, and its nodes are not taken for
// The former control plane is gone, and the new one has not answered: a worker whose VM is not
// seen may run all the same, until vCenter says that it is gone.
func TestBegunRestoreKeepsAWorkerThatIsNotProvenGone(t *testing.T) {
	t.Parallel()
	s, f := restoredFirst(false)
	unreachable(f)
	f.Machines = slices.DeleteFunc(f.Machines, func(m model.Machine) bool { return m.Marker.Node == "c-w-1" || m.Marker.ControlPlane() })
	const rest = "create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net"
	p := planned(s, f)
	wantSteps(t, p, "create_record c, "+rest)
	if !says(p.Warnings, `"c-w-1"`, "It keeps its address and its place") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	f.Gone = []model.KnownMachine{{Node: "c-w-1", Ref: "VirtualMachine:vm-1"}}
	wantSteps(t, planned(s, f), "create_record c, release_address c-w-1, "+rest+", create_node c-w-3")
}

// The control plane that a reset is taken back to has run before: what has joined it is kept
// A worker that has yet to come back to the restored control plane is not Ready for that: it
// is reconnected, and judged after.
func TestReconnectionComesBeforeRepair(t *testing.T) {
	t.Parallel()
	s, f := restoredFirst(true)
	s.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 2}
	f.API.Nodes["c-cp-4"] = model.KubeNode{Name: "c-cp-4", Ready: true, ControlPlane: true}
	ill(f, "c-w-2", time.Hour)
	wantSteps(t, planned(s, f), restoredRest)
	if !plan.Unrepaired(s, f)["c-w-2"] {
		t.Error("the run waits for a node that its plan leaves as it is")
	}
	f.Record.Reconnect = false
	wantSteps(t, planned(s, f), strings.TrimSuffix(restoredRest, ", reconnect_workers c")+", create_node c-w-3, delete_node c-w-2")
}

// The first node of a restore has joined, as the record knows, and reports nothing now: it is
// off, or boots. It may have served, and is not restored over: what is off is powered on.
func TestRestoreKeepsAFirstNodeThatWasSeenToJoin(t *testing.T) {
	t.Parallel()
	s, f := restoredFirst(false)
	unreachable(f)
	f.Record.Pending[model.ControlPlanePool] = []int{5, 6}
	node := &f.Machines[len(f.Machines)-1]
	p := planned(s, f)
	if len(p.Steps()) > 0 || !says(p.Problems, `"c-cp-4"`, "has joined", "delete its VM") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	node.PoweredOn = false
	wantSteps(t, planned(s, f), resumed)
	// One that was not is built anew, as those that were made ahead and never booted.
	f.Record.Pending[model.ControlPlanePool] = []int{4, 5, 6}
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-4, create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, "+
		"create_node c-cp-6, reconnect_workers c, apply_pack net")
}

const resumed = "create_record c, power_on_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, " +
	"reconnect_workers c, apply_pack net"

// The first node of a restore has booted, and lost its power before a run had seen whether it
// joined: it may have served for long, and goes on with what it has.
func TestRestoreGoesOnWithAFirstNodeThatLostItsPower(t *testing.T) {
	t.Parallel()
	begun := func() (*model.ClusterSpec, *model.Facts, *model.Machine) {
		s, f := restoredFirst(false)
		node := &f.Machines[len(f.Machines)-1]
		node.Booted, node.PoweredOn = true, false
		return s, unreachable(f), node
	}
	s, f, _ := begun()
	p := planned(s, f)
	wantSteps(t, p, resumed)
	if p.First() != "c-cp-4" || !slices.Equal(p.Numbers.Pending[model.ControlPlanePool], []int{4, 5, 6}) {
		t.Errorf("the first node is %q, and the record will have the pending nodes %v", p.First(), p.Numbers.Pending)
	}
	if !says(on(p.Warnings, model.ClusterField(model.FieldRestore)), `"c-cp-4"`, "not restored over", "delete its VM") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	if st := stage(t, p, "power on first node"); st.OnFailure != model.Stop {
		t.Errorf("others join what does not answer: %+v", st)
	}
	// A VM of the former control plane goes before it is powered on.
	f.API.Nodes = map[string]model.KubeNode{}
	returned(f, 1, false)
	f.Unclaimed = nil
	f.Record.FormerMembers = 3
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-1, "+strings.TrimPrefix(resumed, "create_record c, "))

	refused := func(s *model.ClusterSpec, f *model.Facts, words ...string) {
		t.Helper()
		if p := planned(s, f); len(p.Steps()) > 0 || !says(p.Problems, words...) {
			t.Errorf("planned %s (%v)", names(p), p.Problems)
		}
	}
	// It boots, or may not report. What it reports of its bootstrap is that of a first boot.
	s, f, node := begun()
	node.PoweredOn = true
	refused(s, f, `"c-cp-4"`, "has booted", "plan again", "delete its VM")
	node.Phase = model.PhaseFailed
	if p := planned(s, f); !strings.HasPrefix(names(p), "create_record c, delete_node c-cp-4, create_node c-cp-4") || p.Err() != nil {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	// Where init began, there is an API server, which may serve, whatever came of the rest.
	s, f, node = begun()
	node.PoweredOn, node.Phase = true, model.PhaseInitFailed
	refused(s, f, `"c-cp-4"`, "did not end well", "delete its VM")
	node.Phase = model.PhaseResuming
	refused(s, f, `"c-cp-4"`, "has booted again", "delete its VM")
	node.PoweredOn = false
	wantSteps(t, planned(s, f), resumed)
	// Another snapshot is named, or none; or the authorities are not the VM's.
	s, f, node = begun()
	other := *snapshot
	other.SHA256 = strings.Repeat("c", 64)
	s.Restore, s.Reset = &other, other.ID()
	refused(s, f, `"c-cp-4"`, "has booted", "with the snapshot that it was restored from")
	s.Restore, s.Reset = nil, ""
	refused(s, f, "being restored")
	s.Restore, s.Reset = snapshot, snapshot.ID()
	node.Marker.CAFingerprint = "sha256:other"
	refused(s, f, `"c-cp-4"`, "has booted")
	// A creation has nothing that was written.
	s.New = true
	f.Record.ID, f.Record.CreationComplete = s.ID, false
	if p := planned(s, f); strings.Contains(names(p), "power_on") {
		t.Errorf("planned %s", names(p))
	}
}
