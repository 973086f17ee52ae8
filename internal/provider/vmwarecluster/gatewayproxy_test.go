package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	"github.com/gantry/terraform-provider-gantry/internal/provider/vmwarecluster"
)

const (
	ownProxy   = `"proxy": {"http": "http://p", "https": "http://q", "no_proxy": "local", "ca_certificate": "PEM"}`
	takenProxy = `"gateway_proxy": {"http": "http://g:1", "https": "http://g:2", "no_proxy": null}`
)

// withProxies is the full cluster with these proxies in the place of its own.
func withProxies(t *testing.T, proxies string) string {
	t.Helper()
	if strings.Count(full, ownProxy) != 1 {
		t.Fatal("the full cluster has another proxy")
	}
	return strings.Replace(full, ownProxy, proxies, 1)
}

// TestSpecWithTheProxyOfTheGateway has the proxy that a cluster uses: its own first, then
// what it has taken.
func TestSpecWithTheProxyOfTheGateway(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	taken := &record.Proxy{HTTP: "http://g:1", HTTPS: "http://g:2"}
	for proxies, want := range map[string]string{
		takenProxy:                   "http://g:2",
		takenProxy + "," + ownProxy:  "http://q",
		takenProxy + `, "proxy": {}`: "",
		`"gateway_proxy": null`:      "",
	} {
		spec, diags := vmwarecluster.SpecOf(t.Context(), enginecrudtest.State(t, s, withProxies(t, proxies)))
		uses := ""
		if spec.Proxy != nil {
			uses = spec.Proxy.HTTPS
		}
		if diags.HasError() || uses != want || spec.InheritProxy {
			t.Errorf("%s: it uses %q, want %q (%v)", proxies, uses, want, diags)
		}
		if keeps := strings.Contains(proxies, "g:1"); spec.GatewayProxy.Equal(taken) != keeps {
			t.Errorf("%s: it keeps %+v", proxies, spec.GatewayProxy)
		}
	}
}

// TestCreationTakesTheProxy says which creations take the proxy of their gateway.
func TestCreationTakesTheProxy(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	systems := strings.Replace(withProxies(t, `"proxy": null`), `"gateway_id": "`+gatewayID+`", `, "", 1)
	for name, c := range map[string]struct {
		values, want string
		inherits     bool
	}{
		"without its own":       {withProxies(t, `"proxy": null`), "unknown", true},
		"with its own":          {full, "null", false},
		"with none":             {withProxies(t, `"proxy": {}`), "null", false},
		"of the system gateway": {systems, "null", false},
	} {
		got, spec := vmwarecluster.Inherits(t.Context(), enginecrudtest.State(t, s, c.values))
		if got != c.want || spec.InheritProxy != c.inherits {
			t.Errorf("%s: it is %s in the plan (%t)", name, got, spec.InheritProxy)
		}
	}
}

// TestWarnsOfTheGatewaysProxy has the gateway of a cluster with another proxy than the
// cluster has taken.
func TestWarnsOfTheGatewaysProxy(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, vmwarecluster.NewResource())
	same := &record.Proxy{HTTP: "http://g:1", HTTPS: "http://g:2"}
	for name, c := range map[string]struct {
		proxies string
		planned model.PlannedGateway
		want    string
	}{
		"the same":      {takenProxy, model.PlannedGateway{Proxy: same}, ""},
		"another":       {takenProxy, model.PlannedGateway{Proxy: &record.Proxy{HTTP: "http://h", HTTPS: "http://h"}}, "is http://h for http"},
		"none any more": {takenProxy, model.PlannedGateway{}, "http://g:2 for https, and keeps it. The gateway's is none now"},
		"with a password": {
			takenProxy, model.PlannedGateway{Proxy: &record.Proxy{HTTPS: "http://g:2", Omits: []string{record.ProxyCredentials}}},
			"http://g:2 for https, with user and password now",
		},
		"not known":       {takenProxy, model.PlannedGateway{ProxyUnknown: true}, ""},
		"its own":         {takenProxy + "," + ownProxy, model.PlannedGateway{}, ""},
		"none of its own": {takenProxy + `, "proxy": {}`, model.PlannedGateway{}, ""},
		"one at last":     {`"proxy": null`, model.PlannedGateway{Proxy: same}, "which is none, and keeps it. The gateway's is http://g:1"},
	} {
		conn := (&connection.Process{}).Unknown()
		conn.PlanGateway(uuid.MustParse(gatewayID), c.planned)
		state := enginecrudtest.State(t, s, withProxies(t, c.proxies))
		diags := vmwarecluster.CheckPlan(t.Context(), conn, state, false)
		got := ""
		for _, d := range diags {
			got += d.Detail()
		}
		for _, d := range vmwarecluster.CheckPlan(t.Context(), conn, state, true) {
			if strings.Contains(d.Summary(), "another proxy") {
				t.Errorf("%s: a creation takes the gateway's, and the plan says: %s", name, d.Detail())
			}
		}
		if diags.HasError() || (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: it says %q, want %q", name, got, c.want)
		}
	}
}
