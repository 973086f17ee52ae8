package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// withNetwork is a cluster whose nodes become Ready.
func (w *world) withNetwork(controlPlane, workers int) model.ClusterSpec {
	spec := w.spec(controlPlane, workers)
	spec.Packs = []model.Pack{network}
	return spec
}

func (w *world) powerOff(names ...string) {
	w.t.Helper()
	for _, name := range names {
		if err := w.sim.PowerOffVM(name); err != nil {
			w.t.Fatal(err)
		}
	}
}

// What is powered off is powered on again, the control plane first, also while the API
// does not answer because of that.
func TestPoweredOffNodesArePoweredOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	for _, off := range [][]string{{"prod-general-1"}, {"prod-cp-1", "prod-general-1"}} {
		w.powerOff(off...)
		p := w.plan(spec, secrets)
		var want []string
		for _, name := range off {
			want = append(want, "power_on_node "+name)
		}
		if !slices.Equal(actions(p), want) || !strings.Contains(p.Warnings[len(p.Warnings)-1].Detail, off[0]) {
			t.Fatalf("planned %v, %v", actions(p), p.Warnings)
		}
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil || out.Status.Health != model.Healthy {
			t.Fatalf("%+v, %v", out.Status, err)
		}
		if p := w.plan(spec, secrets); !p.Empty() || len(p.Warnings) > 0 {
			t.Fatalf("after it %v, %v", actions(p), p.Warnings)
		}
	}
}

// A worker that cannot be powered on is replaced by the next apply, which the plan
// before it shows; a control-plane node is not.
func TestWorkerThatDoesNotComeBackIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(3, 1))
	w.powerOff("prod-general-1", "prod-cp-3")
	fail := simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Fault: "InsufficientResourcesFault", Times: -1}
	if err := w.sim.AddFault(fail); err != nil {
		t.Fatal(err)
	}
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "prod-general-1") || !strings.Contains(err.Error(), "next apply replaces the node") {
		t.Fatalf("got %v", err)
	}
	w.sim.ClearFaults()
	p := w.plan(spec, secrets)
	want := []string{"power_on_node prod-cp-3", "create_node prod-general-2", "delete_node prod-general-1"}
	if !slices.Equal(actions(p), want) {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}
	// It comes back after all.
	if err := w.sim.PowerOnVM("prod-general-1"); err != nil {
		t.Fatal(err)
	}
	w.eventually(func() bool {
		return slices.Equal(actions(w.plan(spec, secrets)), []string{"power_on_node prod-cp-3"})
	})
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	_, facts, err := w.engine().Status(t.Context(), spec, secrets)
	if err != nil || len(facts.Record.Unresponsive) > 0 {
		t.Errorf("%v, %v", facts.Record.Unresponsive, err)
	}
}
