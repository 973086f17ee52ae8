package model

import "time"

// VIPUnheld is in the Lease of kube-vip while the holder of the VIP lets go of the address. No node
// is called so.
const VIPUnheld = "gantry"

// VIP is who holds the address of a control plane, as kube-vip's Lease has it.
type VIP struct {
	Holder  string    // a node, or VIPUnheld; empty: none has taken the Lease yet
	Renewed time.Time // when the holder has renewed the Lease, by the clock of its node
	Version string    // of the Lease
}
