package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// through is a cluster that is made through a gateway, which has a finished record.
func (w *world) through() (spec model.ClusterSpec, l *ledger.Ledger) {
	w.t.Helper()
	l = w.engine().Ledger
	ref := record.Ref{Kind: record.KindGateway, Name: "dc1"}
	r, err := ledger.NewRecord(ref, record.Cluster{
		ID: l.ID(ref), Kind: record.KindGateway, APIReached: true, CreationComplete: true,
	})
	w.must(err)
	_, err = l.Register(w.t.Context(), r)
	w.must(err)
	spec = w.spec(1, 0)
	spec.Workers = nil
	spec.GatewayID = l.ID(ref)
	pool := record.Ref{Kind: record.KindIPPool, GatewayID: spec.GatewayID, Name: "theirs"}
	r, err = ledger.NewRecord(pool, record.IPPool{
		Name: "theirs", Start: "10.10.184.1", End: "10.10.184.20", PrefixLength: 18, DefaultGateway: "10.10.128.1",
	})
	w.must(err)
	_, err = l.Register(w.t.Context(), r)
	w.must(err)
	spec.ControlPlane.Placements[0].IPPoolID = l.ID(pool)
	return spec, l
}

// untouched fails the test where there is anything of a cluster.
func (w *world) untouched(spec model.ClusterSpec) {
	w.t.Helper()
	l := w.engine().Ledger
	if _, err := l.Record(w.t.Context(), l.ID(spec.Ref)); !errors.Is(err, ledger.ErrNotFound) {
		w.t.Errorf("its record: %v", err)
	}
	for _, vm := range w.sim.Leftovers().VMs {
		if strings.HasPrefix(vm, spec.Name+"-") {
			w.t.Errorf("it has left %s", vm)
		}
	}
}

// TestCreationWaitsForItsGateway has another run work on the gateway when the creation
// of a cluster through it begins.
func TestCreationWaitsForItsGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, other := w.through()
	lease, err := other.Lock(t.Context(), spec.GatewayID, "laptop pid 42")
	w.must(err)

	p, err := w.engine().PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	if p.Err() != nil || len(p.Warnings) == 0 || !strings.Contains(p.Warnings[len(p.Warnings)-1].Detail, "laptop pid 42") {
		t.Errorf("the plan says %v and %v", p.Err(), p.Warnings)
	}

	e := w.engine()
	e.Ledger.Clock = impatient{}
	short, cancel := context.WithCancel(t.Context())
	defer cancel()
	e.Ledger.Waiting = func(context.Context, *ledger.LockedError, time.Duration) { cancel() }
	_, err = e.Apply(short, engine.Request{Spec: spec, Secrets: newSecrets(t)})
	if err == nil || !strings.Contains(err.Error(), "wait for gateway") || !strings.Contains(err.Error(), "laptop pid 42") {
		t.Errorf("without the time to wait: %v", err)
	}
	w.untouched(spec)

	began := make(chan struct{})
	e.Ledger.Waiting = func(_ context.Context, holder *ledger.LockedError, _ time.Duration) {
		if holder.Record != spec.GatewayID {
			t.Errorf("it waits for %s", holder.Record)
		}
		close(began)
	}
	released := make(chan struct{})
	go func() {
		<-began
		close(released)
		_ = lease.Release(context.Background())
	}()
	e.Report = func(_ context.Context, event model.Event) {
		if event.Whole() {
			return
		}
		select {
		case <-released:
		default:
			t.Errorf("%s before it was its turn", event.Step)
		}
	}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	w.must(err)
	if len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0].Detail, `gateway "dc1": laptop pid 42 since `) {
		t.Errorf("it warns of %v", out.Warnings)
	}
}

// TestCreationOnTheGatewaysAgentDoesNotWait runs on an agent of the gateway that is
// rolled: each would wait for the other.
func TestCreationOnTheGatewaysAgentDoesNotWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, other := w.through()
	lease, err := other.Lock(t.Context(), spec.GatewayID, "laptop pid 42")
	w.must(err)
	defer func() { _ = lease.Release(context.Background()) }()
	e := w.engine()
	e.Inside = spec.GatewayID
	e.Ledger.Waiting = func(context.Context, *ledger.LockedError, time.Duration) { t.Error("it waits") }
	_, err = e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	w.must(err)
}

