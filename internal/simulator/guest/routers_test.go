package guest_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

// TestGuestsReachRoutersOutside has guests read what is rendered for routers that are
// not in the network of the node.
func TestGuestsReachRoutersOutside(t *testing.T) {
	t.Parallel()
	four := newEngine(t, "1.37.2").node(bootstrap.Worker, "w1", address(11))
	four.Gateway = netip.MustParseAddr("192.0.2.1")
	six := four
	six.Address = netip.MustParsePrefix("2001:db8:1::11/64")
	six.Gateway = netip.MustParseAddr("fe80::1")
	six.Nameservers = nil
	six.Endpoint.Address = netip.MustParseAddr("2001:db8:1::10")
	six.PodCIDR = "fd00:244::/56"
	six.ServiceCIDR = "fd00:96::/112"
	for _, test := range []struct {
		node   bootstrap.Node
		onLink []netip.Addr
	}{
		{four, []netip.Addr{four.Gateway}},
		{six, nil}, // by what it is
	} {
		info, err := bootstrap.GuestInfo(test.node)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := cloudinit.Read(info, test.node.MAC)
		if err != nil {
			t.Errorf("%s: %v", test.node.Gateway, err)
			continue
		}
		if n := instance.Network; !slices.Equal(n.Gateways, []netip.Addr{test.node.Gateway}) || !slices.Equal(n.OnLink, test.onLink) {
			t.Errorf("%s: gateways %v, on-link %v", test.node.Gateway, n.Gateways, n.OnLink)
		}
	}
}

// TestGuestsTakeSearchDomains has domains that are no names of Kubernetes, and that a
// resolver takes.
func TestGuestsTakeSearchDomains(t *testing.T) {
	t.Parallel()
	node := newEngine(t, "1.37.2").node(bootstrap.Worker, "w1", address(11))
	node.SearchDomains = []string{"Corp.Example.com", "_sites.my_corp.local"}
	info, err := bootstrap.GuestInfo(node)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := cloudinit.Read(info, node.MAC)
	if err != nil || !slices.Equal(instance.Network.Search, node.SearchDomains) {
		t.Errorf("%v, %v", instance, err)
	}
}
