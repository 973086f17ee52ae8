package engine_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// TestControlPlaneRollInterrupted kills the roll of a single control-plane node at its
// calls to vCenter and applies again: it goes on where it was.
func TestControlPlaneRollInterrupted(t *testing.T) {
	t.Parallel()
	rolled := func(w *world) {
		spec, secrets := w.fullControlPlane(1)
		spec.ControlPlane.CPU = 4
		spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: w.t.TempDir()}
		w.sim.ResetCalls()
		w.apply(spec, secrets)
	}
	interrupt(t, 8, disturbances, rolled, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := w.fullControlPlane(1)
		spec.ControlPlane.CPU = 4
		spec.EtcdSnapshots = &model.EtcdSnapshots{Directory: t.TempDir()}
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.apply(spec, secrets)
		w.wholeControlPlane(spec, secrets, 1)
		if files, err := filepath.Glob(filepath.Join(spec.EtcdSnapshots.Directory, ".*")); err != nil || len(files) > 0 {
			t.Errorf("left behind: %v, %v", files, err)
		}
	})
}

// TestLostControlPlaneReplacementInterrupted is the same for a node of three whose VM was
// deleted.
func TestLostControlPlaneReplacementInterrupted(t *testing.T) {
	t.Parallel()
	lost := func(w *world) (model.ClusterSpec, *model.Secrets) {
		spec, secrets := w.fullControlPlane(3)
		w.must(w.sim.DeleteVM("prod-cp-2"))
		w.notReady(secrets, "prod-cp-2")
		return spec, secrets
	}
	replaced := func(w *world) {
		spec, secrets := lost(w)
		w.sim.ResetCalls()
		w.apply(spec, secrets)
	}
	interrupt(t, 12, disturbances, replaced, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := lost(w)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.apply(spec, secrets)
		w.wholeControlPlane(spec, secrets, 3)
	})
}

// TestControlPlaneRollKilledAtTheAPI kills the roll, of CPU and settings, at each change that
// it makes in the cluster: right before it, or after.
func TestControlPlaneRollKilledAtTheAPI(t *testing.T) {
	t.Parallel()
	killedAtTheAPI(t, 3, func(spec *model.ClusterSpec) {
		spec.ControlPlane.CPU = 4
		spec.Settings.APIServer = bootstrap.Arguments{"max-requests-inflight": "800"}
	}, (*world).hasSettings)
}

// killedAtTheAPI kills a change of a single control-plane node at every so many of its
// changes of the cluster, applies again, and tests what there is then.
func killedAtTheAPI(
	t *testing.T, every int, change func(*model.ClusterSpec), test func(*world, model.ClusterSpec, *model.Secrets),
) {
	t.Helper()
	const before, after = "before", "after"
	run := func(t *testing.T, k int, late bool) (*world, model.ClusterSpec, *model.Secrets, *killedKube) {
		w := newWorld(t, simulator.Options{})
		spec, secrets := w.fullControlPlane(1)
		change(&spec)
		e := w.engine()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		dying := &killedKube{Kube: e.Kube, kill: cancel, late: late, left: k}
		e.Kube = dying
		e.Timing.RetryBudget = 0
		_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		w.sim.AdvanceClock(2 * time.Minute)
		return w, spec, secrets, dying
	}
	const never = 1 << 20
	sweep.Sweep[string]{
		Every:    every,
		Variants: []string{before, after},
		Calls: func(t *testing.T) (int, int) {
			_, _, _, counted := run(t, never, false)
			return 1, never - counted.left
		},
		Test: func(t *testing.T, k int, when string) {
			w, spec, secrets, _ := run(t, k, when == after)
			w.apply(spec, secrets)
			w.wholeControlPlane(spec, secrets, 1)
			test(w, spec, secrets)
		},
	}.Run(t)
}

// killedKube is the cluster's API as a run has it that is killed at its k-th change of it:
// before the change is made, or after.
type killedKube struct {
	model.Kube
	kill func()
	late bool

	mu   sync.Mutex
	left int
}

func (k *killedKube) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return killedAPI{api, k}, err
}

type killedAPI struct {
	model.API
	kube *killedKube
}

var errKilled = errors.New("the run was killed")

// change makes one of the changes that the run is counted by.
func (k *killedKube) change(do func() error) error {
	k.mu.Lock()
	k.left--
	now, dead := k.left == 0, k.left < 0
	k.mu.Unlock()
	if dead || now && !k.late {
		k.kill()
		return errKilled
	}
	err := do()
	if now {
		k.kill()
		return errKilled
	}
	return err
}

func (a killedAPI) MoveEtcdLeader(ctx context.Context, away string) error {
	return a.kube.change(func() error { return a.API.MoveEtcdLeader(ctx, away) })
}

func (a killedAPI) RemoveEtcdMember(ctx context.Context, id uint64) error {
	return a.kube.change(func() error { return a.API.RemoveEtcdMember(ctx, id) })
}

func (a killedAPI) Drain(ctx context.Context, name string, timeout time.Duration) error {
	return a.kube.change(func() error { return a.API.Drain(ctx, name, timeout) })
}

func (a killedAPI) DrainToRestart(ctx context.Context, name string, timeout time.Duration) error {
	return a.kube.change(func() error { return a.API.DrainToRestart(ctx, name, timeout) })
}

func (a killedAPI) DeleteNode(ctx context.Context, name string) error {
	return a.kube.change(func() error { return a.API.DeleteNode(ctx, name) })
}

func (a killedAPI) UpdateKubeadmConfig(ctx context.Context, config model.KubeadmConfig) error {
	return a.kube.change(func() error { return a.API.UpdateKubeadmConfig(ctx, config) })
}

func (a killedAPI) PutToken(ctx context.Context, token string, expires time.Time) error {
	return a.kube.change(func() error { return a.API.PutToken(ctx, token, expires) })
}

func (a killedAPI) PutCertificates(ctx context.Context, data map[string][]byte) error {
	return a.kube.change(func() error { return a.API.PutCertificates(ctx, data) })
}

func (a killedAPI) RewriteSecrets(ctx context.Context) error {
	return a.kube.change(func() error { return a.API.RewriteSecrets(ctx) })
}
