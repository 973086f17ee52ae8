package ipam

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
)

// Range is a run of addresses of one family, both ends included.
type Range struct{ Start, End netip.Addr }

// ParseRange reads one address, two addresses with a hyphen between them, or a
// CIDR prefix, which stands for all of its addresses.
func ParseRange(s string) (Range, error) {
	if strings.Contains(s, "/") {
		prefix, err := netip.ParsePrefix(s)
		if err != nil {
			return Range{}, fmt.Errorf("%q is not a CIDR prefix", s)
		}
		if _, err := parseAddr(prefix.Addr().String()); err != nil {
			return Range{}, err
		}
		return plain(Range{Start: prefix.Masked().Addr(), End: last(prefix)})
	}
	from, to, hyphen := strings.Cut(s, "-")
	start, err := parseAddr(strings.TrimSpace(from))
	if err != nil {
		return Range{}, err
	}
	if !hyphen {
		return Range{Start: start, End: start}, nil
	}
	end, err := parseAddr(strings.TrimSpace(to))
	if err != nil {
		return Range{}, err
	}
	if start.BitLen() != end.BitLen() {
		return Range{}, fmt.Errorf("%s and %s are of different address families", start, end)
	}
	if end.Less(start) {
		return Range{}, fmt.Errorf("%s comes before %s", end, start)
	}
	return plain(Range{Start: start, End: end})
}

// mapped are the IPv6 addresses that stand for IPv4 addresses (RFC 4291, section
// 2.5.5.2).
var mapped = Range{Start: netip.MustParseAddr("::ffff:0.0.0.0"), End: netip.MustParseAddr("::ffff:255.255.255.255")}

// plain refuses a range over addresses that parseAddr refuses.
func plain(r Range) (Range, error) {
	if r.Overlaps(mapped) {
		return Range{}, fmt.Errorf("%s to %s contains IPv4 addresses written as IPv6 (::ffff:0:0/96)", r.Start, r.End)
	}
	return r, nil
}

// Contains reports whether an address lies in the range.
func (r Range) Contains(addr netip.Addr) bool {
	return addr.BitLen() == r.Start.BitLen() && r.Start.Compare(addr) <= 0 && addr.Compare(r.End) <= 0
}

// Overlaps reports whether the two ranges share an address.
func (r Range) Overlaps(other Range) bool {
	return r.Start.BitLen() == other.Start.BitLen() &&
		r.Start.Compare(other.End) <= 0 && other.Start.Compare(r.End) <= 0
}

// String returns the form that ParseRange reads.
func (r Range) String() string {
	if r.Start == r.End {
		return r.Start.String()
	}
	return r.Start.String() + "-" + r.End.String()
}

// parseAddr refuses the spellings by which one address could appear under two
// names: zones and IPv4-mapped IPv6 addresses.
func parseAddr(s string) (netip.Addr, error) {
	if s == "" {
		return netip.Addr{}, errors.New("is empty")
	}
	addr, err := netip.ParseAddr(s)
	switch {
	case err != nil:
		return netip.Addr{}, fmt.Errorf("%q is not an IP address", s)
	case addr.Zone() != "":
		return netip.Addr{}, fmt.Errorf("%q carries a zone", s)
	case addr.Is4In6():
		return netip.Addr{}, fmt.Errorf("%q is an IPv4 address written as IPv6", s)
	}
	return addr, nil
}

// last returns the highest address of a prefix.
func last(prefix netip.Prefix) netip.Addr {
	raw := prefix.Addr().AsSlice()
	for bit := prefix.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr
}

// distance returns the difference of two addresses of the same family, to >=
// from; math.MaxUint64 when it does not fit.
func distance(from, to netip.Addr) uint64 {
	a, b := from.As16(), to.As16()
	aHigh, aLow := binary.BigEndian.Uint64(a[:8]), binary.BigEndian.Uint64(a[8:])
	bHigh, bLow := binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])
	high := bHigh - aHigh
	if bLow < aLow {
		high--
	}
	if high != 0 {
		return math.MaxUint64
	}
	return bLow - aLow
}

// advance returns the address n steps after addr. The caller ensures that there
// is one.
func advance(addr netip.Addr, n uint64) netip.Addr {
	if addr.Is4() {
		raw := addr.As4()
		binary.BigEndian.PutUint32(raw[:], binary.BigEndian.Uint32(raw[:])+uint32(n))
		return netip.AddrFrom4(raw)
	}
	raw := addr.As16()
	low := binary.BigEndian.Uint64(raw[8:])
	if low+n < low {
		binary.BigEndian.PutUint64(raw[:8], binary.BigEndian.Uint64(raw[:8])+1)
	}
	binary.BigEndian.PutUint64(raw[8:], low+n)
	return netip.AddrFrom16(raw)
}
