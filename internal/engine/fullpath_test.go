package engine_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestFoldersByFullPath has the folders of a cluster by their inventory paths: the nodes
// are in the one, the template is found in the other, and nothing is left.
func TestFoldersByFullPath(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 0)
	spec.Folder = "/dc-1/vm/k8s/full%2fpath"
	spec.Image.Folder = "/dc-1/vm/templates"
	spec, secrets, _ := w.applied(spec)
	if got := w.sim.Leftovers().Folders; !slices.Equal(got, []string{"/dc-1/vm/k8s/full%2fpath"}) {
		t.Errorf("created %q", got)
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("planned %v", actions(p))
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}
