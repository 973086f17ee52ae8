package bootstrap

import (
	"fmt"

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
	DHCP4       bool         `json:"dhcp4"`
	DHCP6       bool         `json:"dhcp6"`
	AcceptRA    *bool        `json:"accept-ra,omitempty"`
	Addresses   []string     `json:"addresses"`
	Routes      []route      `json:"routes"`
	Nameservers *nameservers `json:"nameservers,omitempty"`
}

type match struct {
	Name string `json:"name"`
}

type route struct {
	To  string `json:"to"`
	Via string `json:"via"`
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
		WaitOnNetwork: waitOnNetwork{IPv4: n.Address.Addr().Is4(), IPv6: n.Address.Addr().Is6()},
		Network:       n.network(),
	})
	if err != nil {
		return nil, fmt.Errorf("metadata of node %s: %w", n.Name, err)
	}
	return data, nil
}

// network matches the only NIC by a pattern: its MAC address is not known until
// the clone has run, and learning it would take a second reconfigure.
func (n Node) network() network {
	nic := ethernet{
		Match:     match{Name: "e*"},
		Addresses: []string{n.Address.String()},
		// Spelled as a prefix: "default" is new to some renderers, and gateway4
		// is deprecated.
		Routes: []route{{To: "0.0.0.0/0", Via: n.Gateway.String()}},
	}
	if n.Address.Addr().Is6() {
		nic.Routes[0].To = "::/0"
		// A router's advertisement would add addresses without a claim.
		no := false
		nic.AcceptRA = &no
	}
	if len(n.Nameservers)+len(n.SearchDomains) > 0 {
		nic.Nameservers = &nameservers{Search: n.SearchDomains}
		for _, server := range n.Nameservers {
			nic.Nameservers.Addresses = append(nic.Nameservers.Addresses, server.String())
		}
	}
	return network{Version: 2, Ethernets: map[string]ethernet{"nic0": nic}}
}
