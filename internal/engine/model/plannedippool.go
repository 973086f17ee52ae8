package model

import (
	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// PlannedIPPool is what is known of an IP pool beyond the ledger, while a plan is made:
// the run that the plan belongs to may create, change or delete it first.
type PlannedIPPool struct {
	Fate IPPoolFate
	// Record and GatewayID are what the pool will be, where it is Written.
	Record    record.IPPool
	GatewayID uuid.UUID
	// Partial reports whether nameservers or search domains are not known yet.
	Partial bool
	// Since is when the process began that plans, in milliseconds of Unix time; 0: not
	// known. Recent reports whether the record is younger, and of an apply: another
	// process of the same run has written it, later than the plan was made.
	Since  int64
	Recent bool
}

// IPPoolFate is what the run does to an IP pool before it builds clusters.
type IPPoolFate int

// The fates. The ledger's record counts where nothing is done to it.
const (
	IPPoolKept IPPoolFate = iota
	IPPoolWritten
	// IPPoolUnknown is created or changed to what is not known yet.
	IPPoolUnknown
	IPPoolDeleted
)

// IPPoolUse is what the plan of one cluster or gateway takes from an IP pool in the end,
// beyond what it has.
type IPPoolUse struct {
	Ref       record.Ref
	Addresses int
	Ranges    []ipam.Range // that it reserves, which Addresses counts, too
}
