package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// disappear moves a VM to where the provider's user may not look.
func (w *world) disappear(name string) {
	w.t.Helper()
	if err := w.sim.PowerOffVM(name); err != nil {
		w.t.Fatal(err)
	}
	if err := w.sim.MoveVM(name, "/dc-1/vm/hidden"); err != nil {
		w.t.Fatal(err)
	}
	for _, privilege := range []string{"System.View", "System.Read"} {
		if err := w.sim.DenyPrivilegeOn(w.sim.Username(), privilege, "/dc-1/vm/hidden"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// A worker that is not Ready and that was moved to where the user may not look is not
// gone: its address, its node object and its place stay, whatever is planned or applied.
// A destruction leaves it with what it holds and says so; once it can be seen, the next
// one goes on.
func TestNodeThatIsNotSeenIsNotGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 2))
	w.disappear("prod-general-2")

	p := w.plan(spec, secrets)
	if told := warnings(p); !p.Empty() || len(told) != 1 || !strings.Contains(told[0].Detail, "prod-general-2") ||
		!strings.Contains(told[0].Detail, "System.View") {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil || len(out.Changes) != 0 {
		t.Fatalf("%v, %v", out.Changes, err)
	}
	status, facts, err := w.engine().Status(t.Context(), spec, secrets)
	if err != nil {
		t.Fatal(err)
	}
	spec.Known = knownOf(status) // as the next refresh has it
	held := slices.ContainsFunc(facts.Claims, func(c model.Claim) bool { return c.Owner == "prod-general-2" })
	_, known := facts.API.Nodes["prod-general-2"]
	if !held || !known || len(spec.Known) != 3 || len(facts.Unseen) != 1 {
		t.Errorf("claims %v, known %v, unseen %v", facts.Claims, spec.Known, facts.Unseen)
	}

	err = w.engine().Destroy(t.Context(), spec.Target())
	if err == nil || !strings.Contains(err.Error(), "prod-general-2") || !strings.Contains(err.Error(), "destroy again") {
		t.Fatalf("destroy: %v", err)
	}
	left := w.sim.Leftovers()
	if len(left.VMs) != 1 || w.claims() != 1 {
		t.Errorf("left %v, %d claims", left.VMs, w.claims())
	}
	w.sim.RestorePrivileges()
	if err := w.engine().Destroy(t.Context(), spec.Target()); err != nil {
		t.Fatal(err)
	}
	if left := w.sim.Leftovers(); len(left.VMs) != 0 || w.claims() != 0 {
		t.Errorf("left %v, %d claims", left.VMs, w.claims())
	}
}

// eventually waits until something holds.
func (w *world) eventually(holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("it never came to be")
		}
	}
}

// A VM that was deleted is gone: vCenter knows its reference no more. To find out takes
// no call; one reads whose the address is that no VM accounts for, and, as in each plan
// that makes VMs, one what the account may do, and six the zone tags: which objects have
// any, three tags and two categories.
func TestNodeWhoseVMIsGoneIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 2))
	e := w.engine()
	calls := func() int {
		w.sim.ResetCalls()
		if _, err := e.Plan(t.Context(), spec, secrets, nil); err != nil {
			t.Fatal(err)
		}
		return w.sim.Calls().Total
	}
	calls() // opens the sessions
	before := calls()
	if err := w.sim.DeleteVM("prod-general-1"); err != nil {
		t.Fatal(err)
	}
	if after := calls(); after > before+8 {
		t.Errorf("%d calls, and %d with a VM that is gone", before, after)
	}
	want := []string{"remove_lost_node prod-general-1", "create_node prod-general-3"}
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), want) {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	spec.Known = knownOf(out.Status)
	if p := w.plan(spec, secrets); !p.Empty() || len(warnings(p)) != 0 {
		t.Errorf("after it %v, %v", actions(p), p.Warnings)
	}
}

// Guests that may set no guestinfo: a whole cluster is built, and nothing is left in its
// VMs.
func TestClusterOfGuestsThatReportNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	if err := w.sim.SetVMOption("gantry-node-1.37.2", "isolation.tools.setinfo.disable", "TRUE"); err != nil {
		t.Fatal(err)
	}
	spec, secrets, out := w.applied(w.spec(3, 2))
	if out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
	survey, err := w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: spec.ID})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range survey.Machines {
		if m.Userdata {
			t.Errorf("%s holds its bootstrap data", m.Path)
		}
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("planned %v", actions(p))
	}
}

// A control plane that was off and on, and whose node objects were deleted, is not built
// again: guestinfo is gone with the power, and the record knows that it has joined.
func TestControlPlaneThatReportsNothingIsNotRebuilt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(3, 0))
	nodes := []string{"prod-cp-1", "prod-cp-2", "prod-cp-3"}
	for _, turn := range []func(string) error{w.sim.PowerOffVM, w.sim.PowerOnVM} {
		for _, name := range nodes {
			if err := turn(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		t.Fatal(err)
	}
	w.eventually(func() bool { return api.Ready(t.Context()) == nil })
	var p *model.Plan
	// A kubelet registers its node once after its start, which may be a moment from now.
	w.eventually(func() bool {
		for _, name := range nodes {
			w.must(api.DeleteNode(t.Context(), name))
		}
		p = w.plan(spec, secrets)
		told := warnings(p)
		return len(told) == 1 && strings.Contains(told[0].Summary, "node object is gone") &&
			!slices.ContainsFunc(nodes, func(name string) bool { return !strings.Contains(told[0].Detail, name) })
	})
	if !p.Empty() {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}
	if out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil || len(out.Changes) != 0 {
		t.Errorf("%v, %v", out.Changes, err)
	}
}
