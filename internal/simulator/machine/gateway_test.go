package machine_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

func TestGatewaysOf(t *testing.T) {
	t.Parallel()
	const (
		four  = `"addresses": ["10.20.1.5/18"], "routes": [{"to": "default", "via": "10.20.0.1"}]`
		older = `"addresses": ["10.20.1.5/18"], "gateway4": "10.20.0.1"`
		dual  = `"addresses": ["10.20.1.5/18", "2001:db8::5/64"], ` +
			`"routes": [{"to": "default", "via": "10.20.0.1"}, {"to": "::/0", "via": "2001:db8::1"}]`
		none = `"addresses": ["10.20.1.5/18"]`
		link = `"addresses": ["10.20.1.5/18"], "routes": [{"to": "default", "via": "10.99.0.1", "on-link": true}]`
		near = `"addresses": ["2001:db8::5/64"], "gateway6": "fe80::1"`
		dhcp = `"dhcp4": true`
	)
	for _, test := range []struct{ network, segment, want string }{
		{four, "", "[10.20.0.1/18]"},
		{older, "", "[10.20.0.1/18]"},
		{four, "10.20.0.0/16", "[10.20.0.1/16]"}, // the network knows better than the VM
		{four, "10.30.0.0/16", "[]"},
		{four, "2001:db8::/64", "[10.20.0.1/18]"},
		{dual, "10.20.0.0/18", "[10.20.0.1/18 2001:db8::1/64]"},
		{none, "", "[]"},
		{link, "", "[]"},
		{near, "", "[fe80::1/64]"},
		{near, "2001:db8::/64", "[fe80::1/64]"},
		{dhcp, "", "[]"},
		{`"addresses": ["10.20.1.5"]`, "", "[]"},
	} {
		vm := guest.VM{MAC: "00:50:56:00:00:01", GuestInfo: map[string]string{
			"guestinfo.metadata": `{"instance-id": "i", "local-hostname": "n", "wait-on-network": {"ipv4": true, "ipv6": true},
				"network": {"version": 2, "ethernets": {"nic0": {"match": {"macaddress": "00:50:56:00:00:01"},
				"set-name": "eth0", "accept-ra": false, ` + test.network + `}}}}`,
			"guestinfo.userdata": "---", "guestinfo.userdata.encoding": " ", // as from the second boot on
		}}
		if test.segment != "" {
			vm.Segment = netip.MustParsePrefix(test.segment)
		}
		if got := fmt.Sprint(machine.GatewaysOf(vm)); got != test.want {
			t.Errorf("%s on %q: %s, want %s", test.network, test.segment, got, test.want)
		}
	}
}

func TestNameserversOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ servers, segment, want string }{
		{`"10.20.0.2", "10.20.0.3"`, "", "[10.20.0.2/18 10.20.0.3/18]"},
		{`"10.20.0.2", "192.0.2.53"`, "10.20.0.0/16", "[10.20.0.2/16]"},
		{`"2001:db8::53"`, "10.20.0.0/16", "[]"},
		{``, "", "[]"},
	} {
		vm := guest.VM{MAC: "00:50:56:00:00:01", GuestInfo: map[string]string{
			"guestinfo.metadata": `{"instance-id": "i", "local-hostname": "n", "wait-on-network": {"ipv4": true, "ipv6": false},
				"network": {"version": 2, "ethernets": {"nic0": {"match": {"macaddress": "00:50:56:00:00:01"},
				"set-name": "eth0", "accept-ra": false, "addresses": ["10.20.1.5/18"],
				"routes": [{"to": "default", "via": "10.20.0.1"}], "nameservers": {"addresses": [` + test.servers + `]}}}}}`,
			"guestinfo.userdata": "---",
		}}
		if test.segment != "" {
			vm.Segment = netip.MustParsePrefix(test.segment)
		}
		if got := fmt.Sprint(machine.NameserversOf(vm)); got != test.want {
			t.Errorf("%s on %q: %s, want %s", test.servers, test.segment, got, test.want)
		}
	}
}
