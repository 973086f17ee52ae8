package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// snapshot is what the fixtures restore.
var snapshot = &model.Restore{URL: "https://s3.example.com/a.db?signature=s", SHA256: "5b" + strings.Repeat("0", 62)}

// restoring is a cluster that lost its quorum and is to be restored: of three control-plane
// nodes one is left, and both workers.
func restoring(lost ...string) (*model.ClusterSpec, *model.Facts) {
	s := small(3, 2)
	s.Restore = snapshot
	s.Reset = snapshot.ID()
	f := running(3, 2)
	for _, name := range lost {
		lose(f, name)
	}
	return s, unreachable(f)
}

func TestRestoreBuildsTheControlPlaneAnew(t *testing.T) {
	t.Parallel()
	s, f := restoring("c-cp-1", "c-cp-2")
	f.Machines[0].Phase = model.PhaseJoined
	p := planned(s, f)
	wantSteps(t, p, "reset_control_plane c, delete_node c-cp-3, release_address c-cp-1, release_address c-cp-2, "+
		"create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net")
	if p.First() != "c-cp-4" {
		t.Errorf("the first node is %q", p.First())
	}
	if !says(on(p.Warnings, model.ClusterField(model.FieldRestore)), `"c-cp-3"`, "is lost", "workers stay") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	// What is left runs with its old etcd until it is deleted: that stops the plan.
	if gone := stage(t, p, "control plane cleanup"); gone.OnFailure != model.Stop || len(gone.Steps) != 1 {
		t.Errorf("the stage is %+v", gone)
	}

	// All of them are gone.
	s, f = restoring("c-cp-1", "c-cp-2", "c-cp-3")
	wantSteps(t, planned(s, f), "reset_control_plane c, release_address c-cp-1, release_address c-cp-2, release_address c-cp-3, "+
		"create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net")
	// A pool with the addresses that the cluster had, and one to roll workers, is enough.
	l := change(limitsFor(s, 8), poolID, func(p *model.IPPool) { p.Taken = 7 })
	if p := checked(s, f, l); p.Err() != nil {
		t.Error(p.Err())
	}
}

// A worker whose VM is gone is built anew. One that is off is powered on once there is an
// API that it can come back to, which is a part of reconnecting it.
func TestRestoreRepairsWorkers(t *testing.T) {
	t.Parallel()
	s, f := restoring("c-cp-1", "c-cp-2", "c-cp-3", "c-w-1")
	f.Machines[0].PoweredOn = false
	wantSteps(t, planned(s, f), "reset_control_plane c, release_address c-cp-1, release_address c-cp-2, release_address c-cp-3, "+
		"release_address c-w-1, create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, "+
		"reconnect_workers c, apply_pack net, create_node c-w-3")
}

// The run before was killed when a worker had joined, as its guest says, and before that was
// recorded: it has pods, and stays. One that has not joined is built anew.
func TestRestoreKeepsAWorkerThatHasJustJoined(t *testing.T) {
	t.Parallel()
	const anew = "reset_control_plane c, "
	const rest = "release_address c-cp-1, release_address c-cp-2, release_address c-cp-3, create_node c-cp-4, remove_stale_nodes c, " +
		"create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net"
	s, f := restoring("c-cp-1", "c-cp-2", "c-cp-3")
	f.Record.Pending = map[string][]int{"w": {2}}
	f.Machines[1].Phase = model.PhaseKubeadm
	wantSteps(t, planned(s, f), anew+"delete_node c-w-2, "+rest+", create_node c-w-2")
	both := f.Record.Pending
	f.Record.Pending = map[string][]int{"w": {1, 2}} // the reconnection ends with none
	wantSteps(t, planned(s, f), anew+"delete_node c-w-1, delete_node c-w-2, "+rest+", create_node c-w-1, create_node c-w-2")
	f.Record.Pending = both
	f.Machines[1].Phase = model.PhaseJoined
	p := planned(s, f)
	wantSteps(t, p, anew+rest)
	if back := stage(t, p, "reconnect workers").Steps[0].(model.ReconnectWorkers); len(back.Workers) != 2 {
		t.Errorf("reconnected are %v", back.Workers)
	}
}

