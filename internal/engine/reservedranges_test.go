package engine_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// reserves is a range of an IP pool.
func (w *world) reserves(pool uuid.UUID, name, text string) model.ReservedRange {
	w.t.Helper()
	r, err := ipam.ParseRange(text)
	w.must(err)
	return model.ReservedRange{Name: name, IPPoolID: pool, Range: r}
}

func rangesOf(cluster uuid.UUID) ledger.Owner {
	return ledger.Owner{Cluster: cluster, Node: model.OwnerRanges}
}

// heldAsRanges are the addresses of the world's pool that a cluster holds for its ranges.
func (w *world) heldAsRanges(cluster uuid.UUID) []string {
	w.t.Helper()
	entries, err := w.engine().Ledger.Entries(w.t.Context())
	w.must(err)
	var held []string
	for _, e := range entries {
		if e.Kind == ledger.EntryClaim && e.Owner == rangesOf(cluster) {
			held = append(held, e.Address.String())
		}
	}
	slices.Sort(held)
	return held
}

// TestReservedRanges reserves a range before any node has an address, so that none gets one
// of it, changes it in place, refuses it to others, and gives it back at the end. A plan reads
// none of its claims.
func TestReservedRanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 2)
	spec.ReservedRanges = []model.ReservedRange{w.reserves(w.pool, "web", "10.10.183.1-10.10.183.240")}
	spec, secrets, out := w.applied(spec)
	for _, n := range out.Status.Nodes {
		if addr := netip.MustParseAddr(n.Address); spec.ReservedRanges[0].Range.Contains(addr) {
			t.Errorf("%s has %s of the range", n.Name, addr)
		}
	}
	if held := w.heldAsRanges(spec.ID); len(held) != 240 {
		t.Errorf("it holds %d addresses", len(held))
	}
	e := w.engine()
	looked := countLooks(e)
	w.must(func() error { _, err := e.Ledger.Snapshot(t.Context()); return err }())
	w.sim.ResetCalls()
	if _, p, err := e.Status(t.Context(), spec, secrets); err != nil || p == nil {
		t.Fatal(err)
	}
	if calls := w.sim.Calls(); calls.Total-looked() > 12 { // six of them are of the zones
		t.Errorf("a refresh took %d calls: %v %v", calls.Total, calls.SOAP, calls.REST)
	}

	// Others are refused what is the cluster's, by name where a node has it.
	other := w.spec(1, 1)
	other.Ref = record.Ref{Kind: record.KindCluster, Name: "shop"}
	other.ReservedRanges = []model.ReservedRange{w.reserves(w.pool, "api", "10.10.183.240-10.10.183.250")}
	p, err := w.engine().PlanCreation(t.Context(), other, engine.Former{Seen: seesNone, Planning: yes, Applying: no})
	w.must(err)
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "10.10.183.240, ") {
		t.Errorf("another cluster with one of its addresses: %v", err)
	}

	spec.ReservedRanges = []model.ReservedRange{w.reserves(w.pool, "web", "10.10.183.3-10.10.183.5"), w.reserves(w.pool, "new", "10.10.183.7")}
	if _, p := w.refreshed(spec, secrets); !slices.Equal(actions(p), []string{"reserve_range web", "reserve_range new", "release_range web"}) {
		t.Fatalf("planned %v", actions(p))
	}
	spec = w.again(spec, secrets)
	if held, want := w.heldAsRanges(spec.ID), []string{"10.10.183.3", "10.10.183.4", "10.10.183.5", "10.10.183.7"}; !slices.Equal(held, want) {
		t.Errorf("it holds %v", held)
	}

	// A tag that was deleted by hand is made again.
	w.must(w.engine().Ledger.Release(t.Context(), ledger.IPPool{ID: w.pool}, netip.MustParseAddr("10.10.183.4"), rangesOf(spec.ID)))
	if _, p := w.refreshed(spec, secrets); !slices.Equal(actions(p), []string{"reserve_range web"}) {
		t.Fatalf("after a tag was deleted, planned %v", actions(p))
	}
	spec = w.again(spec, secrets)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// TestReservedRangesInterrupted stops changes of ranges at their calls: none is held that no
