package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// gateway is a gateway of one node that asks for a reset, and the facts of one that
// runs and was never reset.
func gateway() (*model.ClusterSpec, *model.Facts) {
	s := small(1, 0)
	s.Kind = record.KindGateway
	s.Workers = nil
	s.Reset = "r1"
	s.Packs = []model.Pack{{Name: "agent", Layer: "addon", Manifests: []string{"agent"}}}
	f := running(1, 0)
	delete(f.Record.Counters, "w")
	f.API.Packs = map[string]model.AppliedPack{"agent": {Hash: s.Packs[0].Hash()}}
	return s, f
}

func TestResetBuildsTheControlPlaneAnew(t *testing.T) {
	t.Parallel()
	const rebuilt = "reset_control_plane c, delete_node c-cp-1, create_node c-cp-2, apply_pack agent"
	s, f := gateway()
	p := planned(s, f)
	wantSteps(t, p, rebuilt)
	for _, step := range p.Steps() {
		if node, ok := step.(model.CreateNode); ok && !node.First {
			t.Error("its node does not initialise the control plane")
		}
		if node, ok := step.(model.DeleteNode); ok && node.Drain {
			t.Error("its pods are evicted to nowhere")
		}
	}
	if pending := p.Numbers.Pending[model.ControlPlanePool]; !slices.Equal(pending, []int{2}) {
		t.Errorf("the record will have the pending nodes %v", pending)
	}

	// Its API need not answer.
	s, f = gateway()
	wantSteps(t, planned(s, unreachable(f)), rebuilt)
	// A pool with addresses for its node, its VIP and the extra is enough.
	s, f = gateway()
	l := change(limitsFor(s, 3), poolID, func(p *model.IPPool) { p.Taken = 3 })
	wantSteps(t, checked(s, f, l), rebuilt)

	s, f = gateway()
	lose(f, "c-cp-1")
	f.API = model.APIFacts{}
	wantSteps(t, planned(s, f), "reset_control_plane c, release_address c-cp-1, create_node c-cp-2, apply_pack agent")
}

func TestResetIsDoneOnce(t *testing.T) {
	t.Parallel()
	s, f := gateway()
	f.Record.Reset = "r1"
	f.Machines[0].Marker.Reset = "r1"
	wantSteps(t, planned(s, f), "")
	// To remove the attribute asks for nothing.
	s.Reset = ""
	wantSteps(t, planned(s, f), "")
	// A run was killed right after it had begun: the VM is of before, and answers.
	s, f = gateway()
	f.Record.Reset = "r1"
	f.Record.APIReached = false
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {2}}
	f.Record.Counters[model.ControlPlanePool] = 3
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-1, create_node c-cp-2, apply_pack agent")
	// It was killed later, when that VM was gone.
	f.Machines = nil
	f.API = model.APIFacts{}
	f.Claims = f.Claims[:2]
	wantSteps(t, planned(s, f), "create_record c, create_node c-cp-2, apply_pack agent")
	// A creation has no former control plane.
	s, _ = gateway()
	s.New = true
	wantSteps(t, planned(s, &model.Facts{CAFingerprint: theCA}), "create_record c, reserve_endpoint c, create_node c-cp-1, apply_pack agent")
}

