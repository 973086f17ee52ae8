package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// poolOfThree is just enough for a gateway: its node, its VIP and the extra.
func (w *world) poolOfThree() model.ClusterSpec {
	spec := w.gateway("dc1", "10.10.184.1", "10.10.184.3")
	return spec
}

// reset applies a gateway with another reset and fails the test unless it runs after.
func (w *world) reset(spec model.ClusterSpec, secrets *model.Secrets, id string) (model.ClusterSpec, *engine.Outcome) {
	w.t.Helper()
	spec.Reset = id
	out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err != nil {
		w.t.Fatal(err)
	}
	if out.Status.State != model.StateRunning || len(out.Status.Nodes) != spec.ControlPlane.Count {
		w.t.Errorf("status %+v", out.Status)
	}
	spec = kept(spec, out)
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		w.t.Errorf("a second plan has the steps %v and the problems %v", actions(p), p.Problems)
	}
	return spec, out
}

// TestResetRebuildsAGateway rebuilds one whose VM is lost, and then one that works: with
// the same id, endpoint and authorities. A disk that Gantry did not make outlives it.
func TestResetRebuildsAGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, first := w.applied(w.poolOfThree())
	kubeconfig, authorities := string(secrets.Kubeconfig), secrets.Authorities.Fingerprint()

	w.must(w.sim.DeleteVM("dc1-cp-1"))
	if p := w.plan(spec, secrets); !strings.Contains(p.Err().Error(), "reset_trigger") {
		t.Errorf("the plan says %v", p.Problems)
	}
	again := spec
	again.Reset = "r1"
	want := []string{"reset_control_plane dc1", "release_address dc1-cp-1", "create_node dc1-cp-2"}
	if p := w.plan(again, secrets); !slices.Equal(actions(p), want) || p.Err() != nil || p.RenewsAuthorities {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	spec, out := w.reset(spec, secrets, "r1")
	if out.ID != first.ID || out.Status.Endpoint != first.Status.Endpoint || out.Incarnation != first.Incarnation {
		t.Errorf("it was %+v and is %+v", first, out)
	}

	file, err := w.sim.AttachDisk("dc1-cp-2", 8)
	w.must(err)
	_, out = w.reset(spec, secrets, "r2")
	if out.Status.Nodes[0].Name != "dc1-cp-3" || out.Status.Endpoint != first.Status.Endpoint {
		t.Errorf("it is %+v", out.Status)
	}
	if !w.sim.DiskExists(file) {
		t.Error("a disk that Gantry did not make was destroyed")
	}
	if string(secrets.Kubeconfig) != kubeconfig || secrets.Authorities.Fingerprint() != authorities {
		t.Error("it has another kubeconfig, or other authorities")
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// TestResetRebuildsAGatewayOfThree rebuilds one that is stuck: of its nodes one VM is lost, on
// one etcd ends again and again and no kubelet runs any more, and the third has an API server
// that does not answer for want of a quorum.
func TestResetRebuildsAGatewayOfThree(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	wanted := w.gateway("dc1", "10.10.184.1", "10.10.184.5") // which are just enough
	wanted.ControlPlane.Count = 3
	spec, secrets, first := w.applied(wanted)
	authorities := secrets.Authorities.Fingerprint()

	w.must(w.sim.DeleteVM("dc1-cp-1"))
	w.must(w.sim.CrashPod("dc1-cp-2", "etcd", "its disk is damaged"))
	w.must(w.sim.HangVM("dc1-cp-2"))
	says := func(f model.Finding) bool { return strings.Contains(f.Detail, "set reset_trigger to another value") }
	if p := w.plan(spec, secrets); !p.Empty() || !slices.ContainsFunc(p.Warnings, says) {
		t.Errorf("the plan has the steps %v and says %v, %v", actions(p), p.Problems, p.Warnings)
	}
	again := spec
	again.Reset = "r1"
	want := []string{
		"reset_control_plane dc1", "delete_node dc1-cp-2", "delete_node dc1-cp-3", "release_address dc1-cp-1",
		"create_node dc1-cp-4", "create_node dc1-cp-5", "create_node dc1-cp-6",
	}
	if p := w.plan(again, secrets); !slices.Equal(actions(p), want) || p.Err() != nil {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	spec, out := w.reset(spec, secrets, "r1")
	if out.ID != first.ID || out.Status.Endpoint != first.Status.Endpoint || out.Incarnation != first.Incarnation ||
		secrets.Authorities.Fingerprint() != authorities {
		t.Errorf("it was %+v and is %+v", first, out)
	}
	w.etcdMembers(secrets)
	w.noAddressTwice()
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// TestResetLeavesClustersAlone rebuilds a lost gateway with a cluster on its IP pool: of
// the cluster nothing changes, neither its VM nor its record nor its addresses.
func TestResetLeavesClustersAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gateway, gatewaySecrets, _ := w.applied(w.gateway("dc1", "10.10.184.1", "10.10.184.9"))
	spec := w.spec(1, 0)
	spec.Workers, spec.GatewayID = nil, gateway.ID
	spec.ControlPlane.Placements[0].IPPoolID = gateway.ControlPlane.Placements[0].IPPoolID
	spec, secrets, _ := w.applied(spec)
	look := func() string {
		status, facts, err := w.engine().Status(t.Context(), spec, secrets)
		w.must(err)
		rec, err := w.engine().Ledger.Record(t.Context(), w.engine().Ledger.ID(spec.Ref))
		w.must(err)
		return fmt.Sprintf("%+v %v %s", status, facts.Claims, rec.Body)
	}
	before := look()

	w.must(w.sim.DeleteVM("dc1-cp-1"))
	gateway.Reset = "r1"
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: gateway, Secrets: gatewaySecrets})
	w.must(err)
	if out.ID != gateway.ID || out.Status.State != model.StateRunning {
		t.Errorf("the gateway is %+v", out.Status)
	}
	if after := look(); after != before {
		t.Errorf("the cluster was\n%s\nand is\n%s", before, after)
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		t.Errorf("its plan has the steps %v and the problems %v", actions(p), p.Problems)
	}
}

// TestResetWithoutAuthorities rebuilds a gateway whose private state is gone with the
// provider that was about to return it, and its VM, too.
func TestResetWithoutAuthorities(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, first := w.applied(w.poolOfThree())
	w.must(w.sim.DeleteVM("dc1-cp-1"))
	again := spec
	again.Reset = "r1"
	if p := w.plan(again, nil); !p.RenewsAuthorities || p.Err() != nil {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	secrets := &model.Secrets{}
	_, out := w.reset(spec, secrets, "r1")
	if out.Status.Endpoint != first.Status.Endpoint || len(secrets.Kubeconfig) == 0 {
		t.Errorf("it is %+v", out.Status)
	}
}

// TestApplyWithoutAuthoritiesIsRefused has a cluster that runs: nothing is built that
// could not join.
func TestApplyWithoutAuthoritiesIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, _, _ := w.applied(w.spec(1, 0))
	spec.Workers[0].Count = 1
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: &model.Secrets{}})
	if err == nil || !strings.Contains(err.Error(), "certificate authorities") {
		t.Fatalf("applied with %v", err)
	}
}

// TestResetInterruptedAtEveryCall kills a reset at each of its vCenter calls: the next
// apply ends with one node, on the same endpoint, and nothing beside it.
func TestResetInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	interrupt(t, 10, disturbances, func(w *world) {
		spec, secrets, _ := w.applied(w.poolOfThree())
		w.sim.ResetCalls()
		w.reset(spec, secrets, "r1")
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets, first := w.applied(w.poolOfThree())
		again := spec
		again.Reset = "r1"
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			// The state of the dead is as it was before.
			_, _ = e.Apply(ctx, engine.Request{Spec: again, Secrets: &model.Secrets{
				Authorities: secrets.Authorities, Kubeconfig: secrets.Kubeconfig,
			}})
		})
		spec, out := w.reset(spec, secrets, "r1")
		if out.Status.Endpoint != first.Status.Endpoint || out.ID != first.ID {
			t.Errorf("it is %+v", out.Status)
		}
		w.must(w.engine().Destroy(t.Context(), spec.Target()))
		w.onlyThePoolIsLeft()
	})
}
