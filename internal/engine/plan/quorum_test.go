package plan_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestPlanNeverInitialisesBesideAVMInTheMaking has a first node that an interrupted run
// is still cloning: no other one initialises the control plane meanwhile.
func TestPlanNeverInitialisesBesideAVMInTheMaking(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 3} {
		s := small(count, 1)
		s.New = true
		f := &model.Facts{Unreadable: []string{"c-cp-1"}}
		f.Record = model.Record{Found: true}
		f.Record.ID = s.ID
		f.Record.Pending = map[string][]int{"cp": {1}}
		p := planned(s, f)
		if strings.Contains(names(p), "create_node c-cp") || !says(p.Problems, "Two nodes must never initialise") {
			t.Errorf("planned %s (%v)", names(p), p.Problems)
		}
	}
}

// TestPlanKeepsAPoweredOffClusterWithoutARecord has a cluster that was shut down, and
// whose record was deleted: guests that are off report nothing.
func TestPlanKeepsAPoweredOffClusterWithoutARecord(t *testing.T) {
	t.Parallel()
	f := unreachable(running(3, 1))
	f.Record = model.Record{}
	for i := range f.Machines {
		f.Machines[i].PoweredOn = false
	}
	wantRefusal(t, planned(small(3, 1), f), nameField, "power them on")
}

// TestPlanKeepsAControlPlaneVMThatReportsNothing has a member that is off and whose node
// object was deleted: the record says that it has joined.
func TestPlanKeepsAControlPlaneVMThatReportsNothing(t *testing.T) {
	t.Parallel()
	f := running(3, 0)
	delete(f.API.Nodes, "c-cp-2")
	for i := range f.Machines {
		if f.Machines[i].Marker.Node == "c-cp-2" {
			f.Machines[i].PoweredOn = false
		}
	}
	p := planned(small(3, 0), f)
	if names(p) != "power_on_node c-cp-2" || !says(p.Warnings, "node object is gone") {
		t.Errorf("planned %s (%v)", names(p), p.Warnings)
	}
}

// TestPlanRefusesASpecWithoutAControlPlane is the last line of defence: nothing is
// deleted for want of it.
func TestPlanRefusesASpecWithoutAControlPlane(t *testing.T) {
	t.Parallel()
	s := small(3, 1)
	s.ControlPlane = model.NodePool{}
	wantRefusal(t, planned(s, running(3, 1)), model.NodePoolField(model.ControlPlanePool, ""), "no control-plane node")
}

// TestAMemberThatHasLeftIsNotLost has a run that died between the destruction of a VM that
// had left etcd and the release of its address: the others are as many as ever.
func TestAMemberThatHasLeftIsNotLost(t *testing.T) {
	t.Parallel()
	for _, count := range []int{1, 3} {
		s := small(count, 1)
		f := running(count+1, 1)
		lose(f, "c-cp-1")
		if count == 3 {
			lose(f, "c-cp-2") // a member of three, of which two are left
		}
		unreachable(f)
		wantSteps(t, planned(s, f), "")
		s.Restore, s.Reset = snapshot, snapshot.ID()
		p := planned(s, f)
		if len(p.Steps()) > 0 || !says(p.Problems, "Nothing says that the quorum is lost") {
			t.Errorf("with %d nodes planned %s (%v)", count, names(p), p.Problems)
		}
	}
	s, _ := gateway()
	f := wasReset(s, "r1")
	join(f, s.ControlPlane, 0, 2)
	f.Machines[1].Marker.Reset = "r1"
	lose(f, "c-cp-1")
	wantSteps(t, planned(s, unreachable(f)), "")
}
