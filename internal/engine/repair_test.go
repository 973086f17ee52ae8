package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// refreshed plans by what a refresh has seen, as Terraform does.
func (w *world) refreshed(spec model.ClusterSpec, secrets *model.Secrets) (*model.Facts, *model.Plan) {
	w.t.Helper()
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	return facts, w.plannedFrom(spec, secrets, facts)
}

func (w *world) plannedFrom(spec model.ClusterSpec, secrets *model.Secrets, facts *model.Facts) *model.Plan {
	w.t.Helper()
	p, err := w.engine().Plan(w.t.Context(), spec, secrets, facts)
	w.must(err)
	return p
}

// hang stops the kubelets of workers, and waits until the API says so.
func (w *world) hang(secrets *model.Secrets, names ...string) {
	w.t.Helper()
	for _, name := range names {
		w.must(w.sim.HangVM(name))
	}
	w.until("the nodes are not Ready", func(ctx context.Context) bool {
		ready := w.readyNodes(ctx, secrets, "prod-general-")
		return !slices.ContainsFunc(names, func(name string) bool { return slices.Contains(ready, name) })
	})
}

// TestWorkerThatIsNotReadyForLongIsRepaired hangs a worker: once that was so for long
// enough at a refresh, it is replaced, and its foreign disk is kept. An apply does not
// do what became due after its plan, and does not fail for it.
func TestWorkerThatIsNotReadyForLongIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 2}, 0)
	spec.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 1}
	disk, err := w.sim.AttachDisk("prod-general-1", 1)
	w.must(err)
	w.hang(secrets, "prod-general-1")
	facts, p := w.refreshed(spec, secrets)
	if !p.Empty() || facts.API.Nodes["prod-general-1"].NotReadySince.IsZero() {
		t.Fatalf("planned %v of %+v", actions(p), facts.API.Nodes)
	}

	w.sim.AdvanceClock(11 * time.Minute)
	if p := w.plannedFrom(spec, secrets, facts); !p.Empty() {
		t.Errorf("a second plan by the same refresh has %v", actions(p))
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("a plan without a refresh has %v", actions(p))
	}
	if out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &[]model.Change{}}); err != nil ||
		len(out.Changes) > 0 {
		t.Fatalf("an apply whose plan has not shown it has %v, %v", out.Changes, err)
	}

	facts, p = w.refreshed(spec, secrets)
	want := []string{"create_node prod-general-3", "delete_node prod-general-1"}
	if got := actions(p); !slices.Equal(got, want) {
		t.Fatalf("planned %v", got)
	}
	w.sim.AdvanceClock(time.Minute)
	if got := actions(w.plannedFrom(spec, secrets, facts)); !slices.Equal(got, want) {
		t.Errorf("a second plan by the same refresh has %v", got)
	}
	shown := p.Changes()
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown}); err != nil {
		t.Fatal(err)
	}
	w.rolledOut(spec, secrets, "prod-general-2", "prod-general-3")
	if !w.sim.DiskExists(disk) {
		t.Error("the foreign disk was destroyed with the node")
	}
}

// TestNodesAreNotRepairedWhereTooManyAreUnhealthy has one worker off and another that
// hangs: neither is touched until the bound allows it, and what has nothing to do with
// them is applied.
func TestNodesAreNotRepairedWhereTooManyAreUnhealthy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 3}, 0)
	spec.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 1}
	w.hang(secrets, "prod-general-1")
	w.powerOff("prod-general-2")
	w.sim.AdvanceClock(time.Hour)
	spec.Description = "shop"
	_, p := w.refreshed(spec, secrets)
	if got := actions(p); !slices.Equal(got, []string{"update_description prod"}) {
		t.Fatalf("planned %v", got)
	}
	if !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
		return strings.Contains(f.Detail, `2 nodes of "prod" are unhealthy, and max_unhealthy is 1: prod-general-1 (has not been Ready for 1h`) &&
			strings.Contains(f.Detail, "prod-general-2 (its VM is powered off)")
	}) {
		t.Errorf("warnings %v", p.Warnings)
	}
	shown := p.Changes()
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown}); err != nil {
		t.Fatal(err)
	}
	spec.Repair.MaxUnhealthy = 2
	_, p = w.refreshed(spec, secrets)
	want := []string{"power_on_node prod-general-2", "create_node prod-general-4", "delete_node prod-general-1"}
	if got := actions(p); !slices.Equal(got, want) {
		t.Fatalf("then planned %v", got)
	}
}

