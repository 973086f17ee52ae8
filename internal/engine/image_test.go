package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// serve serves an image, and returns the server and the image as a spec has it.
func (w *world) serve(i ovatest.Image) (*ovatest.Server, model.Image) {
	w.t.Helper()
	content, digest := ovatest.Build(i)
	server := ovatest.Serve(content, false)
	w.t.Cleanup(server.Close)
	return server, model.Imported(model.OVA{URL: server.Location("node-v1.37.2.ova"), SHA256: digest}, "images/gantry")
}

// imageSpec is a cluster whose nodes are built from an image.
func (w *world) imageSpec(image model.Image) model.ClusterSpec {
	spec := w.spec(1, 1)
	spec.Image = image
	return spec
}

// templates are the paths of what was not there at the start and is no node.
func (w *world) imported() []string {
	return slices.DeleteFunc(w.sim.Leftovers().VMs, func(path string) bool { return !strings.Contains(path, "/images/") })
}

func TestClusterIsBuiltFromAnOVA(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	server, image := w.serve(ovatest.Image{})
	spec, secrets, out := w.applied(w.imageSpec(image))
	if out.Status.State != model.StateRunning {
		t.Fatalf("status %+v", out.Status)
	}
	changes := out.Changes
	at := slices.Index(changes, model.Change{Action: model.ActionImportImage, Target: image.Template})
	if first := slices.IndexFunc(changes, func(c model.Change) bool { return c.Action == model.ActionCreateNode }); at < 0 || at > first {
		t.Errorf("the changes are %v", changes)
	}
	if got, want := w.imported(), []string{"/dc-1/vm/images/gantry/" + image.Template}; !slices.Equal(got, want) {
		t.Errorf("imported are %v, want %v", got, want)
	}
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	if n := len(server.Requests()); n != 1 {
		t.Errorf("the OVA was asked for %d times", n)
	}
	// Another cluster uses it.
	other := w.imageSpec(image)
	other.Name = "other"
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: other, Secrets: newSecrets(t)})
	w.must(err)
	if n := len(server.Requests()); n != 1 || len(w.imported()) != 1 || out.Status.State != model.StateRunning {
		t.Errorf("the OVA was asked for %d times, %v are imported, and the state is %s", n, w.imported(), out.Status.State)
	}
}
