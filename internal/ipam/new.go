package ipam

import (
	"fmt"
	"net/netip"
	"strings"
)

// Field names the attribute of a pool that an error is about.
type Field string

// The fields, named as the attributes of gantry_ip_pool are.
const (
	FieldStart        Field = "start"
	FieldEnd          Field = "end"
	FieldSubnet       Field = "subnet"
	FieldPrefixLength Field = "prefix_length"
	FieldGateway      Field = "default_gateway"
	FieldExcluded     Field = "excluded_addresses"
)

// FieldError is the error of one attribute of a pool.
type FieldError struct {
	Field Field
	// Index is which element of FieldExcluded it is, or AllElements; 0 elsewhere.
	Index int
	// Reason is a sentence about the value, without a full stop.
	Reason string
}

// AllElements is the Index of an error that no single element is to blame for.
const AllElements = -1

// Error names the field and the reason.
func (e *FieldError) Error() string {
	if e.Field == FieldExcluded && e.Index != AllElements {
		return fmt.Sprintf("%s[%d]: %s", e.Field, e.Index, e.Reason)
	}
	return fmt.Sprintf("%s: %s", e.Field, e.Reason)
}

// New makes the pool of the addresses from start to end in the network that
// start and prefixLength name. gateway may be empty. An excluded value is what
// ParseRange reads. Every error is a *FieldError.
func New(start, end string, prefixLength int, gateway string, excluded ...string) (Pool, error) {
	first, err := parseAddr(start)
	if err != nil {
		return Pool{}, &FieldError{Field: FieldStart, Reason: err.Error()}
	}
	final, err := parseAddr(end)
	if err != nil {
		return Pool{}, &FieldError{Field: FieldEnd, Reason: err.Error()}
	}
	if first.BitLen() != final.BitLen() {
		return Pool{}, &FieldError{Field: FieldEnd, Reason: fmt.Sprintf(
			"end %s and start (%s) are of different address families; use IPv4 or IPv6 for both", final, first)}
	}
	return build(FieldEnd, Range{Start: first, End: final}, prefixLength, gateway, excluded)
}

// NewSubnet makes the pool of a subnet in CIDR form, without the subnet's own
// first address and, in IPv4, its last one: also where the network around it is
// larger, so that the addresses of a pool do not depend on prefixLength.
// prefixLength 0 means the subnet's. Every error is a *FieldError.
func NewSubnet(subnet string, prefixLength int, gateway string, excluded ...string) (Pool, error) {
	prefix, err := netip.ParsePrefix(subnet)
	if err != nil {
		return Pool{}, &FieldError{Field: FieldSubnet, Reason: fmt.Sprintf("%q is not a subnet in CIDR form", subnet)}
	}
	if _, err := parseAddr(prefix.Addr().String()); err != nil {
		return Pool{}, &FieldError{Field: FieldSubnet, Reason: err.Error()}
	}
	if prefix != prefix.Masked() {
		return Pool{}, &FieldError{Field: FieldSubnet, Reason: fmt.Sprintf(
			"%s has host bits set; the subnet is %s", prefix, prefix.Masked())}
	}
	if prefixLength == 0 {
		prefixLength = prefix.Bits()
	}
	if prefixLength > prefix.Bits() {
		return Pool{}, &FieldError{Field: FieldPrefixLength, Reason: fmt.Sprintf(
			"%d is longer than the subnet's, %d: the subnet would span several networks", prefixLength, prefix.Bits())}
	}
	return build(FieldSubnet, hosts(prefix), prefixLength, gateway, excluded)
}

