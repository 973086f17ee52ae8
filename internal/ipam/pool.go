// Package ipam is the arithmetic of address pools: which addresses a pool
// holds, which of them may be handed out, and which one comes next. It does no
// I/O and has no state; the holders of addresses are in the ledger.
package ipam

import (
	"iter"
	"net/netip"
)

// MaxSpan is how many addresses a pool's range may span. Counting the taken
// addresses of a pool derives an id for each, so the span bounds that work.
const MaxSpan = 65536

// Pool is a range of addresses together with what may never be handed out of
// it. Make one with New or NewSubnet: they check what the methods rely on.
type Pool struct {
	Start, End netip.Addr
	// Prefix is the network that the addresses live in.
	Prefix netip.Prefix
	// Gateway is the network's default gateway; the zero Addr when there is none.
	Gateway  netip.Addr
	Excluded []Range
}

// Range returns the pool's range, what may not be issued included.
func (p Pool) Range() Range { return Range{Start: p.Start, End: p.End} }

// Contains reports whether an address lies in the pool's range, whether it may
// be issued or not.
func (p Pool) Contains(addr netip.Addr) bool {
	return p.Start.IsValid() && p.Range().Contains(addr)
}

// Overlaps reports whether two pools could ever mean the same address.
func (p Pool) Overlaps(other Pool) bool { return p.Range().Overlaps(other.Range()) }

// Shared returns the lowest and the highest address that both pools may issue; false
// when there is none, as where one excludes what the other has.
func (p Pool) Shared(other Pool) (Range, bool) {
	if !p.Start.IsValid() || !other.Start.IsValid() || !p.Overlaps(other) {
		return Range{}, false
	}
	common := Pool{Start: p.Start, End: p.End}
	if common.Start.Less(other.Start) {
		common.Start = other.Start
	}
	if other.End.Less(common.End) {
		common.End = other.End
	}
	var shared Range
	for addr := range common.Addresses() {
		if !p.Issuable(addr) || !other.Issuable(addr) {
			continue
		}
		if !shared.Start.IsValid() {
			shared.Start = addr
		}
		shared.End = addr
	}
	return shared, shared.Start.IsValid()
}

// Size returns the number of addresses in the range, what may not be issued
// included. The zero Pool has none.
func (p Pool) Size() uint64 {
	if !p.Start.IsValid() {
		return 0
	}
	return distance(p.Start, p.End) + 1
}

// Total returns the number of addresses that may be issued.
func (p Pool) Total() int {
	total := 0
	for addr := range p.Addresses() {
		if p.Issuable(addr) {
			total++
		}
	}
	return total
}

// GatewayOutside reports whether the gateway is an address of IPv4 outside the network:
// nodes then take it to be on their own segment. In IPv6, link-local addresses are.
func (p Pool) GatewayOutside() bool {
	return p.Gateway.Is4() && !p.Prefix.Contains(p.Gateway)
}

// Hosts is the range of the network without its own and its broadcast address.
func (p Pool) Hosts() Range { return hosts(p.Prefix) }

// Issuable reports whether an address may be handed out: it lies in the range
// and is neither the network's own address (in IPv6 the subnet-router anycast
// address, RFC 4291), nor its broadcast address, nor the gateway, nor excluded,
// nor of a kind that no node can have. Networks of two addresses or one have
// neither network nor broadcast address (RFC 3021, RFC 6164).
func (p Pool) Issuable(addr netip.Addr) bool {
	if !p.Contains(addr) || addr == p.Gateway || !assignable(addr) || p.reserved(addr) {
		return false
	}
	for _, r := range p.Excluded {
		if r.Contains(addr) {
			return false
		}
	}
	return true
}

// Addresses iterates over the whole range from its start, what may not be issued
// included.
func (p Pool) Addresses() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for i := range p.Size() {
			if !yield(advance(p.Start, i)) {
				return
			}
		}
	}
}

// All iterates over the addresses that may be issued, from the start.
func (p Pool) All() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for addr := range p.Addresses() {
			if p.Issuable(addr) && !yield(addr) {
				return
			}
		}
	}
}

// Next returns the first address that may be issued and is not taken, searching from
// the given offset into the range to its end and on from its start. It is false
// exactly when every address that may be issued is taken.
func (p Pool) Next(from uint64, taken func(netip.Addr) bool) (netip.Addr, bool) {
	size := p.Size()
	for i := range size {
		addr := advance(p.Start, (from%size+i)%size)
		if p.Issuable(addr) && !taken(addr) {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// reserved reports whether an address is the network's own or its broadcast
// address.
func (p Pool) reserved(addr netip.Addr) bool {
	if p.Prefix.Bits() >= p.Prefix.Addr().BitLen()-1 {
		return false
	}
	return addr == p.Prefix.Masked().Addr() || addr.Is4() && addr == last(p.Prefix)
}

// assignable reports whether an interface of a node can have the address at
// all.
func assignable(addr netip.Addr) bool {
	return !addr.IsUnspecified() && !addr.IsLoopback() && !addr.IsMulticast() &&
		!addr.IsLinkLocalUnicast() && addr != limitedBroadcast
}

var limitedBroadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
