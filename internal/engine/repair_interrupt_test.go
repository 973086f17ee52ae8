package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// notReadyForLong is how long the nodes of the sweeps are not Ready before they are
// repaired: longer than any other node is while the clock flies.
const notReadyForLong = 10 * time.Hour

// hungWorker is a cluster whose only worker has not been Ready for too long.
func (w *world) hungWorker() (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	// While the clock flies, the other node is not Ready now and then: its heartbeat is late.
	spec.Repair = &model.Repair{NotReadyAfter: notReadyForLong, MaxUnhealthy: 2}
	w.hang(secrets, "prod-general-1")
	w.sim.AdvanceClock(notReadyForLong + time.Hour)
	return spec, secrets
}

// hungControlPlane is a control plane of three in which one node has not been Ready for too
// long.
func (w *world) hungControlPlane() (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	spec, secrets := w.fullControlPlane(3)
	spec.Repair = &model.Repair{NotReadyAfter: notReadyForLong, MaxUnhealthy: 1}
	w.must(w.sim.HangVM("prod-cp-2"))
	w.notReady(secrets, "prod-cp-2")
	w.sim.AdvanceClock(notReadyForLong + time.Hour)
	return spec, secrets
}

// sweepApply interrupts the apply of a cluster at one of every so many calls to vCenter,
// applies again, and has the whole looked at.
func sweepApply(
	t *testing.T, every int, begin func(*world) (model.ClusterSpec, *model.Secrets), whole func(*world, model.ClusterSpec, *model.Secrets),
) {
	t.Helper()
	interrupt(t, every, disturbances, func(w *world) {
		spec, secrets := begin(w)
		w.sim.ResetCalls()
		w.apply(spec, secrets)
		whole(w, spec, secrets)
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := begin(w)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.apply(spec, secrets)
		whole(w, spec, secrets)
	})
}

// TestRepairOfAWorkerInterrupted kills the repair of a worker that is not Ready, and applies
// again: one worker is there at the end, and nothing of the other one.
func TestRepairOfAWorkerInterrupted(t *testing.T) {
	t.Parallel()
	sweepApply(t, 15, (*world).hungWorker, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
			w.t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
		}
		nodes := w.kubeNodes(secrets)
		if _, old := nodes["prod-general-1"]; old || len(nodes) != 2 || len(w.sim.Leftovers().VMs) != 2 || w.claims() != 4 {
			w.t.Errorf("the nodes are %v, the VMs %v, and %d addresses are claimed", nodes, w.sim.Leftovers().VMs, w.claims())
		}
		w.noAddressTwice()
	})
}

// TestRepairOfAControlPlaneNodeInterrupted is the same for one control-plane node of three.
func TestRepairOfAControlPlaneNodeInterrupted(t *testing.T) {
	t.Parallel()
	sweepApply(t, 30, (*world).hungControlPlane, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		if _, old := w.kubeNodes(secrets)["prod-cp-2"]; old {
			w.t.Error("the node that was not Ready is still there")
		}
		w.wholeControlPlane(spec, secrets, 3)
	})
}

// TestSettingsRollInterrupted kills a change of the settings of Kubernetes, and applies
// again: joining nodes find them, and the one node has them.
func TestSettingsRollInterrupted(t *testing.T) {
	t.Parallel()
	sweepApply(t, 25, func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets := w.fullControlPlane(1)
		spec.Settings.APIServer = bootstrap.Arguments{"max-requests-inflight": "800"}
		return spec, secrets
	}, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		w.hasSettings(spec, secrets)
		w.wholeControlPlane(spec, secrets, 1)
	})
}