// The trigger is removed half way, and the API does not answer from here: the VM that may
// serve is not deleted for a reset that is not asked for any more, be it on or off.
func TestResetThatIsNotAskedForAnyMoreDeletesNothing(t *testing.T) {
	t.Parallel()
	begun := func() (*model.ClusterSpec, *model.Facts) {
		s, f := gateway()
		s.Reset = ""
		f.Record.Reset, f.Record.APIReached = "r1", false
		f.Record.Pending = map[string][]int{model.ControlPlanePool: {2}}
		f.Record.Counters[model.ControlPlanePool] = 3
		return s, unreachable(f)
	}
	for _, power := range []bool{true, false} {
		for _, reset := range []string{"", "r1"} { // it had before, or the new one
			s, f := begun()
			f.Machines[0].PoweredOn, f.Machines[0].Marker.Reset = power, reset
			p := planned(s, f)
			problems := on(p.Problems, model.ClusterField(model.FieldReset))
			if len(p.Steps()) > 0 || !says(problems, "being reset", `"c-cp-1"`, "Set reset_trigger again", "keeps what answers") {
				t.Errorf("planned %s (%v)", names(p), p.Problems)
			}
		}
	}
	s, f := begun()
	s.Reset = "r1"
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-1, create_node c-cp-2, apply_pack agent")
	// Nothing is left that could be lost.
	s, f = begun()
	f.Machines, f.Claims = nil, f.Claims[:2]
	wantSteps(t, planned(s, f), "create_record c, create_node c-cp-2, apply_pack agent")
	// A creation that has not ended has no clusters yet that could miss it.
	s, f = begun()
	f.Record.CreationComplete = false
	f.Machines[0].Marker.Reset, f.Record.Pending = "r1", map[string][]int{model.ControlPlanePool: {1}}
	wantSteps(t, planned(s, f), "create_record c, delete_node c-cp-1, create_node c-cp-1, apply_pack agent")
}

// Two control planes never have one VIP.
func TestResetWaitsForAVMThatIsNotSeen(t *testing.T) {
	t.Parallel()
	s, f := gateway()
	hide(f, "c-cp-1")
	f.API = model.APIFacts{Asked: true, Error: "no route"}
	p := planned(s, f)
	if !says(p.Problems, "c-cp-1", "must never have one VIP") {
		t.Errorf("planned %s (%v)", names(p), p.Problems)
	}
}

// What is gone for good says how to go on.
func TestLostControlPlaneSaysTheWayOut(t *testing.T) {
	t.Parallel()
	s, f := gateway()
	s.Reset = ""
	lose(f, "c-cp-1")
	f.API = model.APIFacts{}
	if p := planned(s, f); !says(p.Problems, "none of its control-plane VMs is left", "reset_trigger") {
		t.Errorf("a gateway: %v", p.Problems)
	}
	if st := plan.Status(s, f, nil, today); !says(st.Warnings, "reset_trigger") || st.State != model.StateDegraded {
		t.Errorf("its status warns of %v", st.Warnings)
	}
	s.Kind = record.KindCluster
	if p := planned(s, f); !says(p.Problems, "none of its control-plane VMs is left", "-replace") || says(p.Problems, "reset_trigger") {
		t.Errorf("a cluster: %v", p.Problems)
	}
}

// An older VM that is gone by the time of the apply leaves its address to be released.
func TestShownDeletionCoversTheReleaseOfItsAddress(t *testing.T) {
	t.Parallel()
	s, f := gateway()
	shown := planned(s, f).Changes()
	lose(f, "c-cp-1")
	f.API = model.APIFacts{}
	if unseen := planned(s, f).Unseen(shown); len(unseen) > 0 {
		t.Errorf("not shown: %v", unseen)
	}
}

// What an apply may do beyond its plan is to remove what is left of a creation, or of a reset
// that goes on. Of one that is taken back nothing is removed that no plan has shown.
func TestTakingBackDoesNotGoBeyondItsPlan(t *testing.T) {
	t.Parallel()
	s, f := gateway()
	f.Record.Reset, f.Record.APIReached = "r1", false
	if !plan.Resumes(s, f) {
		t.Error("a reset that goes on does what its plan could not know")
	}
	for _, trigger := range []string{"", "r2"} {
		s.Reset = trigger
		if plan.Resumes(s, f) || plan.Resumes(s, unreachable(f)) {
			t.Errorf("with the trigger %q the apply goes beyond its plan", trigger)
		}
	}
	// What has run, and what is restored, has data.
	s, f = gateway()
	if plan.Resumes(s, f) {
		t.Error("a gateway that runs resumes nothing")
	}
	s, f = restoring("c-cp-1", "c-cp-2", "c-cp-3")
	f.Record.Reset, f.Record.APIReached = s.Reset, false
	if plan.Resumes(s, f) {
		t.Error("a restore does what no plan has shown")
	}
	s.New = true
	f.Record.Reset = ""
	if !plan.Resumes(s, f) {
		t.Error("a creation does not take over another one")
	}
}
