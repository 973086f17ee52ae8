package engine_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestPowerLostOnceTheSecondMemberVotes takes the power from a control plane in the middle of
// its growth, when etcd has two members that vote, and gives it back to the second one alone,
// whose join is not at its end. It has to keep its data while no API answers: the first one
// has no quorum without it. The next applies go on.
func TestPowerLostOnceTheSecondMemberVotes(t *testing.T) {
	t.Parallel()
	var w *world
	var cut atomic.Bool
	w = newWorld(t, simulator.Options{AtJoin: func(vm string, stage guest.JoinStage) error {
		if vm == "prod-cp-2" && stage == guest.JoinMemberVotes && !cut.Swap(true) {
			w.must(w.sim.PowerOffVM("prod-cp-2"))
			w.must(w.sim.PowerOffVM("prod-cp-1"))
		}
		return nil
	}})
	spec, secrets, _ := w.applied(w.withNetwork(1, 0))
	spec.ControlPlane.Count = 3
	e := w.engine()
	e.Timing.OffLimit, e.Timing.APITimeout = time.Second, 2*time.Second
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil || !cut.Load() {
		t.Fatalf("got %v", err)
	}
	w.must(w.sim.PowerOnVM("prod-cp-2"))
	w.eventually(func() bool {
		for _, g := range w.sim.Guests() {
			if g.Name == "prod-cp-2" {
				return strings.Contains(g.Log, "keeps its data") || strings.Contains(g.Log, "Deleted contents of the etcd data")
			}
		}
		return false
	})
	var err error
	for range 4 {
		var out *engine.Outcome
		if out, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil {
			spec = kept(spec, out)
			if w.plan(spec, secrets).Empty() {
				break
			}
		}
		t.Logf("applied with %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.wholeControlPlane(spec, secrets, 3)
}
