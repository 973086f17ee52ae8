package engine_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestControlPlaneRollInterrupted kills the roll of a single control-plane node at its
// calls to vCenter and applies again: it goes on where it was.
func TestControlPlaneRollInterrupted(t *testing.T) {
	t.Parallel()
	rollInterrupted(t, 1, 8)
}

// TestRollOfThreeControlPlaneNodesInterrupted is the same for three, one after the other.
func TestRollOfThreeControlPlaneNodesInterrupted(t *testing.T) {
	t.Parallel()
	rollInterrupted(t, 3, 60)
}

// rollInterrupted kills the roll of so many control-plane nodes at one call of so many.
func rollInterrupted(t *testing.T, members, every int) {
	t.Helper()
	rolled := func(w *world) {
		spec, secrets := w.fullControlPlane(members)
		spec.ControlPlane.CPU = 4
		spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: w.t.TempDir()}
		w.sim.ResetCalls()
		w.apply(spec, secrets)
	}
	interrupt(t, every, disturbances, rolled, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := w.fullControlPlane(members)
		spec.ControlPlane.CPU = 4
		spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: t.TempDir()}
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.apply(spec, secrets)
		w.wholeControlPlane(spec, secrets, members)
		if files, err := filepath.Glob(filepath.Join(spec.EtcdSnapshots.Directory, ".*")); err != nil || len(files) > 0 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	})
}

// TestLostControlPlaneReplacementInterrupted is the same for a node of three whose VM was
// deleted.
func TestLostControlPlaneReplacementInterrupted(t *testing.T) {
	t.Parallel()
	replaced := func(w *world) {
		spec, secrets := w.lostMember()
		w.sim.ResetCalls()
		w.apply(spec, secrets)
	}
	interrupt(t, 12, disturbances, replaced, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := w.lostMember()
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.apply(spec, secrets)
		w.wholeControlPlane(spec, secrets, 3)
	})
}

// lostMember is a cluster that has lost the VM of one of three control-plane nodes.
func (w *world) lostMember() (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	spec, secrets := w.fullControlPlane(3)
	w.must(w.sim.DeleteVM("prod-cp-2"))
	w.notReady(secrets, "prod-cp-2")
	return spec, secrets
}

// TestControlPlaneRollKilledAtTheAPI kills the roll, of CPU and settings, at each change that
// it makes in the cluster: right before it, or after.
func TestControlPlaneRollKilledAtTheAPI(t *testing.T) {
	t.Parallel()
	killedAtTheAPI(t, 3, func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets := w.fullControlPlane(1)
		spec.ControlPlane.CPU = 4
		spec.Settings.APIServer = bootstrap.Arguments{"max-requests-inflight": "800"}
		return spec, secrets
	}, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		w.wholeControlPlane(spec, secrets, 1)
		w.hasSettings(spec, secrets)
	})
}

// TestLostControlPlaneReplacementKilledAtTheAPI is the same for one of three whose VM was
// deleted, and which may lead etcd.
func TestLostControlPlaneReplacementKilledAtTheAPI(t *testing.T) {
	t.Parallel()
	killedAtTheAPI(t, 5, (*world).lostMember, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		w.wholeControlPlane(spec, secrets, 3)
	})
}

// TestUpgradeKilledAtTheAPI is the same for an upgrade.
func TestUpgradeKilledAtTheAPI(t *testing.T) {
	t.Parallel()
	killedAtTheAPI(t, 8, func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets := w.old(1, 1)
		return upgraded(spec), secrets
	}, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		w.isUpgraded(spec, secrets)
		if members := w.etcdMembers(secrets); len(members) != 1 {
			w.t.Errorf("the members of etcd are %v", members)
		}
	})
}

// TestSurgeRollKilledAtTheAPI is the same for workers that are replaced two at a time.
func TestSurgeRollKilledAtTheAPI(t *testing.T) {
	t.Parallel()
	killedAtTheAPI(t, 5, func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets := w.rollablePool(model.NodePool{Count: 3, MaxSurge: 2}, 0)
		spec.Workers[0].CPU = 4
		return spec, secrets
	}, func(w *world, spec model.ClusterSpec, secrets *model.Secrets) {
		w.goesOn(spec, secrets)
	})
}
