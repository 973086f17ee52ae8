package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ova/ovatest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestClusterInADatastoreCluster builds a cluster of an image in a datastore cluster, from where
// Storage DRS moves a node; rolls it with a snapshot of etcd; and destroys it.
func TestClusterInADatastoreCluster(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Inventory: simulator.Inventory{DatastoreClusters: []simulator.DatastoreCluster{
		{Name: "pod-1", Datastores: []string{"pod-1a", "pod-1b"}, StorageDRS: true},
	}}})
	w.must(w.sim.SetFreeSpace("pod-1a", 100<<30))
	w.must(w.sim.SetFreeSpace("pod-1b", 200<<30))
	_, image := w.serve(ovatest.Image{})
	spec := w.withNetwork(1, 1)
	spec.Image = image
	spec.EtcdSnapshots = &model.EtcdSnapshots{}
	for _, places := range [][]model.Placement{spec.ControlPlane.Placements, spec.Workers[0].Placements} {
		for i := range places {
			places[i].Datastore = ""
			places[i].DatastoreCluster = "pod-1"
		}
	}
	spec, secrets, out := w.applied(spec)
	if out.Status.Health != model.Healthy || len(out.Warnings) > 0 {
		t.Errorf("%s, %v", out.Status.Health, out.Warnings)
	}
	w.must(w.sim.MoveStorage("prod-cp-1", "pod-1a"))
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil || len(warnings(p)) > 0 {
		t.Errorf("planned %v, %v, %v", actions(p), p.Problems, p.Warnings)
	}

	spec.ControlPlane.CPU = 4
	p := w.plan(spec, secrets)
	want := []string{"snapshot_etcd prod", "create_node prod-cp-2", "delete_node prod-cp-1"}
	if !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	w.apply(spec, secrets)
	if members := w.etcdMembers(secrets); !slices.Equal(members, []string{"prod-cp-2"}) {
		t.Errorf("the members of etcd are %v", members)
	}
	if files := w.sim.Leftovers().Files; !slices.ContainsFunc(files, func(f string) bool { return strings.HasPrefix(f, "[pod-1") }) {
		t.Errorf("no snapshot of etcd is in the datastore cluster: %v", files)
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if left := w.sim.Leftovers(); len(left.Files) > 0 || len(w.sim.DestroyedForeignDisks()) > 0 {
		t.Errorf("left are %+v", left)
	}
}
