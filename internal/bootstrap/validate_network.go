package bootstrap

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

func (n Node) validateNetwork(p *problems) {
	if !macPattern.MatchString(n.MAC) {
		p.add("MAC", "%q is not the MAC address of a network card", n.MAC)
	}
	if !n.Address.IsValid() {
		p.add("Address", "a node needs a static address with its prefix length")
		return // everything below is relative to it
	}
	address := n.Address.Addr()
	switch {
	case address.Is4In6() || address.Zone() != "":
		p.add("Address", "%s is not a plain IPv4 or IPv6 address", address)
	case !address.IsGlobalUnicast():
		p.add("Address", "%s is not a unicast address", address)
	case n.Address.Masked().Addr() == address && n.Address.Bits() < address.BitLen()-1:
		p.add("Address", "%s is the address of its network", n.Address)
	}
	switch {
	case !n.Gateway.IsValid():
		p.add("Gateway", "a node with a static address needs a gateway")
	case !n.Address.Masked().Contains(n.Gateway):
		p.add("Gateway", "%s is not in the node's network %s", n.Gateway, n.Address.Masked())
	case n.Gateway == address:
		p.add("Gateway", "%s is the node's own address", n.Gateway)
	}
	for i, server := range n.Nameservers {
		if !server.IsValid() || server.Zone() != "" {
			p.add(fmt.Sprintf("Nameservers[%d]", i), "not an address")
		}
	}
	for i, domain := range n.SearchDomains {
		if len(validation.IsDNS1123Subdomain(strings.ToLower(domain))) > 0 {
			p.add(fmt.Sprintf("SearchDomains[%d]", i), "%q is not a domain", domain)
		}
	}
	n.validateEndpoint(p)
	n.validateInnerNetworks(p)
}

func (n Node) validateEndpoint(p *problems) {
	switch {
	case !n.Endpoint.IsValid() || n.Endpoint.Zone() != "" || !n.Endpoint.IsGlobalUnicast():
		p.add("Endpoint", "a cluster needs a virtual address")
	case n.Endpoint.Is4() != n.Address.Addr().Is4():
		p.add("Endpoint", "%s and the node's address %s are of different families", n.Endpoint, n.Address.Addr())
	case n.Endpoint == n.Address.Addr():
		p.add("Endpoint", "%s is the node's own address; the virtual address belongs to no node", n.Endpoint)
	case n.Endpoint == n.Gateway:
		p.add("Endpoint", "%s is the gateway", n.Endpoint)
	case n.Role.controlsPlane() && !n.Address.Masked().Contains(n.Endpoint):
		p.add("Endpoint", "%s is not in the control plane's network %s, in which it is announced", n.Endpoint, n.Address.Masked())
	}
}
