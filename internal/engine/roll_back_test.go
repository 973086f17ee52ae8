package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// cordoned are the nodes that take no new pods.
func (w *world) cordoned(secrets *model.Secrets) []string {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		w.t.Fatal(err)
	}
	nodes, err := api.Nodes(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var names []string
	for _, n := range nodes {
		if n.Unschedulable || n.Cordoned {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

// TestRollTakenBack kills a roll at its vCenter calls, others than
// TestRollInterrupted, and takes the change back: the pool is as it was asked for
// before, and every node takes work.
func TestRollTakenBack(t *testing.T) {
	t.Parallel()
	for name, strategy := range strategies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			emptied := &atomic.Int32{}
			t.Cleanup(func() {
				// A sample may miss the few calls that do.
				if sweep.Complete() && emptied.Load() == 0 {
					t.Error("no node was left cordoned")
				}
			})
			interrupt(t, 8, kills, rolled(strategy), func(t *testing.T, k int, d disturbance) {
				w := d.world(t)
				spec, secrets := w.rollable(strategy, 0)
				larger := spec
				larger.Workers = slices.Clone(spec.Workers)
				larger.Workers[0].CPU = 4
				w.killed(k, func(ctx context.Context, e *engine.Engine) {
					_, _ = e.Apply(ctx, engine.Request{Spec: larger, Secrets: secrets})
				})
				emptied.Add(int32(len(w.cordoned(secrets))))
				w.goesOn(spec, secrets)
				if left := w.cordoned(secrets); len(left) > 0 {
					t.Errorf("%v take no work", left)
				}
			})
		})
	}
}

// TestDrainTakenBack has a disruption budget that stops a roll, and gives up: the node that
// was to go takes work again. The second time a person has cordoned it before, and it stays
// as they left it.
func TestDrainTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollable(model.ExpandFirst, 0)
	api := w.guard(secrets)
	larger := spec
	larger.Workers = slices.Clone(spec.Workers)
	larger.Workers[0].CPU, larger.Workers[0].DrainTimeout = 4, time.Second
	node := ""
	for _, byHand := range []bool{false, true} {
		if byHand {
			w.byHand(api, "apiVersion: v1\nkind: Node\nmetadata: {name: "+node+"}\nspec: {unschedulable: true}\n")
		}
		_, err := w.engine().Apply(t.Context(), engine.Request{Spec: larger, Secrets: secrets})
		stuck := w.cordoned(secrets)
		if err == nil || len(stuck) != 1 || byHand && stuck[0] != node {
			t.Fatalf("%v are cordoned after %v", stuck, err)
		}
		node = stuck[0]
		if got := actions(w.plan(spec, secrets)); !slices.Contains(got, "uncordon_node "+node) {
			t.Errorf("planned %v", got)
		}
		if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			t.Fatal(err)
		}
		if p := w.plan(spec, secrets); !p.Empty() {
			t.Errorf("then planned %v", actions(p))
		}
		if left := w.kubeNodes(secrets)[node]; left.Unschedulable != byHand || left.Cordoned {
			t.Errorf("%s is left as %+v, cordoned before: %t", node, left, byHand)
		}
	}
	w.rolledOut(spec, secrets)
}

// TestRollWaitsForTheControlPlane rolls while a node of the control plane is not
// Ready: no worker that serves is taken away.
func TestRollWaitsForTheControlPlane(t *testing.T) {
	t.Parallel()
	for name, strategy := range strategies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets := w.rollable(strategy, 0)
			spec.Workers[0].CPU = 4
			unhealthy := &atomic.Bool{}
			unhealthy.Store(true)
			e := w.engine()
			e.Kube, e.Timing.ReadyWait = unhealthyKube{e.Kube, "prod-cp-1", unhealthy}, 2*time.Second
			_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			if err == nil || !strings.Contains(err.Error(), "prod-cp-1 (it is unhealthy)") || !strings.Contains(err.Error(), "control plane") {
				t.Errorf("got %v", err)
			}
			ready := w.readyNodes(t.Context(), secrets, "prod-general-")
			if !slices.Contains(ready, "prod-general-1") || !slices.Contains(ready, "prod-general-2") {
				t.Errorf("Ready are %v", ready)
			}
			unhealthy.Store(false)
			if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
				t.Fatal(err)
			}
			w.rolledOut(spec, secrets)
		})
	}
}

// TestWorkersChangeWhereTheControlPlaneCouldNot has a placement of the control
// plane that nothing could be built on any more: workers are rolled and added, and
// a control-plane node is refused.
func TestWorkersChangeWhereTheControlPlaneCouldNot(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.ControlPlane.Placements[0].Datastore = "local-a"
	spec, secrets, _ := w.applied(spec)
	if err := w.sim.DenyPrivilegeOn(w.sim.Username(), "System.View", "/dc-1/datastore/local-a"); err != nil {
		t.Fatal(err)
	}
	spec.Workers[0].CPU, spec.Workers[0].Count = 4, 2
	if p := w.plan(spec, secrets); p.Err() != nil {
		t.Fatal(p.Err())
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	spec.ControlPlane.Count = 3
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "control plane, placement 1, datastore") {
		t.Errorf("got %v with the problems %v", actions(p), p.Problems)
	}
	spec.ControlPlane.Count, spec.Workers[0].CPU = 1, 6
	spec.Workers[0].Placements[1].Datastore = "renamed"
	datastore := model.PlacementRef{NodePool: "general", Index: 1}.Field(model.FieldDatastore)
	if p := w.plan(spec, secrets); len(p.Problems) != 1 || p.Problems[0].Fields[0] != datastore {
		t.Errorf("got the problems %v", p.Problems)
	}
}