// TestCreationNeedsAGateway refuses to create through a gateway that is none, is being
// deleted, or has never been Running: in the plan, and before anything is touched. What
// is there already never asks for it.
func TestCreationNeedsAGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, other := w.through()
	there, secrets, _ := w.applied(spec)
	spec.Name = "next"
	write := func(change func(*record.Cluster)) {
		body := record.Cluster{ID: spec.GatewayID, Kind: record.KindGateway, APIReached: true, CreationComplete: true}
		change(&body)
		r, err := ledger.NewRecord(record.Ref{Kind: record.KindGateway, Name: "dc1"}, body)
		w.must(err)
		w.must(other.UpdateRecord(t.Context(), spec.GatewayID, r.Body))
	}
	planning := engine.Former{Seen: seesNone, Planning: yes, Applying: no}
	refused := func(want string) {
		t.Helper()
		p, err := w.engine().PlanCreation(t.Context(), spec, planning)
		w.must(err)
		if p.Err() == nil || !strings.Contains(p.Err().Error(), want) {
			t.Errorf("the plan says %v, want %q", p.Err(), want)
		}
		if again, err := w.engine().PlanCreation(t.Context(), spec, unknownFormer); err != nil || again.Err() != nil {
			t.Errorf("a plan that may be an apply's: %v, %v", err, again.Err())
		}
		changing := w.engine()
		changing.PlannedGateway = func(uuid.UUID) model.PlannedGateway { return model.PlannedGateway{Planned: true, Changed: true} }
		if p, err := changing.PlanCreation(t.Context(), spec, planning); err != nil || p.Err() != nil {
			t.Errorf("a plan that changes the gateway first: %v, %v", err, p.Err())
		}
		_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the apply says %v, want %q", err, want)
		}
		again, err := w.engine().Plan(t.Context(), there, secrets, nil)
		if err != nil || again.Err() != nil || !again.Empty() || len(warnings(again)) > 0 {
			t.Errorf("the plan of what is there: %v, %v", err, again)
		}
	}
	write(func(b *record.Cluster) { b.CreationComplete = false })
	refused("The gateway is Failed")
	write(func(b *record.Cluster) { b.Degraded, b.NeverRan = true, true })
	refused("has never been Running")
	write(func(b *record.Cluster) { b.Deleting = true })
	refused("is being deleted")
	write(func(*record.Cluster) {})
	lease, err := other.LockToDelete(t.Context(), spec.GatewayID, "laptop pid 42")
	w.must(err)
	refused("is being deleted")
	w.must(lease.Release(t.Context()))

	// Which gateways another configuration of the provider creates is not known.
	spec.GatewayID = uuid.New()
	p, err := w.engine().PlanCreation(t.Context(), spec, planning)
	if err != nil || !strings.Contains(p.Warnings[len(p.Warnings)-1].Detail, "No gateway with the id") {
		t.Errorf("without a gateway: %v, %v", err, p)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)}); err == nil {
		t.Error("a cluster was made through no gateway")
	}
	w.untouched(spec)
}

// proxies are those that a gateway and a cluster of these tests may have.
var (
	bareProxy   = &model.Proxy{HTTP: "http://proxy:3128", HTTPS: "http://proxy:3128", NoProxy: ".example.com"}
	secretProxy = &model.Proxy{HTTP: "http://proxy:3128", HTTPS: "http://u:hunter2@proxy:3128", CACertificate: "-----"}
)

