package network

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
)

// LeaseRequest is what a machine asks a server of DHCP by.
type LeaseRequest struct {
	Network string
	Segment netip.Prefix // of that network
	MAC     string
	// HostName is entered into DNS by its first label.
	HostName string
	// Holder is who has the address from then on.
	Holder string
}

// Leases is the server of DHCP of all networks. A lease follows the MAC address: whoever asks
// by it gets the same address again, as long as no other machine has it.
type Leases struct {
	network *Network

	mu     sync.Mutex
	byMAC  map[leaseKey]netip.Addr
	limits map[string]int // of a network; none: its segment
	names  map[string]leaseKey
}

type leaseKey struct{ network, mac string }

// NewLeases returns a server that has given no lease.
func NewLeases(n *Network) *Leases {
	return &Leases{network: n, byMAC: map[leaseKey]netip.Addr{}, limits: map[string]int{}, names: map[string]leaseKey{}}
}

// elsewhere is the segment of networks whose addressing is not known.
var elsewhere = netip.MustParsePrefix("10.201.0.0/16")

// Take gives a machine its lease, and the address to its holder. The error is that no server
// answers, as where none is left: a client asks again.
func (l *Leases) Take(r LeaseRequest) (netip.Prefix, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	segment := r.Segment
	if !segment.IsValid() || !segment.Addr().Is4() {
		segment = elsewhere
	}
	key := leaseKey{r.Network, strings.ToLower(r.MAC)}
	address, known := l.byMAC[key]
	if !known || l.network.Claim(address, r.Holder) != nil {
		var err error
		if address, err = l.free(key, segment, r.Holder); err != nil {
			return netip.Prefix{}, err
		}
		l.byMAC[key] = address
	}
	if name, _, _ := strings.Cut(r.HostName, "."); name != "" {
		l.names[name] = key
	}
	return netip.PrefixFrom(address, segment.Bits()), nil
}

// free claims an address that is free and no other card's lease, from the end of a
// segment.
func (l *Leases) free(key leaseKey, segment netip.Prefix, holder string) (netip.Addr, error) {
	leased := map[netip.Addr]bool{}
	given := 0
	for other, address := range l.byMAC {
		if other == key {
			continue
		}
		leased[address] = true
		if other.network == key.network {
			given++
		}
	}
	if limit, set := l.limits[key.network]; set && given >= limit {
		return netip.Addr{}, fmt.Errorf("no lease on network %s: all %d are given", key.network, limit)
	}
	for address := last(segment).Prev(); segment.Contains(address); address = address.Prev() {
		if !leased[address] && l.network.Claim(address, holder) == nil {
			return address, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no lease on network %s: %s is used up", key.network, segment)
}

// last is the broadcast address of a segment.
func last(segment netip.Prefix) netip.Addr {
	b := segment.Masked().Addr().As4()
	for i, hostBits := 3, 32-segment.Bits(); hostBits > 0; i, hostBits = i-1, hostBits-8 {
		b[i] |= byte(1<<min(hostBits, 8) - 1)
	}
	return netip.AddrFrom4(b)
}

// Change has a MAC address get another lease from now on, the next that is free where none is
// named. A machine that has the old one keeps it until it asks again.
func (l *Leases) Change(r LeaseRequest, to netip.Addr) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := leaseKey{r.Network, strings.ToLower(r.MAC)}
	if to.IsValid() {
		for other, address := range l.byMAC {
			if other != key && address == to {
				return &InUseError{Address: to, Holder: other.mac}
			}
		}
		l.byMAC[key] = to
		return nil
	}
	segment := r.Segment
	if !segment.IsValid() || !segment.Addr().Is4() {
		segment = elsewhere
	}
	kept := l.byMAC[key]
	const server = "the server of DHCP"
	if kept.IsValid() && l.network.Claim(kept, server) == nil {
		defer l.network.Release(kept, server) // it may be free, and is not to be found
	}
	address, err := l.free(key, segment, server)
	if err != nil {
		return err
	}
	l.network.Release(address, server)
	l.byMAC[key] = address
	return nil
}

// Limit bounds how many leases a network has; a negative number is no bound.
func (l *Leases) Limit(network string, leases int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if leases < 0 {
		delete(l.limits, network)
		return
	}
	l.limits[network] = leases
}

// Forget ends the lease of a MAC address, as time does.
func (l *Leases) Forget(network, mac string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byMAC, leaseKey{network, strings.ToLower(mac)})
}

// Resolve is what DNS says of a host: an address is itself, and a name has the lease of the
// machine that asked for it last by its first label.
func (l *Leases) Resolve(host string) (netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return address, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	name, _, _ := strings.Cut(strings.ToLower(host), ".")
	key, known := l.names[name]
	address, leased := l.byMAC[key]
	if !known || !leased {
		return netip.Addr{}, fmt.Errorf("lookup %s: no such host", host)
	}
	return address, nil
}
