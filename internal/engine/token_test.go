package engine_test

import (
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestTokenOutlivesSlowClones has clones that take longer than a token lives, of two
// workers of which the second waits for the first one's, and guests that refuse an
// expired token: both join.
func TestTokenOutlivesSlowClones(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	e := w.engine()
	e.Now = w.sim.Now
	e.Parallel = 1
	e.Timing.MaxTick = 30 * time.Millisecond // two minutes
	go func() {
		w.waitCall("PowerOnVM_Task", 1)
		w.sim.SetCloneDuration(40 * time.Minute)
		w.timeFlies(40 * time.Second)
	}()
	out, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 2), Secrets: newSecrets(t)})
	w.must(err)
	if len(out.Status.Nodes) != 3 || out.Status.State != model.StateRunning {
		t.Errorf("status %+v", out.Status)
	}
}

// TestCertificatesOfAKilledRunAreDeleted has what a run left that was killed while a
// control-plane node joined: the next apply deletes it, also where it has nothing else to do.
func TestCertificatesOfAKilledRunAreDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 0))
	w.must(w.administrator(secrets).PutCertificates(t.Context(), map[string][]byte{"ca.crt": []byte("encrypted")}))
	w.applies(spec, secrets)
	left, err := w.administrator(secrets).Secret(t.Context(), "kubeadm-certs")
	w.must(err)
	if left != nil {
		t.Error("the certificates for joins are left")
	}
}
