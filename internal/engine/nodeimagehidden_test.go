package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// killedMaking kills the making of an image while its VM runs the scripts: that runs on.
func (w *world) killedMaking(image model.Image, name string) {
	w.t.Helper()
	dying := w.engine()
	dying.Timing.RetryBudget = 0
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = dying.MakeImage(ctx, w.nodeImage(image), holder(name, "killed"))
	}()
	w.building(image)
	w.sim.StopAfter(1)
	cancel()
	<-done
	w.sim.Resume()
	w.sim.AdvanceClock(2 * time.Minute)
	if len(w.imported()) != 1 || w.claims() != 1 {
		w.t.Fatalf("left are %v and %d addresses", w.imported(), w.claims())
	}
}

// TestHiddenBuildOfAKilledRunKeepsItsAddress has the VM of a build that was killed run on, unseen: no
// resource that asks for the same image gets its address, and none is given back.
func TestHiddenBuildOfAKilledRunKeepsItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("sleep infinity")
	w.killedMaking(image, "golden")
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "System.View", w.imported()[0]))
	for _, name := range []string{"golden", "silver"} {
		elsewhere := image
		elsewhere.Folder = "images/" + name // where no VM has its name
		made, err := w.engine().MakeImage(t.Context(), w.nodeImage(elsewhere), holder(name, "two"))
		if err == nil || !strings.Contains(err.Error(), "vCenter does not show the VM in which an image was built before") {
			t.Errorf("made for %s is %+v: %v", name, made, err)
		}
		if n := w.claims(); n != 1 {
			t.Errorf("after %s, %d addresses are claimed", name, n)
		}
	}
}
