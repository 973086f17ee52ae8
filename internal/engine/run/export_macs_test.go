package run

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// MACChooser returns how a run chooses the addresses of network cards.
func MACChooser(limits *model.Limits) func(netip.Addr, uuid.UUID, model.Network) (string, error) {
	return newMACs(limits).choose
}

// MACKeeper returns how a run keeps the address of a load balancer's network card.
func MACKeeper(limits *model.Limits) func(string, uuid.UUID, model.Network) error {
	return newMACs(limits).keep
}
