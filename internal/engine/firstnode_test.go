package engine_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestRestoreWhoseFirstNodeDoesNotComeBack has a first node that loses its power while it
// restores. It is powered on, and its guest gives up, since kubeadm init was begun there: it
// might have served, so that only its deletion by hand has the snapshot restored once more.
func TestRestoreWhoseFirstNodeDoesNotComeBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	w.writes(secrets, "before")
	from := w.snapshot(secrets)
	asked, release := heldBack(t, from)
	spec = restores(spec, from)
	w.must(w.sim.DeleteVM("prod-cp-1"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	out, err := w.engine().Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if err == nil {
		t.Fatal("the run was not stopped")
	}
	spec = kept(spec, out)
	w.powerOff("prod-cp-2")
	release()

	// It is not restored over either where the run is killed while it waits.
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		defer cancel()
		w.until("the first node gives up", func(ctx context.Context) bool {
			_, facts, err := w.engine().Status(ctx, spec, secrets)
			return err == nil && slices.ContainsFunc(facts.Machines, func(m model.Machine) bool {
				return m.Marker.Node == "prod-cp-2" && m.Phase == model.PhaseFailed
			})
		})
	}()
	if _, err := w.engine().Apply(ctx, engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		t.Fatal("the run was not stopped")
	}
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "has joined") {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	w.powerOff("prod-cp-2")

	e := w.engine()
	e.Timing.APITimeout = 500 * time.Millisecond
	out, err = e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "power_on_node prod-cp-2") || !strings.Contains(err.Error(), "delete its VM in vCenter") {
		t.Fatalf("applied with %v", err)
	}
	spec = kept(spec, out)
	if p := w.plan(spec, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "has joined") {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	w.must(w.sim.DeleteVM("prod-cp-2"))
	spec = kept(spec, w.applies(spec, secrets))
	if !w.remembers(secrets, "before") {
		t.Error("the cluster does not have the data of the snapshot")
	}
	if slices.ContainsFunc(spec.Known, func(m model.KnownMachine) bool { return m.Node == "prod-cp-2" }) {
		t.Errorf("the VMs are %v", spec.Known)
	}
	w.restored(spec, secrets, 4)
}

// heldBack has a snapshot served only after release: asked has a value for each time that a guest asks for it.
func heldBack(t *testing.T, from *model.Restore) (asked chan struct{}, release func()) {
	t.Helper()
	origin, err := url.Parse(from.URL)
	if err != nil {
		t.Fatal(err)
	}
	asked = make(chan struct{}, 100)
	released := make(chan struct{})
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: origin.Scheme, Host: origin.Host})
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		asked <- struct{}{}
		select {
		case <-released:
			if in.Context().Err() == nil {
				proxy.ServeHTTP(out, in)
			}
		case <-in.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	held, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	origin.Host = held.Host
	from.URL = origin.String()
	return asked, func() { close(released) }
}

// hidingKube does not show a node, as to a run that is killed before it sees it.
type hidingKube struct {
	model.Kube
	node string
}

func (k hidingKube) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return hidingAPI{api, k.node}, err
}

type hidingAPI struct {
	model.API
	node string
}

func (a hidingAPI) Nodes(ctx context.Context) ([]model.KubeNode, error) {
	nodes, err := a.API.Nodes(ctx)
	return slices.DeleteFunc(nodes, func(n model.KubeNode) bool { return n.Name == a.node }), err
}

// TestSecondNodeThatLosesItsPowerUnseen has joined etcd, which answers with both of its members
// or not at all: the plan powers it on, although no run has recorded that it joined.
func TestSecondNodeThatLosesItsPowerUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 0))
	spec.ControlPlane.Count = 3
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		w.until("the second node has joined", func(ctx context.Context) bool {
			_, facts, err := w.engine().Status(ctx, spec, secrets)
			return err == nil && slices.ContainsFunc(facts.Machines, func(m model.Machine) bool {
				return m.Marker.Node == "prod-cp-2" && m.Phase == model.PhaseJoined
			})
		})
	}()
	e := w.engine()
	e.Kube = hidingKube{e.Kube, "prod-cp-2"}
	out, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !slices.Contains(w.record().Pending[model.ControlPlanePool], 2) {
		t.Fatalf("applied with %v, and recorded %+v", err, w.record())
	}
	spec = kept(spec, out)
	w.powerOff("prod-cp-2")
	w.eventually(func() bool {
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && !facts.API.Answered()
	})
	if steps := actions(w.plan(spec, secrets)); !slices.Equal(steps, []string{"power_on_node prod-cp-2"}) {
		t.Errorf("planned %v", steps)
	}
	spec = kept(spec, w.applies(spec, secrets))
	w.eventually(func() bool {
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && facts.API.Answered()
	})
	spec = kept(spec, w.applies(spec, secrets))
	if members := w.etcdMembers(secrets); len(members) != 3 || len(w.sim.History().Inits) != 1 {
		t.Errorf("the members are %v, and %v were initialised", members, w.sim.History().Inits)
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
}
