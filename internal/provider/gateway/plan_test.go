package gateway_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud/enginecrudtest"
	gatewayresource "github.com/gantry/terraform-provider-gantry/internal/provider/gateway"
)

// TestPlannedGateway has what is planned after a gateway know its proxy, without what is
// secret, and whether the run changes it.
func TestPlannedGateway(t *testing.T) {
	t.Parallel()
	s := enginecrudtest.Schema(t, gatewayresource.NewResource())
	secret := strings.Replace(full, "http://q", "http://u:hunter2@q", 1)
	conn := (&connection.Process{}).Unknown()
	state := enginecrudtest.State(t, s, secret)
	created, diags := gatewayresource.Note(t.Context(), conn, nil, &state)
	if diags.HasError() || !created.Planned || !created.Changed || created.ProxyUnknown {
		t.Fatalf("got %+v (%v)", created, diags)
	}
	if p := created.Proxy; p.HTTPS != "http://q" || p.NoProxy != "local" ||
		!slices.Equal(p.Omits, []string{record.ProxyCredentials, record.ProxyCertificate}) {
		t.Errorf("its proxy is %+v", p)
	}
	plain := enginecrudtest.State(t, s, strings.Replace(full, `"proxy": {`, `"proxy": null, "x": {`, 1))
	same, diags := gatewayresource.Note(t.Context(), conn, &plain, &plain)
	if diags.HasError() || !same.Planned || same.Changed || same.Proxy != nil {
		t.Errorf("without a change: %+v (%v)", same, diags)
	}
}
