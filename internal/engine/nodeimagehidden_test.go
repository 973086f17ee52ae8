package engine_test

import (
	"context"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// killedWhileBuilding kills what begins to build an image: the VM runs on.
func (w *world) killedWhileBuilding(image model.Image, build func(ctx context.Context, dying *engine.Engine)) {
	w.t.Helper()
	dying := w.engine()
	dying.Timing.RetryBudget = 0
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		build(ctx, dying)
	}()
	w.building(image)
	w.sim.StopAfter(1)
	cancel()
	<-done
	w.sim.Resume()
	w.sim.AdvanceClock(2 * time.Minute)
	if len(w.imported()) != 1 {
		w.t.Fatalf("left are %v", w.imported())
	}
}

// TestHiddenBuildOfAKilledRunKeepsItsAddress has the VM of a build that was killed run on, unseen: no
// resource that asks for the same image gets its address, and none is given back, also after a cluster
// has built the image in a folder of its own, and after that was destroyed again.
func TestHiddenBuildOfAKilledRunKeepsItsAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	image := builtImage("sleep 300")
	w.killedWhileBuilding(image, func(ctx context.Context, dying *engine.Engine) {
		_, _ = dying.MakeImage(ctx, w.nodeImage(image), holder("golden", "killed"))
	})
	w.must(w.sim.RenameVM(path.Base(w.imported()[0]), "moved"))
	w.must(w.sim.DenyPrivilegeOn(w.sim.Username(), "System.View", w.imported()[0]))
	elsewhere := image
	elsewhere.Folder = "images/elsewhere" // where no VM has its name
	refused := func(when, name string) {
		t.Helper()
		made, err := w.engine().MakeImage(t.Context(), w.nodeImage(elsewhere), holder(name, "two"))
		if err == nil || !strings.Contains(err.Error(), "vCenter does not show the VM in which an image was built before") {
			t.Errorf("%s, made for %s is %+v: %v", when, name, made, err)
		}
		if n := w.claims(); n != 1 {
			t.Errorf("%s, after %s, %d addresses are claimed", when, name, n)
		}
	}
	refused("at first", "golden")
	refused("at first", "silver")

	spec, _, _ := w.applied(w.imageSpec(elsewhere))
	of := w.claims()
	target, made := w.made(elsewhere, holder("silver", "three"))
	if n := w.claims(); n != of {
		t.Errorf("%d addresses are claimed, and %d were", n, of)
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if says := w.notDestroyed(target); !strings.Contains(says, "which this user does not see") {
		t.Errorf("it says %s", says)
	}
	w.must(w.sim.DeleteVM(path.Base(made.Path)))
	_, err := w.engine().DestroyImage(t.Context(), target)
	w.must(err)
	refused("after it was there", "golden")
}
