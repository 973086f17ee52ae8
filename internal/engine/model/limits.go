package model

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Limits are what only speaks for or against steps: resolved names, capacities,
// pools, what others hold. No step follows from them, so that they may change
// between plan and apply without changing the plan.
type Limits struct {
	// APIVersion is as in Survey.
	APIVersion string
	Site       Site
	// Findings are what is wrong with the names, as in Survey.
	Findings Findings
	IPPools  map[uuid.UUID]IPPool
	// FreeClaims is how many addresses the ledger of the vCenter still takes, by max_claims.
	FreeClaims int
	// NICs are the network cards of all VMs of the vCenter, by MAC address.
	NICs map[string][]NIC
	// Held lists the claims that the markers of all Gantry VMs account for, each once.
	Held []Holding
	// HeldDisks are the disks that snapshots of the cluster's VMs hold, by reference.
	HeldDisks map[string][]HeldDisk
	// Notes are the notes of the cluster's VMs, by reference.
	Notes map[string]string
	// Etcd is asked where a plan takes members out of it, and in no refresh: each member
	// is asked for its health.
	Etcd Etcd
	// NoSnapshots are the privileges that the account lacks to keep snapshots of etcd on the
	// control plane's datastore. They are read where a plan takes one.
	NoSnapshots []string
	// User is who carries a plan out, by name; empty: the provider's own user.
	User string
	// Lacks are the privileges that the user lacks of those that a plan needs, by the
	// reference of the object.
	Lacks map[string][]string
	// Zones are the topology tags of where nodes are placed; nil: they were not read, since
	// nothing depends on them, or cannot be.
	Zones *ZoneTags
	// VMTags are the tags of vSphere that the spec names.
	VMTags VMTagLimits
	// Inside is the gateway on whose agent this process runs; uuid.Nil: it runs elsewhere.
	Inside uuid.UUID
	// Children are the clusters, IP pools and accounts of a gateway. They are read
	// before one is deleted.
	Children []record.Ref
}

// IPPool is a pool as the ledger has it.
type IPPool struct {
	ID uuid.UUID
	// Registered is false for one that is not there (yet), of which there is the id
	// alone, and for one whose record cannot be read: then Damage says why.
	Registered bool
	Damage     error
	Record     record.IPPool
	Addresses  ipam.Pool
	GatewayID  uuid.UUID
	// ReservedBy is the cluster that has a pool to itself which is restricted to a
	// single one; uuid.Nil: none yet.
	ReservedBy uuid.UUID
	// UnclaimedInUse are addresses of the pool that a VM reports and no claim
	// holds, with that VM.
	UnclaimedInUse map[netip.Addr]string
	// TakenOfRanges are the addresses of ranges that the spec reserves of the pool which
	// others have, or nodes of the cluster itself.
	TakenOfRanges []netip.Addr
	Total         int
	Taken         int
	// Former is how many of its addresses do not count as taken because what holds them
	// is replaced.
	Former int
	// Uses are what other clusters and gateways that are planned in the same run take.
	Uses []IPPoolUse
	// Planned is what the run does to the pool; Record and what follows from it are as
	// the pool will be then.
	Planned PlannedIPPool
}

// Free is how many addresses of the pool can still be handed out.
func (p IPPool) Free() int { return max(0, p.Total-p.Taken-len(p.UnclaimedInUse)-p.Promised()) }

// Promised is how many addresses others take that are planned in the same run.
func (p IPPool) Promised() int {
	promised := 0
	for _, use := range p.Uses {
		promised += use.Addresses
	}
	return promised
}
