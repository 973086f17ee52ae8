package kube_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

func connect(t *testing.T, o kube.Options, kubeconfig []byte) model.API {
	t.Helper()
	if o.Interval == 0 {
		o.Interval = time.Millisecond
	}
	api, err := kube.New(o).Connect(kubeconfig, pki.KeyPair{})
	if err != nil {
		t.Fatal(err)
	}
	return api
}

func TestConnectThroughAProxy(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	proxy, asked := connectProxy(t, s.URL)
	k := kube.New(kube.Options{ProxyURL: proxy})
	kubeconfig := s.kubeconfig("https://10.10.183.1:6443")
	const calls = 20
	for range calls {
		api, err := k.Connect(kubeconfig, pki.KeyPair{})
		if err != nil {
			t.Fatal(err)
		}
		if err := api.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	got := asked()
	if len(got) == 0 || got[0] != "10.10.183.1:6443" {
		t.Errorf("want connections to the VIP through the proxy, got %v", got)
	}
	// Not exactly one: a dial that a request no longer waited for counts too.
	if len(got) > calls/4 || s.protocol != "HTTP/2.0" {
		t.Errorf("want connections to be shared, got %d for %d calls by %s", len(got), calls, s.protocol)
	}
}

func TestConnectRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	if _, err := kube.New(kube.Options{}).Connect([]byte("no kubeconfig"), pki.KeyPair{}); err == nil {
		t.Error("want an error for a broken kubeconfig")
	}
	s := newServer(t)
	_, err := kube.New(kube.Options{ProxyURL: "user:hunter2@proxy"}).Connect(s.kubeconfig(s.URL), pki.KeyPair{})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("want an error that keeps the password to itself, got %v", err)
	}
}

func TestReadyNamesTheFailingChecks(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed", http.StatusInternalServerError)
	})
	err := connect(t, kube.Options{}, s.kubeconfig(s.URL)).Ready(t.Context())
	if !model.Transient(err) || !strings.Contains(err.Error(), "[-]etcd failed") || strings.Contains(err.Error(), "ping") {
		t.Errorf("want a transient error with the failing check, got %v", err)
	}
	if !errors.Is(err, model.ErrNotReady) || errors.Is(err, model.ErrNotReached) || errors.Is(err, model.ErrNoAnswer) {
		t.Errorf("want an API that answers and is not ready, got %v", err)
	}
}

func TestErrorsOfTheConnection(t *testing.T) {
	t.Parallel()
	closed := newServer(t)
	closed.Close()
	err := connect(t, kube.Options{}, closed.kubeconfig(closed.URL)).Ready(t.Context())
	if !model.Transient(err) || !errors.Is(err, model.ErrNotReached) || !errors.Is(err, model.ErrNoAnswer) ||
		errors.Is(err, model.ErrNotReady) {
		t.Errorf("a refused connection may pass, and reaches nothing: %v", err)
	}

	s := newServer(t)
	s.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	api := connect(t, kube.Options{Timeout: 50 * time.Millisecond}, s.kubeconfig(s.URL))
	if _, err := api.Nodes(t.Context()); !model.Transient(err) {
		t.Errorf("a call that took too long may pass: %v", err)
	}

	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := api.Nodes(ctx); err == nil || model.Transient(err) {
		t.Errorf("whose caller has given up need not be tried again: %v", err)
	}

	other := newServer(t)
	proxy, _ := connectProxy(t, other.URL)
	wrong := other.kubeconfig("https://10.10.183.2:6443")
	if err := connect(t, kube.Options{ProxyURL: proxy}, wrong).Ready(t.Context()); err == nil || model.Transient(err) {
		t.Errorf("want a permanent error for the certificate of another host: %v", err)
	}
}
