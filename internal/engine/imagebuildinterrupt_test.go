package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// TestBuildInterruptedAtEveryCall kills a creation at each of the calls of its image, or loses a
// call or its answer: one template is there at the end, and no address is lost.
func TestBuildInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	sweep.Sweep[disturbance]{
		Every:    5,
		Variants: []disturbance{killed, answerLost, killedOutlived, dropped},
		Calls: func(t *testing.T) (first, last int) {
			w := newWorld(t, simulator.Options{})
			image := builtImage("echo one")
			w.sim.ResetCalls()
			done := make(chan struct{})
			go func() {
				defer close(done)
				w.building(image)
				first = w.sim.Calls().Total - 25
			}()
			e := w.engine()
			_, err := e.Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
			w.must(err)
			<-done
			return first, first + 60
		},
		Test: buildInterrupted,
	}.Run(t)
}

func buildInterrupted(t *testing.T, k int, d disturbance) {
	w := d.world(t)
	image := builtImage("echo one")
	w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
		_, _ = e.Apply(ctx, engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	})
	if slices.Contains(kills, d) && w.record().CreationComplete {
		return // the state would have held it
	}
	e := w.engine()
	e.Timing.RetryBudget = 20 * time.Second
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.imageSpec(image), Secrets: newSecrets(t)})
	if err != nil && !(w.record().CreationComplete && strings.Contains(err.Error(), "import")) {
		t.Fatal(err)
	}
	if err == nil && out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
	if made := w.imported(); len(made) != 1 || !strings.HasPrefix(made[0], "/dc-1/vm/images/gantry/"+image.Template+"-") {
		t.Errorf("made are %v", made)
	}
	if n := w.claims(); n != 4 { // VIP, extra and two nodes
		t.Errorf("%d addresses are claimed", n)
	}
	w.noAddressTwice()
}

// A run that is stopped while its VM is being cloned leaves the address claimed: the clone goes on,
// and the VM has it.
func TestStoppedRunLeavesTheAddressOfAClone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.sim.SetCloneDuration(10 * time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = w.engine().Apply(ctx, engine.Request{Spec: w.imageSpec(builtImage("echo one")), Secrets: newSecrets(t)})
	}()
	for range 4000 {
		if w.sim.Calls().SOAP["CloneVM_Task"] > 0 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	cancel()
	<-done
	if n := w.claims(); n != 3 { // VIP, extra and that of the VM
		t.Fatalf("%d addresses are claimed", n)
	}
	w.sim.SetCloneDuration(0)
	w.timeFlies(2 * time.Second)
	other := builtImage("echo another")
	w.applied(w.imageSpec(other))
	if made := w.imported(); len(made) != 1 || !strings.Contains(made[0], other.Template) {
		t.Errorf("made are %v", made)
	}
	if n := w.claims(); n != 4 || w.record().Builder != (record.Builder{}) { // VIP, extra and two nodes
		t.Errorf("%d addresses are claimed, and the record has %+v", n, w.record().Builder)
	}
	w.noAddressTwice()
}
