package machine

import (
	"net/netip"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
)

// gatewaysOf are the gateways that a VM is configured with, as the router of its
// network has them: with the prefix of the network where that is known, else
// with that of the VM's own address. A gateway outside a known network does not
// exist, and does not answer.
func gatewaysOf(vm guest.VM) []netip.Prefix {
	// Errors are for the machine itself to find. From its second boot on there is
	// no userdata any more, which is one.
	instance, _ := cloudinit.Read(vm.GuestInfo)
	if instance == nil {
		return nil
	}
	var found []netip.Prefix
	for _, gateway := range instance.Network.Gateways {
		if segment := vm.Segment; segment.IsValid() && segment.Addr().Is4() == gateway.Is4() {
			if segment.Contains(gateway) {
				found = append(found, netip.PrefixFrom(gateway, segment.Bits()))
			}
			continue
		}
		for _, own := range instance.Network.Addresses {
			if own.Contains(gateway) {
				found = append(found, netip.PrefixFrom(gateway, own.Bits()))
				break
			}
		}
	}
	return found
}
