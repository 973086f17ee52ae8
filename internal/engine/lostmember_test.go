package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestLostControlPlaneVMDoesNotHoldUpAnApply takes one of three away. The others serve:
// a change is applied without waiting for a node that no VM carries, and once its node
// object is removed another one is built.
func TestLostControlPlaneVMDoesNotHoldUpAnApply(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(3, 1))
	w.must(w.sim.DeleteVM("prod-cp-2"))
	e := w.engine()
	e.Timing.ReadyWait = 5 * time.Second
	w.notReady(secrets, "prod-cp-2")

	spec.Workers[0].Count = 2
	p := w.plan(spec, secrets)
	steps := []string{"release_address prod-cp-2", "create_node prod-general-2"}
	if !slices.Equal(actions(p), steps) || !strings.Contains(p.Warnings[0].Detail, "kubectl delete node") {
		t.Fatalf("planned %v, %v", actions(p), p.Warnings)
	}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets, Parents: []uuid.UUID{uuid.New()}})
	if err != nil {
		t.Fatal(err)
	}
	if out.Status.State != model.StateDegraded {
		t.Errorf("it is %s", out.Status.State)
	}

	api, err := e.Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	w.must(api.DeleteNode(t.Context(), "prod-cp-2"))
	if p := w.plan(spec, secrets); !slices.Equal(actions(p), []string{"create_node prod-cp-4"}) {
		t.Errorf("planned %v, %v", actions(p), p.Problems)
	}
}

// notReady waits until the API says that a node is not Ready.
func (w *world) notReady(secrets *model.Secrets, name string) {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	w.must(err)
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		nodes, err := api.Nodes(w.t.Context())
		ready := slices.ContainsFunc(nodes, func(n model.KubeNode) bool { return n.Name == name && n.Ready })
		if err == nil && !ready {
			return
		}
	}
	w.t.Fatalf("%s stays Ready", name)
}
