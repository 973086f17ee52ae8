package run

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// macs chooses the MAC addresses of new network cards. Nothing claims them: of the
// VMs that exist the survey tells, and of those that this run is making, it does.
type macs struct {
	existing map[string][]model.NIC

	mu     sync.Mutex
	chosen map[string][]model.NIC
}

func newMACs(limits *model.Limits) *macs {
	return &macs{existing: limits.NICs, chosen: map[string][]model.NIC{}}
}

// macOf returns the address of the card that the VM with an instance UUID has, or
// otherwise: what an earlier run has made keeps its address.
func macOf(nics map[string][]model.NIC, uuid, otherwise string) string {
	for mac, cards := range nics {
		if slices.ContainsFunc(cards, func(nic model.NIC) bool { return nic.UUID == uuid }) {
			return mac
		}
	}
	return otherwise
}

// keep keeps the address that a card had before, unless another one has it by now.
func (m *macs) keep(mac string, node uuid.UUID, network model.Network) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, cards := range []map[string][]model.NIC{m.existing, m.chosen} {
		if slices.ContainsFunc(cards[mac], collides(node, network)) {
			return fmt.Errorf("another VM on the network %q has the MAC address %s of the load balancer, by which that gets its lease; "+
				"change the other VM's", network.Path, mac)
		}
	}
	m.chosen[mac] = append(m.chosen[mac], model.NIC{UUID: node.String(), Network: network.Key()})
	return nil
}

// collides matches the card of another VM that may be on the same network.
func collides(node uuid.UUID, network model.Network) func(model.NIC) bool {
	return func(nic model.NIC) bool {
		return nic.UUID != node.String() && (nic.Network == network.Key() || nic.Network == "")
	}
}

// choose returns the address of a node's card on a network. The node may have it
// already: a VM that is built anew gets the same.
func (m *macs) choose(address netip.Addr, node uuid.UUID, network model.Network) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	others := collides(node, network)
	mac, ok := plan.MACAddress(address, node, func(mac string) bool {
		return slices.ContainsFunc(m.existing[mac], others) || slices.ContainsFunc(m.chosen[mac], others)
	})
	if !ok {
		return "", fmt.Errorf("every MAC address from 00:50:56:00:00:00 to 00:50:56:3f:ff:ff is in use on the network %q", network.Path)
	}
	m.chosen[mac] = append(m.chosen[mac], model.NIC{UUID: node.String(), Network: network.Key()})
	return mac, nil
}
