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
