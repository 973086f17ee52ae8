package guestos_test

import (
	"net/netip"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// rendered returns cloud-init's output for a node's metadata: its network, wrapped.
func rendered(t *testing.T, node bootstrap.Node) []byte {
	t.Helper()
	metadata, err := bootstrap.Metadata(node)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := yaml.Unmarshal(metadata, &fields); err != nil {
		t.Fatal(err)
	}
	document, err := yaml.Marshal(map[string]any{"network": fields["network"]})
	if err != nil {
		t.Fatal(err)
	}
	return document
}

func worker(address, gateway, endpoint string) bootstrap.Node {
	return bootstrap.Node{
		ClusterName:       "c",
		Name:              "w1",
		MAC:               card,
		InstanceID:        "42000000-0000-4000-8000-000000000001",
		Role:              bootstrap.Worker,
		KubernetesVersion: "1.34.2",
		Address:           netip.MustParsePrefix(address),
		Gateway:           netip.MustParseAddr(gateway),
		Endpoint:          bootstrap.Endpoint{Address: netip.MustParseAddr(endpoint)},
		Nameservers:       []netip.Addr{netip.MustParseAddr("192.0.2.53")},
		SearchDomains:     []string{"example.test"},
		PodCIDR:           "192.168.0.0/16",
		ServiceCIDR:       "10.96.0.0/12",
		Token:             "abcdef.0123456789abcdef",
		CAHash:            "sha256:" + strings.Repeat("0", 64),
	}
}

// card is the MAC address of the machine's network card.
const card = "00:50:56:00:00:01"

// The network that the engine renders is brought up by these commands.
func TestNetworkOfANode(t *testing.T) {
	t.Parallel()
	commands, resolver, err := guestos.PlanNetwork(rendered(t, worker("10.10.183.7/18", "10.10.128.1", "10.10.183.5")), card)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "commands", commands, []string{
		"link set lo up", "link set eth0 up", "address replace 10.10.183.7/18 dev eth0",
		"route replace 0.0.0.0/0 via 10.10.128.1 dev eth0 proto static",
	})
	if want := "# Made from /etc/netplan/50-cloud-init.yaml.\nnameserver 192.0.2.53\nsearch example.test\n"; resolver != want {
		t.Errorf("resolv.conf is %q", resolver)
	}
}

// Of a node that takes a lease only the card is brought up by commands; the rest comes with
// the lease, which is asked for by the first label of the host name.
func TestNetworkOfANodeWithALease(t *testing.T) {
	t.Parallel()
	node := worker("10.10.183.7/18", "10.10.128.1", "10.10.183.5")
	node.DHCP = true
	node.Address = netip.Prefix{}
	node.Gateway = netip.Addr{}
	node.Nameservers = nil
	node.SearchDomains = nil
	node.Endpoint.LoadBalancer = true
	commands, _, err := guestos.PlanNetwork(rendered(t, node), card)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "commands", commands, []string{"link set lo up", "link set eth0 up"})
	client := strings.Join(guestos.LeaseClient("w1"), " ")
	if !strings.Contains(client, "-i eth0 ") || !strings.Contains(client, "-x hostname:w1 ") {
		t.Errorf("the client is %s", client)
	}
}

// Routers outside the node's own network.
func TestRoutersOfANode(t *testing.T) {
	t.Parallel()
	six := worker("2001:db8:1::7/64", "fe80::1", "2001:db8:1::5")
	six.PodCIDR = "fd00:10::/56"
	six.ServiceCIDR = "fd00:20::/112"
	for _, test := range []struct {
		node bootstrap.Node
		want string
	}{
		{six, "route replace ::/0 via fe80::1 dev eth0 proto static"},
		{worker("10.10.183.7/24", "10.10.128.1", "10.10.183.5"), "route replace 0.0.0.0/0 via 10.10.128.1 dev eth0 proto static onlink"},
	} {
		commands, _, err := guestos.PlanNetwork(rendered(t, test.node), card)
		if err != nil {
			t.Fatal(err)
		}
		if got := commands[len(commands)-1]; got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}

func TestNetworkRefusesWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	const head = "network:\n  version: 2\n  ethernets:\n    nic0:\n      match: {macaddress: \"" + card + "\"}\n" +
		"      accept-ra: false\n      addresses: [10.0.0.2/24]\n      set-name: eth0\n"
	if _, _, err := guestos.PlanNetwork([]byte(head), card); err != nil {
		t.Fatal(err)
	}
	_, _, err := guestos.PlanNetwork([]byte(strings.Replace(head, "eth0", "lan", 1)), card)
	if err == nil || !strings.Contains(err.Error(), "the card is eth0") {
		t.Errorf("another name: %v", err)
	}
	for more, want := range map[string]string{
		"      mtu: 9000\n": "mtu has no effect",
		"      routes: [{to: 10.9.0.0/16, via: 10.0.0.1}]\n":                                  "only default routes",
		"      routes: [{to: default, via: 10.1.0.1}]\n":                                      "not on-link",
		"      adresses: [10.0.0.3/24]\n":                                                     "unknown field",
		"    nic1:\n      match: {name: eth9}\n":                                              "device's name",
		"    nic1:\n      match: {macaddress: \"00:50:56:00:00:02\"}\n      set-name: eth1\n": "2 ethernets",
		"    nic1:\n      match: {macaddress: \"" + card + "\"}\n      set-name: eth0\n":      "two ethernets",
		"      nameservers: {search: [\"not a name\"]}\n":                                     "not a domain name",
		"      gateway4: 10.0.0.2\n":                                                          "own address",
		"      nameservers: {addresses: [\"192.0.2.300\"]}\n":                                 "malformed",
		"  bonds: {}\n": "unknown field",
	} {
		_, _, err := guestos.PlanNetwork([]byte(head+more), card)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", more, err, want)
		}
	}
}

// What cloud-init renders for a machine that is told nothing brings up a card
// without an address, as where no DHCP server answers.
func TestFallbackNetwork(t *testing.T) {
	t.Parallel()
	commands, _, err := guestos.PlanNetwork([]byte("network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true\n"+
		"      match: {macaddress: \"00:50:56:00:00:01\"}\n      set-name: eth0\n"), card)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "commands", commands, []string{"link set lo up", "link set eth0 up"})
}
