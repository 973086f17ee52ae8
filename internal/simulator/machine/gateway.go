package machine

import (
	"net/netip"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

// gatewaysOf returns the gateways that a VM is configured with, as the router of its
// network has them: with the prefix of the network where that is known, else
// with that of the VM's own address. A gateway outside a known network does not
// exist, and does not answer; a link-local one of IPv6 is on every segment.
func gatewaysOf(vm guest.VM) []netip.Prefix {
	return routed(vm, func(n *cloudinit.Network) []netip.Addr { return n.Gateways })
}

// nameserversOf returns the DNS servers that a VM is configured with and that lie in its own
// network. The router has their addresses, too, and nothing listens there: a client is
// refused at once, instead of waiting for an answer that never comes.
func nameserversOf(vm guest.VM) []netip.Prefix {
	return routed(vm, func(n *cloudinit.Network) []netip.Addr { return n.Nameservers })
}

// linkLocalBits is the prefix length of link-local addresses.
const linkLocalBits = 64

func routed(vm guest.VM, addresses func(*cloudinit.Network) []netip.Addr) []netip.Prefix {
	// Errors are for the machine itself to find. From its second boot on there is
	// no userdata any more, which is one.
	instance, _ := cloudinit.Read(vm.GuestInfo, vm.MAC)
	if instance == nil {
		return nil
	}
	var found []netip.Prefix
	for _, address := range addresses(&instance.Network) {
		if address.Is6() && address.IsLinkLocalUnicast() {
			found = append(found, netip.PrefixFrom(address, linkLocalBits))
			continue
		}
		if segment := vm.Segment; segment.IsValid() && segment.Addr().Is4() == address.Is4() {
			if segment.Contains(address) {
				found = append(found, netip.PrefixFrom(address, segment.Bits()))
			}
			continue
		}
		for _, own := range instance.Network.Addresses {
			if own.Contains(address) {
				found = append(found, netip.PrefixFrom(address, own.Bits()))
				break
			}
		}
	}
	return found
}
