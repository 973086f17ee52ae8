package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// returned adds a VM of the control plane before its reset, which vCenter shows again: its
// node object was removed and its address released.
func returned(f *model.Facts, n int, on bool) {
	join(f, nodePool(model.ControlPlanePool, 1), 0, n)
	m := &f.Machines[len(f.Machines)-1]
	m.PoweredOn = on
	m.Marker.Reset = ""
	delete(f.API.Nodes, m.Marker.Node)
	last := len(f.Claims) - 1
	f.Unclaimed = append(f.Unclaimed, f.Claims[last])
	f.Claims = f.Claims[:last]
}

// wasReset are the facts of a cluster or gateway that runs since a reset.
func wasReset(s *model.ClusterSpec, id string) *model.Facts {
	f := running(s.ControlPlane.Count, 0)
	if len(s.Workers) > 0 {
		f = running(s.ControlPlane.Count, s.Workers[0].Count)
	} else {
		delete(f.Record.Counters, "w")
	}
	f.Record.Reset = id
	for i := range f.Machines {
		if m := &f.Machines[i].Marker; m.ControlPlane() {
			m.Reset = id
		}
	}
	f.API.Packs = map[string]model.AppliedPack{}
	for _, pack := range s.Packs {
		f.API.Packs[pack.Name] = model.AppliedPack{Hash: pack.Hash()}
	}
	return f
}

// A second etcd behind the VIP would split the cluster: a VM of the former control plane is
// never powered on, claimed for or counted, and it is deleted.
func TestFormerControlPlaneVMIsDeleted(t *testing.T) {
	t.Parallel()
	kept, removed := small(1, 2), small(3, 2)
	kept.Restore, kept.Reset = snapshot, snapshot.ID()
	trigger, _ := gateway()
	noTrigger, _ := gateway()
	noTrigger.Reset = ""
	for name, s := range map[string]*model.ClusterSpec{
		"cluster": kept, "attribute removed": removed, "gateway": trigger, "trigger removed": noTrigger,
	} {
		id := snapshot.ID()
		if s.Kind == record.KindGateway {
			id = "r1"
		}
		for _, on := range []bool{false, true} {
			f := wasReset(s, id)
			returned(f, 9, on)
			p := planned(s, f)
			wantSteps(t, p, "delete_node c-cp-9")
			if gone := p.Steps()[0].(model.DeleteNode); gone.LeavesEtcd || gone.Drain {
				t.Errorf("%s: it is taken out of an etcd that it is not in", name)
			}
			if !says(p.Warnings, `"c-cp-9"`, "former", "keeps disks that Gantry did not make") {
				t.Errorf("%s: the plan warns of %v", name, p.Warnings)
			}
			// Whether the API answers makes no difference.
			wantSteps(t, planned(s, unreachable(f)), "delete_node c-cp-9")
		}
	}
}

// What a former VM that runs answers is not of the cluster: nothing else is judged by it.
func TestFormerControlPlaneVMThatRunsMayBeWhatAnswers(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	f := wasReset(s, snapshot.ID())
	returned(f, 9, true)
	f.API.Nodes = map[string]model.KubeNode{"c-cp-9": {Name: "c-cp-9", Ready: true}}
	wantSteps(t, planned(s, f), "delete_node c-cp-9")
}

// The VMs of the control plane are gone, and the former ones are back: they are no quorum
// of it, and what is left is not deleted for that.
func TestFormerControlPlaneVMIsNoQuorum(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	f := wasReset(s, snapshot.ID())
	lose(f, "c-cp-1")
	returned(f, 9, false)
	if p := planned(s, unreachable(f)); !says(p.Problems, "none of its control-plane VMs is left") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
	other := *snapshot
	other.SHA256 = "77" + other.SHA256[2:]
	s.Restore, s.Reset = &other, other.ID()
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-9, release_address c-cp-1, create_node c-cp-10, "+
		"remove_stale_nodes c, reconnect_workers c, apply_pack net")
}

// The record is lost, too: it is written again for the VMs that serve.
func TestBuiltForIsOfWhatServes(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	f := wasReset(s, "r2")
	f.Machines[0].Marker.Node = "c-cp-10"
	f.API.Nodes["c-cp-10"] = f.API.Nodes["c-cp-1"]
	delete(f.API.Nodes, "c-cp-1")
	returned(f, 9, false)
	slices.Reverse(f.Machines)
	f.Record = model.Record{}
	for _, ready := range []bool{true, false} {
		f.API.Nodes["c-cp-10"] = model.KubeNode{Name: "c-cp-10", Ready: ready}
		if got, known := f.BuiltFor(); got != "r2" || !known {
			t.Errorf("built for %q (known: %t)", got, known)
		}
	}
}

// Without a record, what serves tells which VMs are former ones: these are not powered on,
// nor are their addresses claimed.
func TestFormerControlPlaneVMIsDeletedWithoutARecord(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	lost := func(on bool) *model.Facts {
		f := wasReset(s, snapshot.ID())
		f.Machines[0].Marker.Node, f.Machines[0].Marker.Ordinal = "c-cp-10", 10
		f.API.Nodes["c-cp-10"] = model.KubeNode{Name: "c-cp-10", Ready: true}
		delete(f.API.Nodes, "c-cp-1")
		f.Claims[2].Owner = "c-cp-10"
		returned(f, 9, on)
		f.Record = model.Record{}
		return f
	}
	refused := func(f *model.Facts, words ...string) {
		t.Helper()
		if p := planned(s, f); len(p.Steps()) > 0 || !says(on(p.Problems, controlPlane), words...) {
			t.Errorf("planned %s (%v)", names(p), p.Problems)
		}
	}
	wantSteps(t, planned(s, lost(false)), "create_record c, delete_node c-cp-9")
	refused(lost(true), "Two control planes run", `"c-cp-10" for the one`, `"c-cp-9" for another`)

	// What serves is not visible.
	f := lost(false)
	hide(f, "c-cp-10")
	refused(f, "not known which control plane")
	f = lost(false)
	f.Machines[0].PoweredOn = false
	refused(f, "not known which control plane")
	// All that there is was built for one reset, and its node object is gone.
	f = lost(false)
	f.Machines = f.Machines[:3]
	f.Unclaimed = nil
	delete(f.API.Nodes, "c-cp-10")
	wantSteps(t, planned(s, f), "create_record c")
	f.Machines[0].PoweredOn = false
	refused(f, "not known which control plane")
}
