package engine_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// A folder that Gantry made goes with its cluster, whatever it is called and wherever it
// is by then, and whether or not the configuration has followed.
func TestRenamedFolderGoesWithItsCluster(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*world)
		follow string
	}{
		"renamed":            {change: func(w *world) { w.must(w.sim.Rename("/dc-1/vm/teams/shop", "store")) }},
		"renamed, followed":  {func(w *world) { w.must(w.sim.Rename("/dc-1/vm/teams/shop", "store")) }, "teams/store"},
		"level above":        {change: func(w *world) { w.must(w.sim.Rename("/dc-1/vm/teams", "groups")) }},
		"moved":              {change: func(w *world) { w.must(w.sim.MoveFolder("/dc-1/vm/teams/shop", "/dc-1/vm/k8s")) }},
		"moved and followed": {func(w *world) { w.must(w.sim.MoveFolder("/dc-1/vm/teams/shop", "/dc-1/vm/k8s")) }, "k8s/shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec := w.spec(1, 0)
			spec.Folder = "teams/shop"
			spec, secrets, _ := w.applied(spec)
			c.change(w)
			if c.follow != "" {
				spec.Folder = c.follow
				if p := w.plan(spec, secrets); !p.Empty() {
					t.Fatalf("planned %v", actions(p))
				}
				w.applies(spec, secrets)
			}
			w.must(w.engine().Destroy(t.Context(), spec.Target()))
			w.onlyThePoolIsLeft()
		})
	}
}

// What others made in the place of a folder that Gantry made is theirs.
func TestFolderOfOthersByTheSamePathStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 0))
	w.must(w.sim.Rename("/dc-1/vm/k8s/prod", "former"))
	_, err := w.engine().Builder.CreateFolder(t.Context(), w.record().Datacenter, "k8s/prod", 0)
	w.must(err)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if left := w.sim.Leftovers().Folders; !slices.Equal(left, []string{"/dc-1/vm/k8s/prod"}) {
		t.Errorf("left are %q", left)
	}
}

// second is a cluster beside the world's, without workers and in the same folder.
func (w *world) second() model.ClusterSpec {
	spec := w.spec(1, 0)
	spec.Ref.Name = "test"
	spec.Folder = "teams/shop"
	return spec
}

// first is the world's cluster in the folder of the second.
func (w *world) first() model.ClusterSpec {
	spec := w.spec(1, 0)
	spec.Folder = "teams/shop"
	return spec
}

// The last of the clusters that use a folder which Gantry made deletes it, in whichever
// order they go.
func TestSharedFolderGoesWithItsLastCluster(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]int{"its maker first": {0, 1}, "its maker last": {1, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			maker, _, _ := w.applied(w.first())
			user, _, _ := w.applied(w.second())
			specs := []model.ClusterSpec{maker, user}
			w.must(w.engine().Destroy(t.Context(), specs[order[0]].Target()))
			if left := w.sim.Leftovers().Folders; len(left) != 2 {
				t.Errorf("in use are the folders %q", left)
			}
			w.must(w.engine().Destroy(t.Context(), specs[order[1]].Target()))
			w.onlyThePoolIsLeft()
		})
	}
	t.Run("at the same time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, simulator.Options{})
		specs := []model.ClusterSpec{w.first(), w.second()}
		w.inTwoProcesses(func(e *engine.Engine, i int) error {
			out, err := e.Apply(t.Context(), engine.Request{Spec: specs[i], Secrets: newSecrets(t), Parents: []uuid.UUID{uuid.New()}})
			specs[i] = kept(specs[i], out)
			return err
		})
		w.inTwoProcesses(func(e *engine.Engine, i int) error { return e.Destroy(t.Context(), specs[i].Target()) })
		w.onlyThePoolIsLeft()
	})
}

