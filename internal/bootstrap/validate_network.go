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
	if n.DHCP {
		n.validateLeased(p)
		return
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
	n.validateGateway(p)
	for i, server := range n.Nameservers {
		if !server.IsValid() || server.Zone() != "" {
			p.add(fmt.Sprintf("Nameservers[%d]", i), "not an address")
		}
	}
	for i, domain := range n.SearchDomains {
		// As a resolver takes it: underscores, too, unlike in names of Kubernetes.
		if len(validation.IsDNS1123Subdomain(strings.ReplaceAll(strings.ToLower(domain), "_", "x"))) > 0 {
			p.add(fmt.Sprintf("SearchDomains[%d]", i), "%q is not a domain", domain)
		}
	}
	n.validateEndpoint(p)
	n.validateInnerNetworks(p)
}

// validateGateway refuses a router that the node cannot reach on its segment.
func (n Node) validateGateway(p *problems) {
	gateway, inside := n.Gateway, n.Address.Masked().Contains(n.Gateway)
	switch {
	case !gateway.IsValid():
		p.add("Gateway", "a node with a static address needs a gateway")
	case gateway.Is4In6() || gateway.Zone() != "" || gateway.Is4() != n.Address.Addr().Is4():
		p.add("Gateway", "%s is not a plain address of the family of the node's, %s", gateway, n.Address.Addr())
	case gateway == n.Address.Addr():
		p.add("Gateway", "%s is the node's own address", gateway)
	case gateway.Is6() && !inside && !gateway.IsLinkLocalUnicast():
		p.add("Gateway", "%s is neither in the node's network %s nor link-local", gateway, n.Address.Masked())
	case gateway.Is4() && !inside && !gateway.IsGlobalUnicast():
		p.add("Gateway", "%s is not a unicast address", gateway)
	}
}

// gatewayOutside reports whether the router is an address of IPv4 outside of the node's
// network, which the node has to be told is on its segment. In IPv6, a link-local
// address is by what it is.
func (n Node) gatewayOutside() bool {
	return n.Gateway.Is4() && !n.Address.Masked().Contains(n.Gateway)
}

// validateLeased refuses what a node cannot be told that gets its network from a server of
// DHCP.
func (n Node) validateLeased(p *problems) {
	for field, given := range map[string]bool{
		"Address":       n.Address.IsValid(),
		"Gateway":       n.Gateway.IsValid(),
		"Nameservers":   len(n.Nameservers) > 0,
		"SearchDomains": len(n.SearchDomains) > 0,
	} {
		if given {
			p.add(field, "a node that takes a lease gets it from its server of DHCP")
		}
	}
	n.validateEndpoint(p)
	n.validateInnerNetworks(p)
}