// build checks a range against the network around it. rangeField is where an
// error about the range goes.
func build(rangeField Field, r Range, prefixLength int, gateway string, excluded []string) (Pool, error) {
	refuse := func(field Field, format string, args ...any) (Pool, error) {
		return Pool{}, &FieldError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	if r.End.Less(r.Start) {
		return refuse(rangeField, "end %s comes before start (%s); the lower address is the start", r.End, r.Start)
	}
	if distance(r.Start, r.End) >= MaxSpan {
		return refuse(rangeField, "%s spans more than %d addresses; use a smaller range", r, MaxSpan)
	}
	if prefixLength < 1 || prefixLength > r.Start.BitLen() {
		return refuse(FieldPrefixLength, "%d is not between 1 and %d", prefixLength, r.Start.BitLen())
	}

	p := Pool{Start: r.Start, End: r.End, Prefix: netip.PrefixFrom(r.Start, prefixLength).Masked()}
	if !p.Prefix.Contains(r.End) {
		return refuse(rangeField, "%s is outside the network of the first address, %s; a pool lies in one network, "+
			"whose size is prefix_length", r.End, p.Prefix)
	}
	if gateway != "" {
		addr, err := p.parseGateway(gateway)
		if err != nil {
			return refuse(FieldGateway, "%s", err)
		}
		p.Gateway = addr
	}
	if !p.issuesAny() {
		return refuse(rangeField, "%s holds no address that may be issued; the network and broadcast address of the prefix "+
			"and the gateway never are", r)
	}

	for i, value := range excluded {
		ex, err := p.parseExcluded(value)
		if err != nil {
			return Pool{}, &FieldError{Field: FieldExcluded, Index: i, Reason: err.Error()}
		}
		p.Excluded = append(p.Excluded, ex)
	}
	if !p.issuesAny() {
		return Pool{}, &FieldError{Field: FieldExcluded, Index: AllElements, Reason: fmt.Sprintf(
			"the exclusions leave no address of %s that may be issued; exclude fewer, or make the pool larger", r)}
	}
	return p, nil
}

// parseGateway parses a gateway that nodes of the pool can reach: one in their network,
// one of IPv4 outside of it, which then is on the same segment, and the link-local
// address of one of IPv6.
func (p Pool) parseGateway(gateway string) (netip.Addr, error) {
	addr, err := parseAddr(gateway)
	switch {
	case strings.Contains(gateway, "%"):
		return netip.Addr{}, fmt.Errorf("%q carries a zone, and nodes have one network card; leave it out", gateway)
	case err != nil:
		return netip.Addr{}, err
	case addr.BitLen() != p.Start.BitLen():
		return netip.Addr{}, fmt.Errorf("%s is of another address family than the pool, %s, and nodes have addresses of the pool alone",
			addr, p.Prefix)
	case addr.Is6() && addr.IsLinkLocalUnicast():
		return addr, nil // on every segment of IPv6
	case addr.Is6() && !p.Prefix.Contains(addr):
		return netip.Addr{}, fmt.Errorf("%s is outside the network of the pool, %s: give an address in it, or the router's link-local one, "+
			"such as fe80::1", addr, p.Prefix)
	case addr.Is4() && p.reserved(addr):
		return netip.Addr{}, fmt.Errorf("%s is the network or broadcast address of %s: it must lie in the range %s",
			addr, p.Prefix, hosts(p.Prefix))
	case !assignable(addr):
		return netip.Addr{}, fmt.Errorf("%s is not an address that a gateway can have", addr)
	}
	return addr, nil
}

// parseExcluded parses an exclusion in the pool's network. Accepting one outside
// of it would let a typing error pass as an exclusion.
func (p Pool) parseExcluded(value string) (Range, error) {
	r, err := ParseRange(value)
	if err == nil && (!p.Prefix.Contains(r.Start) || !p.Prefix.Contains(r.End)) {
		err = fmt.Errorf("%s is outside the network of the pool, %s; leave it out", r, p.Prefix)
	}
	return r, err
}

// issuesAny reports whether the pool has an address to issue.
func (p Pool) issuesAny() bool {
	_, ok := p.Next(0, func(netip.Addr) bool { return false })
	return ok
}

// hosts returns the range of a network without its own and its broadcast address.
func hosts(network netip.Prefix) Range {
	r := Range{Start: network.Masked().Addr(), End: last(network)}
	if network.Bits() < network.Addr().BitLen()-1 {
		r.Start = r.Start.Next()
		if r.End.Is4() {
			r.End = r.End.Prev()
		}
	}
	return r
}
