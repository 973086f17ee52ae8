package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// impatient is a local clock that sleeps less than it is asked to.
type impatient struct{}

func (impatient) Now() time.Time { return time.Now() }

func (impatient) Sleep(ctx context.Context, _ time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

// TestApplySaysForWhomItWaited has another run hold the lock when an apply begins.
func TestApplySaysForWhomItWaited(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 0)
	other := w.engine().Ledger
	lease, err := other.Lock(t.Context(), other.ID(spec.Ref), "laptop pid 42")
	w.must(err)
	e := w.engine()
	e.Ledger.Clock = impatient{}
	w.sim.ResetCalls()
	go func() {
		for w.sim.Calls().Total < 20 {
			time.Sleep(time.Millisecond)
		}
		_ = lease.Release(context.Background())
	}()
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	w.must(err)
	if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Detail, "laptop pid 42 since ") {
		t.Errorf("it warns of %v", out.Warnings)
	}
}
