package engine_test

import (
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestApplyOnIPv6 builds a cluster whose addresses, VIP and inner networks are
// IPv6, and whose router is known by its link-local address.
func TestApplyOnIPv6(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.pool = w.register(record.IPPool{
		Name: "six", Start: "2001:db8:1::10", End: "2001:db8:1::ff", PrefixLength: 64,
		DefaultGateway: "fe80::1", Nameservers: []string{"2001:db8:1::2"},
	})
	spec := w.spec(1, 1)
	spec.PodCIDR, spec.ServiceCIDR = "fd00:10:244::/56", "fd00:10:96::/112"
	for i := range spec.Workers[0].Placements {
		spec.Workers[0].Placements[i].Network = "dvpg-b"
	}
	spec.ControlPlane.Placements[0].Network = "dvpg-b"
	spec, _, out := w.applied(spec)
	if out.Status.State != model.StateRunning {
		t.Fatalf("status %+v", out.Status)
	}
	if _, err := netip.ParseAddrPort(out.Status.Endpoint); err != nil {
		t.Errorf("endpoint %q: %v", out.Status.Endpoint, err)
	}
	if err := w.engine().Destroy(t.Context(), spec.Target()); err != nil {
		t.Fatal(err)
	}
}
