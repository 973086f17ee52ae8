package engine_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestControlPlaneOverSeveralComputeClusters spreads a control plane, and takes one of its
// placements away.
func TestControlPlaneOverSeveralComputeClusters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.tightPool(3)
	spec := w.withNetwork(3, 0)
	spec.ControlPlane.Placements = []model.Placement{w.placement("cluster-a"), w.placement("cluster-b")}
	spec, secrets, out := w.applied(spec)
	if out.Status.Health != model.Healthy || len(out.Warnings) > 0 {
		t.Errorf("%s, %v", out.Status.Health, out.Warnings)
	}
	w.wholeControlPlane(spec, secrets, 3)
	w.inZones(spec, secrets, map[string]string{"prod-cp-1": "zone-a", "prod-cp-2": "zone-b", "prod-cp-3": "zone-a"})

	spec.ControlPlane.Placements = []model.Placement{w.placement("cluster-b"), w.placement("cluster-c")}
	steps := []string{"create_node prod-cp-4", "delete_node prod-cp-1", "create_node prod-cp-5", "delete_node prod-cp-3"}
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), steps) || p.Err() != nil {
		t.Fatalf("planned %v, %v", actions(p), p.Problems)
	}
	w.apply(spec, secrets)
	w.wholeControlPlane(spec, secrets, 3)
	w.inZones(spec, secrets, map[string]string{"prod-cp-2": "zone-b", "prod-cp-4": "zone-c", "prod-cp-5": "zone-b"})
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
}

// inZones fails unless the VMs of a cluster are in these zones, and its nodes have their labels.
func (w *world) inZones(spec model.ClusterSpec, secrets *model.Secrets, want map[string]string) {
	w.t.Helper()
	e := w.engine()
	_, facts, err := e.Status(w.t.Context(), spec, secrets)
	w.must(err)
	built, labels := map[string]string{}, map[string]string{}
	for _, m := range facts.Machines {
		zones, err := e.Reader.MachineZones(w.t.Context(), []string{m.Ref}, 0)
		w.must(err)
		built[m.Marker.Node] = zones[m.Ref].Zone
	}
	for name, node := range w.kubeNodes(secrets) {
		labels[name] = node.Labels[model.LabelZone]
	}
	if !maps.Equal(built, want) || !maps.Equal(labels, want) {
		w.t.Errorf("the VMs are in %v and the nodes have %v, want %v", built, labels, want)
	}
}
