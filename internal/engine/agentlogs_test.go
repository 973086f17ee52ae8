package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAgentsThatDoNotRegisterSayWhy has a gateway's agent meet what keeps it from its console,
// one after the other: it is Ready for a moment each time, and has not registered by that. The
// last one does.
func TestAgentsThatDoNotRegisterSayWhy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withAgents(1)
	secrets := newSecrets(t)
	for _, c := range []struct {
		name   string
		change func(*agent.Config)
		says   []string
	}{
		{"no address", func(c *agent.Config) { c.Endpoint = "https://console.invalid" },
			[]string{"do not reach the console", "lookup console.invalid: no such host"}},
		{"the code is refused", func(c *agent.Config) { c.Token = "refused-by-the-console" },
			[]string{"refuses the pairing code", "status=401"}},
		{"the proxy wants another user", func(c *agent.Config) { c.Proxy = &agent.Proxy{HTTPS: "http://refused:hunter2@10.0.0.9:3128"} },
			[]string{"The proxy does not let the agent through", "Proxy Authentication Required"}},
		{"no proxy there", func(c *agent.Config) { c.Proxy = &agent.Proxy{HTTPS: "http://proxy.invalid:3128"} },
			[]string{"The proxy does not let the agent through", "lookup proxy.invalid: no such host"}},
		{"something else answers", func(c *agent.Config) { c.Endpoint = "https://www.example.com" },
			[]string{"What answers at console_endpoint is no console", "status=404"}},
	} {
		spec.Packs[1] = w.agents(spec, c.change)
		spec.Packs[1].Await.Timeout = 2 * time.Second
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err == nil {
			t.Fatalf("%s: the agent counts as registered", c.name)
		}
		for _, words := range c.says {
			if !strings.Contains(err.Error(), words) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: the error does not say %q: %v", c.name, words, err)
			}
		}
		spec = kept(spec, out)
	}
	spec.Packs[1] = w.agents(spec, nil)
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if out.Status.State != model.StateRunning {
		t.Errorf("state %s: %+v", out.Status.State, out.Status.Conditions)
	}
}