// TestCallsOfARefreshThatRepairs reads vCenter's clock only where a node is not Ready.
func TestCallsOfARefreshThatRepairs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 1}, 0)
	calls := func(repair *model.Repair) int {
		spec.Repair = repair
		w.sim.ResetCalls()
		w.refreshed(spec, secrets)
		return w.sim.Calls().Total
	}
	repair := &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 1}
	if without, with := calls(nil), calls(repair); with != without {
		t.Errorf("%d calls, and with repair %d", without, with)
	}
	w.hang(secrets, "prod-general-1")
	if without, with := calls(nil), calls(repair); with != without+1 {
		t.Errorf("%d calls while a node is not Ready, and with repair %d", without, with)
	}
}

// TestNamedNodeIsReplacedOnce names a worker to be replaced, and leaves its name there.
func TestNamedNodeIsReplacedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 2}, 0)
	spec.ReplaceNodes = []string{"prod-general-1"}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"create_node prod-general-3", "delete_node prod-general-1"}) {
		t.Fatalf("planned %v", got)
	}
	w.goesOn(spec, secrets) // the plan after it is empty
	spec.ReplaceNodes = []string{"prod-general-1", "prod-general-7"}
	p := w.plan(spec, secrets)
	const want = `never had: "prod-general-7". Its nodes: prod-cp-1, prod-general-2, prod-general-3.`
	if len(p.Problems) != 1 || !strings.Contains(p.Problems[0].Detail, want) {
		t.Errorf("problems %v", p.Problems)
	}
}

// TestControlPlaneNodeThatIsNotReadyForLongIsRepaired hangs the kubelet of one control-plane
// node of three, on which no pods run whose end would not be reported: it
// leaves etcd before another one joins, on the addresses that there are,
// and another one that hangs meanwhile keeps its place.
func TestControlPlaneNodeThatIsNotReadyForLongIsRepaired(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(3)
	spec.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: 1}
	w.must(w.sim.HangVM("prod-cp-3"))
	w.notReady(secrets, "prod-cp-3")
	w.sim.AdvanceClock(11 * time.Minute)
	_, p := w.refreshed(spec, secrets)
	if want := []string{"delete_node prod-cp-3", "create_node prod-cp-4"}; !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	shown := p.Changes()
	w.must(w.sim.HangVM("prod-cp-2"))
	w.notReady(secrets, "prod-cp-2")
	e := w.engine()
	e.Timing.ReadyWait = time.Second
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
	left := w.sim.Leftovers().VMs
	if err == nil || !strings.Contains(err.Error(), "prod-cp-2") || !slices.Contains(left, "/dc-1/vm/k8s/prod/prod-cp-3") || len(left) != 3 {
		t.Fatalf("with two that hang: %v, with %v", err, left)
	}
	w.must(w.sim.PowerOffVM("prod-cp-2"))
	w.must(w.sim.PowerOnVM("prod-cp-2"))
	w.eventually(func() bool { return w.kubeNodes(secrets)["prod-cp-2"].Ready })
	e = w.engine()
	seen := w.quorumWitness(e, spec, secrets)
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Shown: &shown})
	w.must(err)
	seen.kept(t)
	spec.Known = knownOf(out.Status)
	w.wholeControlPlane(spec, secrets, 3)
}
