package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// callsOf counts the calls of a run, and a few more.
func callsOf(t *testing.T, before, run func(*world)) (first, last int) {
	t.Helper()
	w := newWorld(t, simulator.Options{})
	before(w)
	w.sim.ResetCalls()
	run(w)
	return 1, w.sim.Calls().Total + 3
}

// TestNodeImageInterruptedAtEveryCall kills the making of an image at each of its calls, or loses a
// call or its answer: one template is there at the end, which only the resource holds, and nothing
// else is left.
func TestNodeImageInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	sweep.Sweep[disturbance]{
		Every: 6, Variants: disturbances,
		Calls: func(t *testing.T) (first, last int) {
			return callsOf(t, func(*world) {}, func(w *world) { w.made(builtImage("echo one"), holder("golden", "one")) })
		},
		Test: func(t *testing.T, k int, d disturbance) {
			w := d.world(t)
			image := builtImage("echo one")
			w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
				_, _ = e.MakeImage(ctx, w.nodeImage(image), holder("golden", "one"))
			})
			e := w.engine()
			e.Timing.RetryBudget = 20 * time.Second
			made, err := e.MakeImage(t.Context(), w.nodeImage(image), holder("golden", "two"))
			w.must(err)
			if left := w.imported(); len(left) != 1 || left[0] != made.Path {
				t.Errorf("left are %v, and made is %+v", left, made)
			}
			if n := w.claims(); n != 0 {
				t.Errorf("%d addresses are claimed", n)
			}
			// A run that was killed after its last change is a holder that no state has: it is taken over.
			target := engine.ImageTarget{
				ImageIdentity: made.ImageIdentity, Name: "golden", RecordID: e.ImageRecordID(made), Incarnation: "two", Takes: "one",
			}
			w.must(e.HoldImage(t.Context(), target))
			w.destroyed(target)
		},
	}.Run(t)
}

// TestNodeImageDestructionInterruptedAtEveryCall does the same to a destruction.
func TestNodeImageDestructionInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	var target engine.ImageTarget
	sweep.Sweep[disturbance]{
		Every: 2, Variants: []disturbance{killed, answerLost, dropped},
		Calls: func(t *testing.T) (first, last int) {
			return callsOf(t, func(w *world) { target, _ = w.made(builtImage("echo one"), holder("golden", "one")) },
				func(w *world) { w.destroyed(target) })
		},
		Test: func(t *testing.T, k int, d disturbance) {
			w := d.world(t)
			target, _ := w.made(builtImage("echo one"), holder("golden", "one"))
			w.disturb(d, k, func(ctx context.Context, e *engine.Engine) { _, _ = e.DestroyImage(ctx, target) })
			e := w.engine()
			// A refresh finds the template, or that it is gone, and nothing else in its place.
			found, err := e.Image(t.Context(), target.ImageIdentity)
			w.must(err)
			if found.Hidden != "" || found.Ref != "" && found.Ref != target.Ref {
				t.Errorf("found is %+v", found)
			}
			others, err := e.DestroyImage(t.Context(), target)
			w.must(err)
			if left := w.imported(); len(left) > 0 || len(others) > 0 {
				t.Errorf("left are %v, held by %v", left, others)
			}
			w.noImageTags()
		},
	}.Run(t)
}
