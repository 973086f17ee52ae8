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
