package run_test

import (
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// TestMACAddressesOfARun holds the addresses against those of VMs that exist, and of
// those that the run itself makes.
func TestMACAddressesOfARun(t *testing.T) {
	t.Parallel()
	one, two := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("one")), uuid.NewSHA1(uuid.NameSpaceDNS, []byte("two"))
	address := netip.MustParseAddr("10.10.183.11") // ends in 0a:b7:0b
	const own = "00:50:56:0a:b7:0b"
	here, there := model.Network{Ref: "Network:network-7"}, model.Network{Ref: "Network:network-8"}
	for name, test := range map[string]struct {
		nic    model.NIC
		change bool
	}{
		"no VM":              {model.NIC{}, false},
		"on this network":    {model.NIC{UUID: two.String(), Network: here.Ref}, true},
		"on another network": {model.NIC{UUID: two.String(), Network: there.Ref}, false},
		"on an unknown one":  {model.NIC{UUID: two.String()}, true},
		"itself":             {model.NIC{UUID: one.String(), Network: here.Ref}, false},
	} {
		limits := &model.Limits{NICs: map[string][]model.NIC{}}
		if test.nic.UUID != "" {
			limits.NICs[own] = []model.NIC{test.nic}
		}
		choose := run.MACChooser(limits)
		mac, err := choose(address, one, here)
		if err != nil || (mac != own) != test.change {
			t.Errorf("%s: %s, %v", name, mac, err)
		}
		if again, _ := choose(address, one, here); again != mac {
			t.Errorf("%s: %s at first, then %s", name, mac, again)
		}
		if other, _ := choose(address, two, here); other == mac {
			t.Errorf("%s: two nodes have %s", name, mac)
		}
		if other, _ := choose(address, two, there); name == "no VM" && other != own {
			t.Errorf("%s: %s on another network, want %s", name, other, own)
		}
	}
}

// TestLoadBalancerKeepsItsMACAddress holds the address that it had against those of other VMs.
func TestLoadBalancerKeepsItsMACAddress(t *testing.T) {
	t.Parallel()
	const mac = "00:50:56:0a:b7:0b"
	own, other := uuid.NewSHA1(uuid.NameSpaceDNS, []byte("lb")), uuid.NewSHA1(uuid.NameSpaceDNS, []byte("other"))
	here, there := model.Network{Ref: "Network:network-7"}, model.Network{Ref: "Network:network-8"}
	for name, test := range map[string]struct {
		nic     model.NIC
		refused bool
	}{
		"its former self":    {model.NIC{UUID: own.String(), Network: here.Ref}, false},
		"on another network": {model.NIC{UUID: other.String(), Network: there.Ref}, false},
		"on this network":    {model.NIC{UUID: other.String(), Network: here.Ref}, true},
	} {
		keep := run.MACKeeper(&model.Limits{NICs: map[string][]model.NIC{mac: {test.nic}}})
		if err := keep(mac, own, here); (err != nil) != test.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