func TestRestoreIsDoneOnce(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.Restore, s.Reset = snapshot, snapshot.ID()
	f := running(1, 1)
	f.Record.Reset = s.Reset
	f.Machines[0].Marker.Reset = s.Reset
	wantSteps(t, planned(s, f), "")
	// The record is lost: the VMs say so, too.
	f.Record = model.Record{}
	wantSteps(t, planned(s, f), "create_record c")
	// To remove the attribute asks for nothing.
	f = running(1, 1)
	f.Record.Reset = s.Reset
	f.Machines[0].Marker.Reset = s.Reset
	s.Restore, s.Reset = nil, ""
	wantSteps(t, planned(s, f), "")

	// The quorum is lost once more: another snapshot is named.
	s.Restore, s.Reset = snapshot, snapshot.ID()
	lose(f, "c-cp-1")
	if p := planned(s, unreachable(f)); !says(p.Problems, "not restored twice", "name another one") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	newer := *snapshot
	newer.SHA256 = strings.Repeat("c", 64)
	s.Restore, s.Reset = &newer, newer.ID()
	wantSteps(t, planned(s, f), "reset_control_plane c, release_address c-cp-1, create_node c-cp-2, remove_stale_nodes c, "+
		"reconnect_workers c, apply_pack net")
}

// A run was killed: in its cleanup, when its first node booted, and when that had answered.
func TestRestoreGoesOnAfterAKill(t *testing.T) {
	t.Parallel()
	s, f := restoring("c-cp-1", "c-cp-2")
	f.Record.Reset = s.Reset
	f.Record.APIReached = false
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {4, 5, 6}}
	f.Record.Counters[model.ControlPlanePool] = 7
	f.Record.FormerMembers = 3
	const rest = "create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net"
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-3, release_address c-cp-1, release_address c-cp-2, "+
		"create_node c-cp-4, remove_stale_nodes c, "+rest)

	f.Machines = slices.DeleteFunc(f.Machines, func(m model.Machine) bool { return m.Marker.ControlPlane() })
	f.Gone = nil
	f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return strings.HasPrefix(c.Owner, "c-cp") })
	booting := nodePool(model.ControlPlanePool, 3)
	f.API.Nodes = map[string]model.KubeNode{}
	join(f, booting, 0, 4)
	f.Machines[len(f.Machines)-1].Marker.Reset = s.Reset
	f.API = model.APIFacts{Asked: true, Error: "no route"}
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-4, create_node c-cp-4, remove_stale_nodes c, "+rest)

	// It has served, as its node reports, and is not reached from here.
	node := &f.Machines[len(f.Machines)-1]
	node.Phase = model.PhaseJoined
	p := planned(s, f)
	if len(p.Steps()) > 0 || !says(on(p.Problems, model.ClusterField(model.FieldRestore)), `"c-cp-4"`, "has joined", "delete its VM") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	node.Phase = model.PhasePostFailed
	if p := planned(s, f); len(p.Steps()) > 0 || !says(p.Problems, `"c-cp-4"`, "has joined") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	node.Phase = model.PhaseKubeadm

	// Another snapshot is named meanwhile, or none.
	other := *snapshot
	other.SHA256 = strings.Repeat("c", 64)
	again := *s
	again.Restore, again.Reset = &other, other.ID()
	node.Phase = model.PhaseJoined
	if p := planned(&again, f); !says(p.Problems, `"c-cp-4"`, "has joined") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	node.Phase = ""
	wantSteps(t, planned(&again, f), "reset_control_plane c, delete_node c-cp-4, create_node c-cp-5, remove_stale_nodes c, "+
		"create_node c-cp-6, create_node c-cp-7, reconnect_workers c, apply_pack net")
	again.Restore, again.Reset = nil, ""
	if p := planned(&again, f); !says(p.Problems, "being restored", "set the attribute again") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}

	// It has answered, with the nodes of the snapshot.
	f.Record.APIReached = true
	f.Record.Reconnect = true
	f.Record.Pending[model.ControlPlanePool] = []int{5, 6}
	f.API = running(3, 2).API
	f.API.Nodes["c-cp-4"] = model.KubeNode{Name: "c-cp-4", Ready: true, ControlPlane: true}
	f.API.Nodes["c-w-9"] = model.KubeNode{Name: "c-w-9", Ready: true}
	f.API.Nodes["edge"] = model.KubeNode{Name: "edge", Ready: true}
	delete(f.API.Nodes, "c-w-2") // it joined after the snapshot
	const serving = "remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c"
	wantSteps(t, planned(s, f), serving)
	f.Machines[1].PoweredOn = false
	wantSteps(t, planned(s, f), serving)
	// The attribute may go by then, and a reconnection needs the API.
	again.Restore, again.Reset = nil, ""
	wantSteps(t, planned(&again, f), serving)
	silent := *f
	wantSteps(t, planned(s, unreachable(&silent)), "power_on_node c-w-2")
	if stale := plan.StaleNodes(s, f, f.API.Nodes, func(string) bool { return false }); !slices.Equal(stale,
		[]string{"c-cp-1", "c-cp-2", "c-cp-3", "c-w-9"}) {
		t.Errorf("stale are %v", stale)
	}
}

