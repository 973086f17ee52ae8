package engine_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// leaseKube is the cluster's API as a run has it. It notes what becomes of members while
// the Lease of renewals is not the run's.
type leaseKube struct {
	model.Kube
	mu      sync.Mutex
	held    bool
	changes int
	wrong   []string
	fails   error // of a drain
}

func (k *leaseKube) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return leaseAPI{api, k}, err
}

type leaseAPI struct {
	model.API
	kube *leaseKube
}

func (a leaseAPI) TakeRenewalLease(ctx context.Context, over string) (model.LeaseHolder, error) {
	a.kube.mu.Lock()
	defer a.kube.mu.Unlock()
	other, err := a.API.TakeRenewalLease(ctx, over)
	a.kube.held = a.kube.held || err == nil && other.Name == ""
	return other, err
}

func (a leaseAPI) ReleaseRenewalLease(ctx context.Context) error {
	a.kube.mu.Lock()
	defer a.kube.mu.Unlock()
	a.kube.held = false
	return a.API.ReleaseRenewalLease(ctx)
}

// change notes a change that only the holder of the Lease may make.
func (k *leaseKube) change(what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.changes++
	if !k.held {
		k.wrong = append(k.wrong, what)
	}
}

func (a leaseAPI) PutCertificates(ctx context.Context, data map[string][]byte) error {
	a.kube.change("a member is added")
	return a.API.PutCertificates(ctx, data)
}

func (a leaseAPI) RemoveEtcdMember(ctx context.Context, id uint64) error {
	a.kube.change("a member is removed")
	return a.API.RemoveEtcdMember(ctx, id)
}

func (a leaseAPI) Drain(ctx context.Context, name, vm string, timeout time.Duration) error {
	a.kube.change("a node is drained")
	if a.kube.fails != nil {
		return a.kube.fails
	}
	return a.API.Drain(ctx, name, vm, timeout)
}

// TestNoNodeRenewsWhileMembersAreReplaced rolls a control plane, at first without success:
// members come and go while the run has the Lease for which nodes wait, and it gives it
// back however it ends.
func TestNoNodeRenewsWhileMembersAreReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.fullControlPlane(1)
	spec.ControlPlane.CPU = 4
	for _, fails := range []error{errKilled, nil} {
		e := w.engine()
		watched := &leaseKube{Kube: e.Kube, fails: fails}
		e.Kube = watched
		_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if (err != nil) != (fails != nil) || err != nil && !strings.Contains(err.Error(), fails.Error()) {
			t.Fatalf("got %v, want %v", err, fails)
		}
		if len(watched.wrong) > 0 || watched.changes == 0 || watched.held {
			t.Errorf("%d changes, without the Lease %v, held at the end: %t", watched.changes, watched.wrong, watched.held)
		}
	}
	w.wholeControlPlane(spec, secrets, 1)
}
