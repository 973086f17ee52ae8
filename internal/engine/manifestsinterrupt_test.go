package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// mortal is the way to a cluster's API of a process that dies before, or right after, a call by
// which packs of manifests are changed.
type mortal struct {
	model.Kube
	left *atomic.Int64
	die  func()
}

var errDead = errors.New("the process is dead")

func (k mortal) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return mortalAPI{API: api, of: k}, err
}

func (k mortal) call(do func() error) error {
	if k.left.Add(-1) < 0 {
		k.die()
		return errDead
	}
	err := do()
	if k.left.Add(-1) < 0 {
		k.die()
		return errDead
	}
	return err
}

type mortalAPI struct {
	model.API
	of mortal
}

func (a mortalAPI) Apply(ctx context.Context, m model.PackManifests) (applied []model.PackObject, err error) {
	err = a.of.call(func() error {
		applied, err = a.API.Apply(ctx, m)
		return err
	})
	return applied, err
}

func (a mortalAPI) NotReady(ctx context.Context, m model.PackManifests) (left []model.NotReady, err error) {
	err = a.of.call(func() error {
		left, err = a.API.NotReady(ctx, m)
		return err
	})
	return left, err
}

func (a mortalAPI) DeleteObject(ctx context.Context, owner model.PackOwner, object model.ObjectRef) (end model.ObjectEnd, err error) {
	err = a.of.call(func() error {
		end, err = a.API.DeleteObject(ctx, owner, object)
		return err
	})
	return end, err
}

func (a mortalAPI) PutSecret(ctx context.Context, name string, data map[string][]byte) error {
	return a.of.call(func() error { return a.API.PutSecret(ctx, name, data) })
}

func (a mortalAPI) DeleteSecret(ctx context.Context, name string) error {
	return a.of.call(func() error { return a.API.DeleteSecret(ctx, name) })
}

// changeUntil applies a spec by a run that dies at the k-th point, and reports whether it did.
func (w *world) changeUntil(k int, spec model.ClusterSpec, secrets *model.Secrets) (died bool) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	var left atomic.Int64
	left.Store(int64(k))
	e := w.engine()
	e.Kube = mortal{Kube: e.Kube, left: &left, die: cancel}
	_, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if ctx.Err() == nil {
		w.must(err)
	}
	return ctx.Err() != nil
}

// TestInterruptedPrune kills runs at the calls by which they prune objects, take a pack out and
// make it one of other objects. The next run ends where that one was to end, or, with the
// configuration taken back, where it began: nothing is left behind, and nothing is missing.
func TestInterruptedPrune(t *testing.T) {
	t.Parallel()
	every := 9
	if sweep.Complete() {
		every = 1
	}
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Packs = []model.Pack{network, settings("one", "two")}
	spec, secrets, _ := w.applied(spec)
	begun := spec
	other := settings("two")
	other.Name = "other"
	for name, c := range map[string]struct {
		packs []model.Pack
		want  []string
	}{
		"prune":    {[]model.Pack{settings("three", "two")}, []string{"three", "two"}},
		"take out": {nil, nil},
		"move":     {[]model.Pack{other}, []string{"two"}},
	} {
		spec.Packs = append([]model.Pack{network}, c.packs...)
		points := 0
		for k := sweep.Offset() % every; ; k += every {
			died := w.changeUntil(k, spec, secrets)
			if !died {
				break
			}
			points++
			if back := points%2 == 0; back {
				w.change(begun, secrets)
				w.expectInApps(secrets, "one", "two")
				w.expectPlan(begun, secrets)
				continue
			}
			w.change(spec, secrets)
			w.expectInApps(secrets, c.want...)
			w.expectPlan(spec, secrets)
			w.change(begun, secrets)
		}
		w.expectInApps(secrets, c.want...)
		if points == 0 {
			t.Errorf("%s: nothing was interrupted", name)
		}
		w.change(begun, secrets)
		if t.Failed() {
			t.Fatalf("it was %q, every %d", name, every)
		}
	}
}
