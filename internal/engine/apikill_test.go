package engine_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// killedAtTheAPI kills an apply at every so many of its changes of the cluster, applies again,
// and tests what there is then.
func killedAtTheAPI(
	t *testing.T, every int, prepare func(*world) (model.ClusterSpec, *model.Secrets), test func(*world, model.ClusterSpec, *model.Secrets),
) {
	t.Helper()
	const before, after = "before", "after"
	run := func(t *testing.T, k int, late bool) (*world, model.ClusterSpec, *model.Secrets, *killedKube) {
		w := newWorld(t, simulator.Options{})
		spec, secrets := prepare(w)
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

func (a killedAPI) Drain(ctx context.Context, name, vm string, timeout time.Duration) error {
	return a.kube.change(func() error { return a.API.Drain(ctx, name, vm, timeout) })
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

func (a killedAPI) SetNodeMeta(ctx context.Context, name string, want model.NodeMeta) error {
	return a.kube.change(func() error { return a.API.SetNodeMeta(ctx, name, want) })
}

func (a killedAPI) Uncordon(ctx context.Context, name string) error {
	return a.kube.change(func() error { return a.API.Uncordon(ctx, name) })
}

func (a killedAPI) PutSecret(ctx context.Context, name string, data map[string][]byte) error {
	return a.kube.change(func() error { return a.API.PutSecret(ctx, name, data) })
}

func (a killedAPI) UpdateKubeProxy(ctx context.Context, image model.AddonImage) error {
	return a.kube.change(func() error { return a.API.UpdateKubeProxy(ctx, image) })
}

func (a killedAPI) UpdateCoreDNS(ctx context.Context, image model.AddonImage) error {
	return a.kube.change(func() error { return a.API.UpdateCoreDNS(ctx, image) })
}

func (a killedAPI) NameVIPHolder(ctx context.Context, vip model.VIP, holder string) error {
	return a.kube.change(func() error { return a.API.NameVIPHolder(ctx, vip, holder) })
}

func (a killedAPI) TakeRenewalLease(ctx context.Context, over string) (holder model.LeaseHolder, err error) {
	err = a.kube.change(func() error {
		holder, err = a.API.TakeRenewalLease(ctx, over)
		return err
	})
	return holder, err
}
