package engine_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestLostControlPlaneVMIsReplaced takes one of three away, and then the one that was built
// for it: its member leaves etcd before another joins, also where a join that failed has
// left one.
func TestLostControlPlaneVMIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(3)
	for _, c := range [][2]string{{"prod-cp-2", "prod-cp-4"}, {"prod-cp-4", "prod-cp-5"}} {
		w.must(w.sim.DeleteVM(c[0]))
		w.notReady(secrets, c[0])
		p := w.plan(spec, secrets)
		if want := []string{"remove_lost_node " + c[0], "create_node " + c[1]}; !slices.Equal(actions(p), want) || p.Err() != nil {
			t.Fatalf("planned %v, %v", actions(p), p.Problems)
		}
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		w.must(err)
		spec.Known = knownOf(out.Status)
		w.wholeControlPlane(spec, secrets, 3)
	}
}

// TestControlPlaneWithoutQuorumIsLeft takes two of three away: nothing is built beside the
// last one, and the plan says what to do.
func TestControlPlaneWithoutQuorumIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(3)
	for _, name := range []string{"prod-cp-1", "prod-cp-3"} {
		w.must(w.sim.DeleteVM(name))
	}
	p := w.plan(spec, secrets)
	if !p.Empty() || p.Err() == nil || !strings.Contains(p.Err().Error(), "2 of the 3") {
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
