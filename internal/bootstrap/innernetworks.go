package bootstrap

import (
	"net/netip"
)

// The bounds that kubeadm sets on a cluster's inner networks, with its default
// prefix lengths for one node's pods.
const (
	nodeMaskIPv4, nodeMaskIPv6 = 24, 64
	maxNodeMaskDifference      = 16
	maxServiceBits             = 20
	minServiceBits             = 4
)

// The fields of a node that name the inner networks of its cluster.
const (
	FieldPodCIDR     = "PodCIDR"
	FieldServiceCIDR = "ServiceCIDR"
)

// CheckInnerNetworks returns what is wrong with the networks of pods and services by
// themselves, wherever the nodes are. An empty text is a network that is not known.
func CheckInnerNetworks(podCIDR, serviceCIDR string) []*FieldError {
	var p problems
	checkPair(&p, podNetwork(&p, podCIDR), serviceNetwork(&p, serviceCIDR))
	return p.fields()
}

// PodRanges is how many nodes get a range of their own for their pods out of a pod
// network: the controller manager cuts it into networks of one prefix length, and a
// node for which none is left runs no pods.
func PodRanges(pods netip.Prefix) int {
	difference := PodRangeBits(pods) - pods.Bits()
	if difference < 0 {
		return 0
	}
	return 1 << min(difference, maxNodeMaskDifference)
}

// PodRangeBits is the prefix length of one node's range of a pod network.
func PodRangeBits(pods netip.Prefix) int {
	if pods.Addr().Is4() {
		return nodeMaskIPv4
	}
	return nodeMaskIPv6
}

func podNetwork(p *problems, text string) netip.Prefix {
	return innerNetwork(p, FieldPodCIDR, text, func(prefix netip.Prefix) (shortest, longest int) {
		mask := PodRangeBits(prefix)
		return max(mask-maxNodeMaskDifference, 0), mask
	})
}

func serviceNetwork(p *problems, text string) netip.Prefix {
	return innerNetwork(p, FieldServiceCIDR, text, func(prefix netip.Prefix) (shortest, longest int) {
		bits := prefix.Addr().BitLen()
		return bits - maxServiceBits, bits - minServiceBits
	})
}

// checkPair compares two networks that are valid by themselves, or zero.
func checkPair(p *problems, pods, services netip.Prefix) {
	switch {
	case !pods.IsValid() || !services.IsValid():
	case pods.Addr().Is4() != services.Addr().Is4():
		p.add(FieldServiceCIDR, "%s and the pods' network %s are of different families", services, pods)
	case pods.Overlaps(services):
		p.add(FieldServiceCIDR, "%s overlaps with the pods' network %s", services, pods)
	}
}

// innerNetwork parses a network with a prefix length in bounds; zero where it is not
// known or not valid.
func innerNetwork(p *problems, field, text string, bounds func(netip.Prefix) (shortest, longest int)) netip.Prefix {
	if text == "" {
		return netip.Prefix{}
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		p.add(field, "%q is not a network such as 10.244.0.0/16", text)
		return netip.Prefix{}
	}
	shortest, longest := bounds(prefix)
	switch {
	case prefix != prefix.Masked():
		p.add(field, "%s has host bits set; the network is %s", prefix, prefix.Masked())
	case prefix.Bits() < shortest || prefix.Bits() > longest:
		p.add(field, "the prefix length of %s is not between %d and %d", prefix, shortest, longest)
	default:
		return prefix
	}
	return netip.Prefix{}
}

// validateInnerNetworks checks the inner networks, and that no node and no virtual
// address lies in them.
func (n Node) validateInnerNetworks(p *problems) {
	pods := n.outside(p, FieldPodCIDR, n.PodCIDR, podNetwork(p, n.PodCIDR))
	services := n.outside(p, FieldServiceCIDR, n.ServiceCIDR, serviceNetwork(p, n.ServiceCIDR))
	checkPair(p, pods, services)
}

// outside returns the inner network that a text is where the node can be beside it;
// else zero.
func (n Node) outside(p *problems, field, text string, inner netip.Prefix) netip.Prefix {
	switch {
	case text == "":
		p.add(field, "there is none")
	case !inner.IsValid():
	case n.DHCP && !inner.Addr().Is4():
		p.add(field, "%s is of IPv6, and leases are of IPv4", inner)
	// What else is around a node with a lease only the lease says.
	case !n.DHCP && inner.Addr().Is4() != n.Address.Addr().Is4():
		p.add(field, "%s and the node's address %s are of different families", inner, n.Address.Addr())
	case !n.DHCP && inner.Overlaps(n.Address.Masked()):
		p.add(field, "%s overlaps with the node's network %s", inner, n.Address.Masked())
	case !n.DHCP && inner.Contains(n.Gateway):
		p.add(field, "%s contains the router %s", inner, n.Gateway)
	case inner.Contains(n.Endpoint.Address):
		p.add(field, "%s contains the endpoint's address %s", inner, n.Endpoint.Address)
	default:
		return inner
	}
	return netip.Prefix{}
}
