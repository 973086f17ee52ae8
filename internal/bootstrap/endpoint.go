package bootstrap

import (
	"cmp"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Endpoint is where every node and client reaches the API of a cluster.
type Endpoint struct {
	// Address is the virtual address, or the lease of the load balancer.
	Address netip.Addr
	// HostName is a name of the load balancer in dynamic DNS: the endpoint and its
	// certificates carry it, and the address is not in them. Empty: none.
	HostName string
	// LoadBalancer says that a virtual machine with HAProxy answers, and not kube-vip on the
	// control-plane nodes.
	LoadBalancer bool
}

// Host is what clients connect to and what certificates carry.
func (e Endpoint) Host() string {
	if e.HostName != "" {
		return e.HostName
	}
	return e.Address.String()
}

// known reports whether it can be rendered. The lease of a load balancer without a name is
// not known before that machine runs.
func (e Endpoint) known() bool { return e.Address.IsValid() || e.LoadBalancer && e.HostName != "" }

// hostPort is what nodes and clients connect to.
func (e Endpoint) hostPort() string { return net.JoinHostPort(e.Host(), strconv.Itoa(APIServerPort)) }

// names are what has to be reached without a proxy.
func (e Endpoint) names() []string {
	var names []string
	for _, name := range []string{e.HostName, addressText(e.Address)} {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// addressText is empty for an address that is not known.
func addressText(address netip.Addr) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// CheckHostName returns an error for what is no name of a load balancer in dynamic DNS.
func CheckHostName(name string) error {
	first, _, _ := strings.Cut(name, ".")
	faults := append(validation.IsDNS1123Subdomain(name), validation.IsDNS1123Label(first)...)
	if len(faults) > 0 || isAddress(name) {
		return errNotHostName
	}
	return nil
}

func isAddress(text string) bool {
	_, err := netip.ParseAddr(text)
	return err == nil
}

// validateEndpoint refuses an endpoint that cannot be the node's.
func (n Node) validateEndpoint(p *problems) {
	endpoint := n.Endpoint
	switch {
	case endpoint.LoadBalancer != n.DHCP:
		p.add("Endpoint", "nodes with leases are behind a load balancer, and nodes with static addresses behind a virtual address")
	case n.DHCP:
		n.validateLoadBalancer(p)
	case endpoint.HostName != "":
		p.add("Endpoint.HostName", "a virtual address has no name of its own")
	default:
		n.validateVirtualAddress(p)
	}
}

// validateLoadBalancer leaves out whether its address is known, which a plan cannot say.
func (n Node) validateLoadBalancer(p *problems) {
	address := n.Endpoint.Address
	if name := n.Endpoint.HostName; name != "" {
		if err := CheckHostName(name); err != nil {
			p.add("Endpoint.HostName", "%q is %v", name, err)
		}
	}
	if address.IsValid() && !isLease(address) {
		p.add("Endpoint", "%s is not an address of IPv4 that a server of DHCP gives", address)
	}
}

func (n Node) validateVirtualAddress(p *problems) {
	address := n.Endpoint.Address
	switch {
	case !address.IsValid() || address.Zone() != "" || !address.IsGlobalUnicast():
		p.add("Endpoint", "a cluster needs a virtual address")
	case address.Is4() != n.Address.Addr().Is4():
		p.add("Endpoint", "%s and the node's address %s are of different families", address, n.Address.Addr())
	case address == n.Address.Addr():
		p.add("Endpoint", "%s is the node's own address; the virtual address belongs to no node", address)
	case address == n.Gateway:
		p.add("Endpoint", "%s is the gateway", address)
	case n.Role.controlsPlane() && !n.Address.Masked().Contains(address):
		p.add("Endpoint", "%s is not in the control plane's network %s, in which it is announced", address, n.Address.Masked())
	}
}

// isLease reports whether an address is one that a server of DHCP gives: of IPv4, and of one
// machine.
func isLease(address netip.Addr) bool { return address.Is4() && address.IsGlobalUnicast() }

// localHostname is what a load balancer calls itself, and so what it asks its server of DHCP
// to enter into DNS.
func (lb LoadBalancer) localHostname() string { return cmp.Or(lb.HostName, lb.Name) }
