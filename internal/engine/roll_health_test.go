package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// unhealthyKube is the cluster's API with one node that it calls not Ready.
type unhealthyKube struct {
	model.Kube
	node      string
	unhealthy *atomic.Bool
}

func (k unhealthyKube) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return unhealthyAPI{api, k}, err
}

type unhealthyAPI struct {
	model.API
	kube unhealthyKube
}

func (a unhealthyAPI) Nodes(ctx context.Context) ([]model.KubeNode, error) {
	nodes, err := a.API.Nodes(ctx)
	for i := range nodes {
		if nodes[i].Name == a.kube.node && a.kube.unhealthy.Load() {
			nodes[i].Ready, nodes[i].Reason = false, "it is unhealthy"
		}
	}
	return nodes, err
}

// TestRollWaitsUntilNodesServe rolls with a node that has joined and is not Ready:
// no other one is taken away before it is.
func TestRollWaitsUntilNodesServe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		strategy  model.RollStrategy
		unhealthy string
		left      []string // that the API calls Ready after two tries
	}{
		"the successor, expand first":   {model.ExpandFirst, "prod-general-3", []string{"prod-general-1", "prod-general-2", "prod-general-3"}},
		"the successor, contract first": {model.ContractFirst, "prod-general-3", []string{"prod-general-2", "prod-general-3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets := w.rollable(c.strategy, 0)
			spec.Workers[0].CPU = 4
			unhealthy := &atomic.Bool{}
			unhealthy.Store(true)
			apply := func() error {
				e := w.engine()
				e.Kube, e.Timing.ReadyWait = unhealthyKube{e.Kube, c.unhealthy, unhealthy}, 2*time.Second
				_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
				return err
			}
			for _, step := range []string{"create_node prod-general-3", "delete_node prod-general-"} {
				err := apply()
				for _, want := range []string{step, "it is unhealthy", "the rollout stops here"} {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Fatalf("got %v, want %q", err, want)
					}
				}
				// The engine was told that one is unhealthy, and has not waited for it.
				w.until(fmt.Sprint("Ready are ", c.left), func(ctx context.Context) bool {
					return slices.Equal(w.readyNodes(ctx, secrets, "prod-general-"), c.left)
				})
			}
			unhealthy.Store(false)
			if err := apply(); err != nil {
				t.Fatal(err)
			}
			w.rolledOut(spec, secrets, "prod-general-3", "prod-general-4")
		})
	}
}

// guarded is a workload on one worker that may not be disrupted, or may.
func guarded(available string) string {
	return `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: default}
spec:
  minAvailable: ` + available + `
  selector: {matchLabels: {app: web}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: web}]
`
}

// guard puts a pod on one worker that may not be disrupted.
func (w *world) guard(secrets *model.Secrets) model.API {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		w.t.Fatal(err)
	}
	w.byHand(api, guarded("1"))
	w.until("the pod runs", func(ctx context.Context) bool { return api.Available(ctx, "default", "web") == nil })
	return api
}

// TestRollHonoursDisruptionBudgets rolls a pool with a pod that may not go: its
// node stays with the successor beside it, however often it is tried, until the
// budget allows it.
func TestRollHonoursDisruptionBudgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollable(model.ExpandFirst, 0)
	api := w.guard(secrets)
	spec.Workers[0].CPU, spec.Workers[0].DrainTimeout = 4, 5*time.Second
	for range 2 {
		_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err == nil || !strings.Contains(err.Error(), "default/web") || !strings.Contains(err.Error(), "the rollout stops here") {
			t.Fatalf("got %v", err)
		}
		if n := len(w.sim.Leftovers().VMs); n > 4 {
			t.Fatalf("%d VMs are there: %v", n, w.sim.Leftovers().VMs)
		}
	}
	w.byHand(api, guarded("0"))
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	w.rolledOut(spec, secrets, "prod-general-3", "prod-general-4")
}

// until waits for something that the simulator does by itself.
func (w *world) until(what string, is func(context.Context) bool) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(w.t.Context()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("it does not come: %s", what)
		}
	}
}

// TestCallsOfARoll holds what a roll may cost vCenter: for each node what its
// making and its deletion cost, and nothing that grows with the pool.
func TestCallsOfARoll(t *testing.T) {
	t.Parallel()
	for name, strategy := range strategies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec := w.spec(1, 6)
			spec.Workers[0].Strategy = strategy
			spec, secrets, _ := w.applied(spec)
			e := w.engine()
			looked := countLooks(e)
			if _, err := e.Ledger.Snapshot(t.Context()); err != nil { // opens both sessions
				t.Fatal(err)
			}
			spec.Workers[0].CPU = 4
			w.sim.ResetCalls()
			if p, err := e.Plan(t.Context(), spec, secrets, nil); err != nil || len(p.Steps()) != 12 {
				t.Fatalf("%v, %v", p, err)
			}
			planned := w.sim.Calls()
			w.sim.ResetCalls()
			if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
				t.Fatal(err)
			}
			calls, looks := w.sim.Calls(), looked()
			t.Logf("planning: %d calls, rolling 6 nodes: %d calls and %d looks: %v %v",
				planned.Total, calls.Total-looks, looks, calls.SOAP, calls.REST)
			// One of the plan's reads what the account may do, six read the zones.
			if planned.Total > 12 || calls.Total-looks > 13*6+4 {
				t.Errorf("planning took %d calls, and rolling %d", planned.Total, calls.Total-looks)
			}
			if lists := calls.REST["POST tag/id?list-tags-for-category"]; lists > 4 || calls.SOAP["CloneVM_Task"] != 6 {
				t.Errorf("the ledger was listed %d times, and %d VMs were cloned", lists, calls.SOAP["CloneVM_Task"])
			}
		})
	}
}
