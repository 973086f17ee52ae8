package model

import "time"

// VIP is who holds the address of a control plane, as kube-vip's Lease has it.
type VIP struct {
	Holder  string    // a node; empty: none has taken the Lease yet
	Renewed time.Time // when the holder has renewed the Lease, by the clock of its node
}
