package engine_test

import (
	"context"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// TestUpgradeInterrupted kills an upgrade at its vCenter calls and applies again: the
// cluster ends at the new version, with one control plane.
func TestUpgradeInterrupted(t *testing.T) {
	t.Parallel()
	upgradeInterrupted(t, 1, 1, 12)
}

// TestUpgradeOfThreeAndTwoInterrupted is the same for a control plane of three and two workers.
func TestUpgradeOfThreeAndTwoInterrupted(t *testing.T) {
	t.Parallel()
	upgradeInterrupted(t, 3, 2, 100)
}

// upgradeInterrupted kills the upgrade of so many nodes at one call of so many.
func upgradeInterrupted(t *testing.T, controlPlane, workers, every int) {
	t.Helper()
	interrupt(t, every, disturbances, func(w *world) {
		spec, secrets := w.old(controlPlane, workers)
		w.sim.ResetCalls()
		if _, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: upgraded(spec), Secrets: secrets}); err != nil {
			w.t.Fatal(err)
		}
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		old, secrets := w.old(controlPlane, workers)
		spec := upgraded(old)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			t.Fatal(err)
		}
		w.isUpgraded(spec, secrets)
		if members := w.etcdMembers(secrets); len(members) != controlPlane {
			t.Errorf("the members of etcd are %v", members)
		}
	})
}
