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
