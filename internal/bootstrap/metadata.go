package bootstrap

import (
	"fmt"
	"net/netip"

	"sigs.k8s.io/yaml"
)

type metadata struct {
	InstanceID       string        `json:"instance-id"`
	LocalHostname    string        `json:"local-hostname"`
	CleanupGuestinfo []string      `json:"cleanup-guestinfo"`
	WaitOnNetwork    waitOnNetwork `json:"wait-on-network"`
	Network          network       `json:"network"`
}

type waitOnNetwork struct {
	IPv4 bool `json:"ipv4"`
	IPv6 bool `json:"ipv6"`
}

type network struct {
	Version   int                 `json:"version"`
	Ethernets map[string]ethernet `json:"ethernets"`
}

type ethernet struct {
	Match       match        `json:"match"`
	SetName     string       `json:"set-name"`
	DHCP4       bool         `json:"dhcp4"`
	DHCPID      string       `json:"dhcp-identifier,omitempty"`
	DHCP6       bool         `json:"dhcp6"`
	AcceptRA    bool         `json:"accept-ra"`
	Addresses   []string     `json:"addresses,omitempty"`
	Gateway6    string       `json:"gateway6,omitempty"`
	Routes      []route      `json:"routes,omitempty"`
	Nameservers *nameservers `json:"nameservers,omitempty"`
}

type match struct {
	MACAddress string `json:"macaddress"`
}

type route struct {
	To     string `json:"to"`
	Via    string `json:"via"`
	OnLink bool   `json:"on-link,omitempty"`
}

type nameservers struct {
	Addresses []string `json:"addresses,omitempty"`
	Search    []string `json:"search,omitempty"`
}

// Metadata renders the node's cloud-init metadata with its network inside.
func Metadata(n Node) ([]byte, error) {
	if err := n.validate(); err != nil {
		return nil, err
	}
	data, err := yaml.Marshal(metadata{
		InstanceID:       n.InstanceID,
		LocalHostname:    n.Name,
		CleanupGuestinfo: []string{"userdata"},
		// Static addresses too: without it the node continues before its network is
		// up, and what it then renders from its own address is wrong.
		WaitOnNetwork: waitOnNetwork{IPv4: n.DHCP || n.Address.Addr().Is4(), IPv6: n.Address.Addr().Is6()},
		Network:       n.network(),
	})
	if err != nil {
		return nil, fmt.Errorf("metadata of node %s: %w", n.Name, err)
	}
	return data, nil
}

const (
	// interfaceName is what every node's network card is called. Renderers other than
	// netplan match a card by its name beside its MAC address, and files of ours are
	// named after it.
	interfaceName = "eth0"
	// networkID comes before the ids of any file that was left in the template: of all
	// that match a card, networkd takes the first.
	networkID = "0-gantry"
)

// network matches the only NIC by its MAC address, which the clone call sets. Device
// names differ between systems, and patterns also match the interfaces of pods.
func (n Node) network() network {
	nic := ethernet{Match: match{MACAddress: n.MAC}, SetName: interfaceName}
	if n.DHCP {
		nic.DHCP4 = true
		// Not by what a machine-id makes: every clone of an image that has one in it would
		// get the same lease (vmware/open-vm-tools #240).
		nic.DHCPID = "mac"
		return network{Version: 2, Ethernets: map[string]ethernet{networkID: nic}}
	}
	nic.Addresses = []string{n.Address.String()}
	if n.Address.Addr().Is6() {
		// As a route to ::/0 it would come out of cloud-init 22.4 as one to ::/64, for
		// every renderer but netplan.
		nic.Gateway6 = n.Gateway.String()
	} else {
		// Spelled as a prefix: "default" is new to some renderers, and gateway4 is
		// deprecated.
		nic.Routes = []route{{To: "0.0.0.0/0", Via: n.Gateway.String(), OnLink: n.gatewayOutside()}}
	}
	if len(n.Nameservers)+len(n.SearchDomains) > 0 {
		nic.Nameservers = &nameservers{Search: n.SearchDomains}
		for _, server := range n.Nameservers {
			nic.Nameservers.Addresses = append(nic.Nameservers.Addresses, server.String())
		}
	}
	return network{Version: 2, Ethernets: map[string]ethernet{networkID: nic}}
}

// networkdDropInPath is that of the unit that cloud-init's own renderer for networkd
// makes for interfaceName.
const networkdDropInPath = "/etc/systemd/network/10-cloud-init-" + interfaceName + ".network.d/50-gantry.conf"

// networkdDropIn has what that renderer drops: accept-ra of a card with static
// addresses, without which any router on the network would add addresses without a
// claim, the identifier of a card that takes a lease, and on-link, without which networkd waits for ever for a way to a router
// outside of the node's network. A route to it alone is one. NetworkManager adds that
// by itself.
func (n Node) networkdDropIn() string {
	text := "[Network]\nIPv6AcceptRA=no\n"
	if n.DHCP {
		return text + "\n[DHCPv4]\nClientIdentifier=mac\n"
	}
	if n.gatewayOutside() {
		text += "\n[Route]\nDestination=" + netip.PrefixFrom(n.Gateway, n.Gateway.BitLen()).String() + "\n"
	}
	return text
}