// What works, or may, is never restored over.
func TestRestoreIsRefused(t *testing.T) {
	t.Parallel()
	refused := func(s *model.ClusterSpec, f *model.Facts, field model.FieldName, words ...string) {
		t.Helper()
		p := planned(s, f)
		if !says(on(p.Problems, model.ClusterField(field)), words...) {
			t.Errorf("planned %s, refused %v; want %v", names(p), p.Problems, words)
		}
	}
	s, _ := restoring()
	refused(s, running(3, 2), model.FieldRestore, "API of \"c\" answers", "Remove restore_from_snapshot")
	f := running(3, 2)
	lose(f, "c-cp-1")
	refused(s, f, model.FieldRestore, "API of \"c\" answers")

	s, f = restoring("c-cp-1")
	refused(s, f, model.FieldRestore, "2 of its control-plane VMs exist", "quorum of the 3", "delete those VMs")
	// One that vCenter does not show may run.
	s, f = restoring("c-cp-1")
	hide(f, "c-cp-2")
	f.Gone = []model.KnownMachine{{Node: "c-cp-1"}}
	refused(s, f, model.FieldRestore, "2 of its control-plane VMs exist")

	s, f = restoring("c-cp-1", "c-cp-2")
	f.CAFingerprint = ""
	refused(s, f, model.FieldRestore, "certificate authorities", "earlier version of the state")
	s, f = restoring("c-cp-1", "c-cp-2")
	f.CAFingerprint = "sha256:other"
	refused(s, f, model.FieldRestore, "other certificate authorities")
	s, f = restoring("c-cp-1", "c-cp-2")
	s.KubernetesVersion = "1.36.3"
	refused(s, f, model.FieldKubernetes, "c-w-1", "1.37.2", "1.36.3")

	s, f = restoring()
	f.Record.APIReached = false
	f.Machines = nil
	refused(s, f, model.FieldRestore, "never created to its end")
}

// That a VM is not seen is no proof that it is gone: a state of before knows no references
// by which vCenter could be asked, or the account does not see the folder.
func TestRestoreNeedsProofThatVMsAreGone(t *testing.T) {
	t.Parallel()
	s, f := restoring("c-cp-1", "c-cp-2", "c-cp-3")
	f.Gone = nil
	p := planned(s, f)
	if len(p.Steps()) > 0 ||
		!says(p.Problems, "3 of its control-plane VMs exist, or may", `"c-cp-1", "c-cp-2", "c-cp-3"`, "no reference", "tag") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	if st := plan.Status(s, f, nil, today); says(st.Warnings, "none of its control-plane VMs is left") {
		t.Errorf("its status warns of %v", st.Warnings)
	}
	// A gateway, which is built anew whether its control plane works or not.
	g, f := gateway()
	lose(f, "c-cp-1")
	f.Gone = nil
	if p := planned(g, unreachable(f)); !says(p.Problems, "c-cp-1", "must never have one VIP") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	// A worker of which nothing is proven keeps its address and its place.
	s, f = restoring("c-cp-1", "c-cp-2", "c-cp-3", "c-w-1")
	f.Gone = f.Gone[:3]
	wantSteps(t, planned(s, f), "reset_control_plane c, release_address c-cp-1, release_address c-cp-2, release_address c-cp-3, "+
		"create_node c-cp-4, remove_stale_nodes c, create_node c-cp-5, create_node c-cp-6, reconnect_workers c, apply_pack net")
}

// A new cluster has none of the names that the snapshot has.
func TestCreationFromASnapshotHasNamesOfItsOwn(t *testing.T) {
	t.Parallel()
	s, _ := restoring()
	s.New = true
	s.ControlPlane.Count = 1
	s.Workers[0].Count = 1
	wantSteps(t, planned(s, &model.Facts{CAFingerprint: theCA}), "create_record c, reserve_endpoint c, "+
		"create_node c-cp-2457, remove_stale_nodes c, apply_pack net, create_node c-w-2457")
}

// What is lost for good says how to go on.
func TestLostQuorumNamesTheRestore(t *testing.T) {
	t.Parallel()
	s, f := restoring("c-cp-1", "c-cp-2")
	s.Restore, s.Reset = nil, ""
	if p := planned(s, f); !says(p.Problems, "lost its quorum", "restore_from_snapshot", "Restoring a cluster") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
}
