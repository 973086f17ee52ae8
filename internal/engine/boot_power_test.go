package engine_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestPowerTakenAwayWhileItBoots: it stays off, and waiting for all the
// time that a boot may take would not say why. The next apply makes the node.
func TestPowerTakenAwayWhileItBoots(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{BootDelay: 2 * time.Second})
	e := w.engine()
	e.Timing.OffLimit = time.Second
	e.Timing.BootTimeout = 5 * time.Minute
	spec, secrets := w.spec(1, 0), newSecrets(t)
	go func() {
		for t.Context().Err() == nil && w.sim.PowerOffVM("prod-cp-1") != nil {
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	var boot *run.BootError
	if !errors.As(err, &boot) || boot.Node != "prod-cp-1" || !strings.Contains(boot.Why, "powered off") {
		t.Fatalf("got %v", err)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Errorf("the next apply: %v", err)
	}
}
