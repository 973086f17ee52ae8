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

// choose returns the address of a node's card on a network. The node may have it
// already: a VM that is built anew gets the same.
func (m *macs) choose(address netip.Addr, node uuid.UUID, network model.Network) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	collides := func(nic model.NIC) bool {
		return nic.UUID != node.String() && (nic.Network == network.Key() || nic.Network == "")
	}
	mac, ok := plan.MACAddress(address, node, func(mac string) bool {
		return slices.ContainsFunc(m.existing[mac], collides) || slices.ContainsFunc(m.chosen[mac], collides)
	})
	if !ok {
		return "", fmt.Errorf("every MAC address from 00:50:56:00:00:00 to 00:50:56:3f:ff:ff is in use on the network %q", network.Path)
	}
	m.chosen[mac] = append(m.chosen[mac], model.NIC{UUID: node.String(), Network: network.Key()})
	return mac, nil
}