// record knows of after the next apply, and none is released that is.
func TestReservedRangesInterrupted(t *testing.T) {
	t.Parallel()
	// Of a pool that no node takes an address of.
	prepared := func(w *world) (spec model.ClusterSpec, secrets *model.Secrets, after []model.ReservedRange) {
		pool := w.addPool("services", "10.10.184.50", "10.10.184.90")
		spec = w.spec(1, 0)
		spec.ReservedRanges = []model.ReservedRange{
			w.reserves(pool, "old", "10.10.184.60-10.10.184.61"), w.reserves(pool, "web", "10.10.184.50-10.10.184.52"),
		}
		spec, secrets, _ = w.applied(spec)
		return spec, secrets, []model.ReservedRange{
			w.reserves(pool, "api", "10.10.184.70-10.10.184.71"), w.reserves(pool, "web", "10.10.184.52-10.10.184.54"),
		}
	}
	interrupt(t, 10, []disturbance{killed, answerLost, dropped}, func(w *world) {
		spec, secrets, after := prepared(w)
		spec.ReservedRanges = after
		w.sim.ResetCalls()
		w.applies(spec, secrets)
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets, after := prepared(w)
		spec.ReservedRanges = after
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.applies(spec, secrets)
		want := []string{"10.10.184.52", "10.10.184.53", "10.10.184.54", "10.10.184.70", "10.10.184.71"}
		if held := w.heldAsRanges(spec.ID); !slices.Equal(held, want) {
			t.Errorf("it holds %v", held)
		}
		if p := w.plan(spec, secrets); !p.Empty() {
			t.Errorf("then planned %v", actions(p))
		}
		w.must(w.engine().Destroy(t.Context(), spec.Target()))
		if held := w.heldAsRanges(spec.ID); len(held) > 0 {
			t.Errorf("then it holds %v", held)
		}
	})
}

// TestReservedRangesWithLeases reserves a range for a cluster whose nodes take leases.
func TestReservedRangesWithLeases(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.leased(1, 1)
	spec.ReservedRanges = []model.ReservedRange{w.reserves(w.pool, "web", "10.10.183.50-10.10.183.52")}
	spec, secrets, _ := w.applied(spec)
	if held := w.heldAsRanges(spec.ID); len(held) != 3 {
		t.Errorf("it holds %v", held)
	}
	if rec := w.record(); !rec.Leases || len(rec.IPPools) != 1 {
		t.Errorf("the record has the IP pools %v, and leases %t", rec.IPPools, rec.Leases)
	}

	// An address that a service still has is not given to others.
	api := w.client(secrets).CoreV1().Services("default")
	service, err := api.Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}, metav1.CreateOptions{})
	w.must(err)
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "10.10.183.51"}}
	_, err = api.UpdateStatus(t.Context(), service, metav1.UpdateOptions{})
	w.must(err)
	spec.ReservedRanges = nil
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "default/web has 10.10.183.51") || len(w.heldAsRanges(spec.ID)) != 3 {
		t.Errorf("it holds %v: %v", w.heldAsRanges(spec.ID), err)
	}
	w.must(api.Delete(t.Context(), "web", metav1.DeleteOptions{}))
	spec = w.again(spec, secrets)
	if held := w.heldAsRanges(spec.ID); len(held) > 0 {
		t.Errorf("it holds %v", held)
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	w.onlyThePoolIsLeft()
}

// TestReservedRangesOfALostRecord releases those of a pool that no VM names.
func TestReservedRangesOfALostRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	pool := w.addPool("services", "10.10.184.50", "10.10.184.90")
	spec := w.spec(1, 0)
	spec.ReservedRanges = []model.ReservedRange{w.reserves(pool, "web", "10.10.184.50-10.10.184.52")}
	spec, _, _ = w.applied(spec)
	w.loseRecord(spec)
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if held := w.heldAsRanges(spec.ID); len(held) > 0 {
		t.Errorf("it holds %v", held)
	}
}
