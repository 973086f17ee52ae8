package guestos

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// reportNetwork sends the hypervisor the host name and the addresses whenever
// they change, as the guest tools do, only sooner. The card may get another name later.
func reportNetwork(hypervisor *backdoor, console *console, card string) {
	found, err := net.InterfaceByName(card)
	if err != nil {
		console.printf("vmtoolsd: %s: %v", card, err)
		return
	}
	var reported wire.Network
	complained := false
	for ; ; time.Sleep(time.Second) {
		now, err := observeNetwork(found.Index)
		if err != nil || now.Hostname == reported.Hostname && slices.Equal(now.Addresses, reported.Addresses) {
			continue
		}
		if err := hypervisor.report(now); err != nil {
			if !complained {
				console.printf("vmtoolsd: %v", err)
			}
			complained = true
			continue
		}
		reported = now
		complained = false
	}
}

func observeNetwork(index int) (wire.Network, error) {
	var now wire.Network
	card, err := net.InterfaceByIndex(index)
	if err != nil {
		return now, err
	}
	addresses, err := card.Addrs()
	if err != nil {
		return now, err
	}
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil {
			now.Addresses = append(now.Addresses, prefix.Addr().String())
		}
	}
	now.Hostname, err = os.Hostname()
	return now, err
}
