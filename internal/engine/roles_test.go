package engine_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestRolesAreTheUsers has workers with labels that kubelet refuses to set itself: they
// come up with them, and nothing is left to plan, also after they left the spec.
func TestRolesAreTheUsers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Workers[0].Meta = model.NodeMeta{
		Labels: map[string]string{
			"node-role.kubernetes.io/gpu":                             "",
			"node.kubernetes.io/exclude-from-external-load-balancers": "true",
		},
		Taints: []model.Taint{{Key: "node-role.kubernetes.io/gpu", Effect: "NoSchedule"}},
	}
	spec, secrets, out := w.applied(spec)
	if out.Status.State != model.StateRunning {
		t.Fatalf("status %+v", out.Status)
	}
	nodes, err := w.administrator(secrets).Nodes(t.Context())
	w.must(err)
	i := slices.IndexFunc(nodes, func(n model.KubeNode) bool { return n.Name == "prod-general-1" })
	if _, ok := nodes[i].Labels["node-role.kubernetes.io/gpu"]; !ok || len(nodes[i].Managed.Taints) != 1 {
		t.Errorf("the worker is %+v", nodes[i])
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("planned %v", actions(p))
	}

	spec.Workers[0].Meta = model.NodeMeta{}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"update_node_metadata prod-general-1"}) {
		t.Fatalf("planned %v", got)
	}
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("then planned %v", actions(p))
	}
}
