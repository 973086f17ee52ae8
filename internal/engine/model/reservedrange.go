package model

import (
	"net/netip"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// OwnerRanges is who holds the addresses of the ranges that a cluster has reserved, all of
// them: a range that gets another name keeps its claims. It is the attribute that reserves
// them, as those see it who look into an IP pool.
const OwnerRanges = "load_balancer_pools"

// MaxReserved is how many addresses a cluster may reserve: each of them is a tag of the
// ledger.
const MaxReserved = 256

// ReservedRange is a range of an IP pool that no node gets an address of: what runs in the
// cluster gives them to services.
type ReservedRange struct {
	Name     string
	IPPoolID uuid.UUID
	Range    ipam.Range
}

// Recorded is the range as a record has it.
func (r ReservedRange) Recorded() record.AddressRange {
	return record.AddressRange{IPPool: r.IPPoolID, Start: r.Range.Start, End: r.Range.End}
}

// Field is the field of the range.
func (r ReservedRange) Field(name FieldName) Field { return Field{Range: r.Name, Name: name} }

// Claims are the claims of all addresses of a range.
func rangeClaims(pool uuid.UUID, r ipam.Range) []Claim {
	var claims []Claim
	for addr := r.Start; addr.IsValid() && addr.Compare(r.End) <= 0 && len(claims) <= MaxReserved; addr = addr.Next() {
		claims = append(claims, Claim{IPPool: pool, Address: addr, Owner: OwnerRanges})
	}
	return claims
}

// Claims are the claims that the range consists of.
func (r ReservedRange) Claims() []Claim { return rangeClaims(r.IPPoolID, r.Range) }

// RecordedClaims are the claims that a recorded range consists of.
func RecordedClaims(r record.AddressRange) []Claim {
	return rangeClaims(r.IPPool, ipam.Range{Start: r.Start, End: r.End})
}

// ReserveRange claims the addresses of a range that the cluster does not have, and records
// the range.
type ReserveRange struct {
	ReservedRange
	Missing []netip.Addr
}

// ReleaseRange releases the addresses of a range that the cluster does not reserve any more.
type ReleaseRange struct {
	Name   string // as recorded; OwnerRanges for what no record names
	Claims []Claim
}

// Change implements Step.
func (s ReserveRange) Change() Change { return Change{ActionReserveRange, s.Name} }

// Change implements Step.
func (s ReleaseRange) Change() Change { return Change{ActionReleaseRange, s.Name} }