// TestClusterTakesTheProxyOfItsGateway builds a gateway with a proxy and a cluster
// through it without one: its nodes have the gateway's, from the gateway's record, and
// keep it when the gateway has another one.
func TestClusterTakesTheProxyOfItsGateway(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	gateway := w.gateway("dc1", "10.10.184.1", "10.10.184.20")
	gateway.Proxy = bareProxy
	gateway, gatewaySecrets, _ := w.applied(gateway)
	spec := w.spec(1, 0)
	spec.Workers, spec.GatewayID, spec.InheritProxy = nil, gateway.ID, true
	spec.ControlPlane.Placements[0].IPPoolID = gateway.ControlPlane.Placements[0].IPPoolID
	spec, secrets, out := w.applied(spec)
	if !out.GatewayProxy.Equal(bareProxy.Recorded()) {
		t.Errorf("it has taken %+v", out.GatewayProxy)
	}
	l := w.engine().Ledger
	kept := func() *record.Proxy {
		t.Helper()
		rec, err := l.Record(t.Context(), l.ID(spec.Ref))
		w.must(err)
		body, err := rec.Cluster()
		w.must(err)
		return body.Proxy
	}
	if got := kept(); !got.Equal(bareProxy.Recorded()) {
		t.Errorf("its record has %+v", got)
	}
	// As a state has it.
	spec.InheritProxy, spec.GatewayProxy, spec.Proxy = false, out.GatewayProxy, model.ProxyOf(out.GatewayProxy)
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("planned %v", actions(p))
	}
	without := spec
	without.Proxy = nil
	if p := w.plan(without, secrets); p.Empty() {
		t.Error("the nodes were built without the proxy")
	}

	gateway.Proxy = nil
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: gateway, Secrets: gatewaySecrets})
	w.must(err)
	life, err := engine.ReadLife(t.Context(), l, gateway.ID)
	w.must(err)
	if life.Record.Proxy != nil {
		t.Errorf("the gateway's record still has %+v", life.Record.Proxy)
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("after the gateway's has changed it plans %v", actions(p))
	}
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if got := kept(); !got.Equal(bareProxy.Recorded()) {
		t.Errorf("after the gateway's has changed its record has %+v", got)
	}
}

// TestProxyThatTheRecordLeavesOut has a gateway whose proxy needs a password: a cluster
// has to say it, in the plan, and in the apply before anything is touched.
func TestProxyThatTheRecordLeavesOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, other := w.through()
	r, err := ledger.NewRecord(record.Ref{Kind: record.KindGateway, Name: "dc1"}, record.Cluster{
		ID: spec.GatewayID, Kind: record.KindGateway, APIReached: true, CreationComplete: true, Proxy: secretProxy.Recorded(),
	})
	w.must(err)
	w.must(other.UpdateRecord(t.Context(), spec.GatewayID, r.Body))
	if strings.Contains(string(r.Body), "hunter2") {
		t.Errorf("the record is %s", r.Body)
	}
	spec.InheritProxy = true
	const want = "leaves out: user and password, ca_certificate. Set proxy"
	p, err := w.engine().PlanCreation(t.Context(), spec, unknownFormer)
	if err != nil || p.Err() == nil || !strings.Contains(p.Err().Error(), want) {
		t.Errorf("the plan says %v (%v)", p.Err(), err)
	}
	planned := w.engine()
	planned.PlannedGateway = func(uuid.UUID) model.PlannedGateway {
		return model.PlannedGateway{Planned: true, Proxy: bareProxy.Recorded()}
	}
	if p, err := planned.PlanCreation(t.Context(), spec, unknownFormer); err != nil || p.Err() != nil {
		t.Errorf("with the proxy that the gateway is to have: %v (%v)", p.Err(), err)
	}
	planned.PlannedGateway = func(uuid.UUID) model.PlannedGateway {
		return model.PlannedGateway{Planned: true, Changed: true, Proxy: secretProxy.Recorded()}
	}
	if p, err := planned.PlanCreation(t.Context(), spec, unknownFormer); err != nil || p.Err() == nil {
		t.Errorf("with a gateway that is planned, too: %v (%v)", p.Err(), err)
	}
	_, err = w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the apply says %v", err)
	}
	w.untouched(spec)

	spec.InheritProxy, spec.Proxy = false, bareProxy
	_, _, out := w.applied(spec)
	if out.GatewayProxy != nil {
		t.Errorf("it has taken %+v", out.GatewayProxy)
	}
}
