package engine_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// behindProxy is an engine whose way into the network of the guests goes through another
// proxy, which answers with these codes where it is to lead to these hosts.
func (w *world) behindProxy(refused map[string]int) *engine.Engine {
	w.t.Helper()
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if code := refused[r.URL.Hostname()]; code != 0 {
			http.Error(rw, "refused", code)
			return
		}
		onward, err := net.Dial("tcp", strings.TrimPrefix(w.sim.ProxyURL(), "http://"))
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer func() { _ = onward.Close() }()
		client, _, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(onward, "CONNECT %[1]s HTTP/1.1\r\nHost: %[1]s\r\n\r\n", r.Host)
		go func() { _, _ = io.Copy(onward, client) }()
		_, _ = io.Copy(client, onward)
		_ = client.Close()
	}))
	w.t.Cleanup(proxy.Close)
	e := w.engine()
	e.Kube = kube.New(kube.Options{ProxyURL: proxy.URL, Timeout: 5 * time.Second, Interval: 20 * time.Millisecond})
	return e
}

// TestLoadBalancerThatIsNotReachedFromHereStays has a load balancer that forwards, and an
// endpoint to which nothing leads from where Terraform runs. Of what a proxy has tried in vain
// nothing is known but that it got no answer.
func TestLoadBalancerThatIsNotReachedFromHereStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	wanted := w.leased(1, 0)
	wanted.LoadBalancer.HostName = "prod.example.com"
	spec, secrets, _ := w.applied(wanted)
	lb, _ := w.loadBalancer(spec)
	for name, c := range map[string]struct {
		refused map[string]int
		reason  string
		says    string
		steps   []string
	}{
		"its name is not known": {
			map[string]int{"prod.example.com": http.StatusBadGateway}, "NotReachedFromHere", "own address", nil,
		},
		"the proxy refuses": {
			map[string]int{"prod.example.com": http.StatusForbidden, lb.Address.String(): http.StatusForbidden},
			"NotReachedFromHere", "403 Forbidden", nil,
		},
		"no answer": {
			map[string]int{"prod.example.com": http.StatusBadGateway, lb.Address.String(): http.StatusGatewayTimeout},
			"NotForwarding", "does not forward", []string{"restart_load_balancer prod-lb"},
		},
	} {
		e := w.behindProxy(c.refused)
		status, facts, err := e.Status(t.Context(), spec, secrets)
		w.must(err)
		if got := statusCondition(t, status, "LoadBalancerReady"); got.Reason != c.reason || facts.API.Answered() {
			t.Errorf("%s: condition %+v", name, got)
		}
		p, err := e.Plan(t.Context(), spec, secrets, nil)
		w.must(err)
		if !slices.Equal(actions(p), c.steps) {
			t.Errorf("%s: steps %v", name, actions(p))
		}
		if !slices.ContainsFunc(p.Warnings, func(f model.Finding) bool { return strings.Contains(f.Summary+f.Detail, c.says) }) {
			t.Errorf("%s: warnings %v", name, p.Warnings)
		}
	}
}