// inTwoProcesses runs something in two processes at the same time.
func (w *world) inTwoProcesses(do func(e *engine.Engine, i int) error) {
	w.t.Helper()
	errs := make(chan error, 2)
	for i := range 2 {
		e := w.engine()
		e.Ledger.Clock = impatient{}
		go func() { errs <- do(e, i) }()
	}
	for range 2 {
		w.must(<-errs)
	}
}

// deleting calls something right before a folder is deleted, once it has been found
// empty.
type deleting struct {
	model.VCenter
	before func()
}

func (d deleting) DeleteFolder(ctx context.Context, ref string) (bool, error) {
	d.before()
	return d.VCenter.DeleteFolder(ctx, ref)
}

// A cluster that begins to use a folder while its last one deletes it has a folder in the
// end.
func TestFolderIsNotDeletedUnderANewCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	maker, _, _ := w.applied(w.first())
	e := w.engine()
	begun := make(chan error, 1)
	e.Reader = deleting{e.Reader, func() {
		if len(begun) > 0 || w.sim.Calls().SOAP["UnregisterAndDestroy_Task"] > 0 {
			return
		}
		w.sim.ResetCalls()
		go func() {
			later := w.engine()
			later.Ledger.Clock = impatient{}
			_, err := later.Apply(t.Context(), engine.Request{Spec: w.second(), Secrets: newSecrets(t)})
			begun <- err
		}()
		// It has noted itself, and waits for this one.
		w.until("the other one is about to use the folder", func(context.Context) bool { return w.sim.Calls().REST["POST tag"] >= 4 })
	}}
	w.must(e.Destroy(t.Context(), maker.Target()))
	w.must(<-begun)
	if vms := w.sim.Leftovers().VMs; !slices.Equal(vms, []string{"/dc-1/vm/teams/shop/test-cp-1"}) {
		t.Errorf("there are %q", vms)
	}
}

// TestSharedFolderInterrupted kills the creation of a cluster in a folder that another one
// has made, and destroys both: nothing is left.
func TestSharedFolderInterrupted(t *testing.T) {
	t.Parallel()
	create := func(ctx context.Context, w *world, e *engine.Engine) {
		_, _ = e.Apply(ctx, engine.Request{Spec: w.second(), Secrets: newSecrets(w.t)})
	}
	interrupt(t, 16, []disturbance{killed, answerLost, dropped}, func(w *world) {
		w.applied(w.first())
		w.sim.ResetCalls()
		create(w.t.Context(), w, w.engine())
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		maker, _, _ := w.applied(w.first())
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) { create(ctx, w, e) })
		create(t.Context(), w, w.engine())
		tags := w.engine().Ledger
		rec, err := tags.Record(t.Context(), tags.ID(w.second().Ref))
		w.must(err)
		body, err := rec.Cluster()
		w.must(err)
		user := model.Target{Ref: w.second().Ref, ID: body.ID, Incarnation: body.Incarnation}
		w.must(w.engine().Destroy(t.Context(), maker.Target()))
		w.must(w.engine().Destroy(t.Context(), user))
		w.onlyThePoolIsLeft()
	})
}

// Records of older Gantries have paths alone. The next apply learns the references; a
// destruction without one goes by the paths.
func TestFoldersOfAnOlderRecord(t *testing.T) {
	t.Parallel()
	for _, applied := range []bool{true, false} {
		w := newWorld(t, simulator.Options{})
		spec, secrets, _ := w.applied(w.first())
		tags := w.engine().Ledger
		older := w.record()
		for i := range older.Folders {
			older.Folders[i].Ref = ""
		}
		raw, err := json.Marshal(older)
		w.must(err)
		w.must(tags.UpdateRecord(t.Context(), tags.ID(spec.Ref), raw))
		if applied {
			w.applies(spec, secrets)
			w.madeFolders("teams", "teams/shop")
			w.must(w.sim.Rename("/dc-1/vm/teams", "groups"))
		}
		w.must(w.engine().Destroy(t.Context(), spec.Target()))
		if left := w.sim.Leftovers().Folders; len(left) > 0 {
			t.Errorf("applied: %v: left are %q", applied, left)
		}
	}
}
