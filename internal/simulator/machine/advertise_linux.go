package machine

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Advertise sends every machine in a network of vSphere the advertisement of a rogue
// router: an offer of addresses in a prefix, of a default route and of a DNS server. It
// fails where the network has had no machine yet.
func (w *World) Advertise(network string, prefix netip.Prefix, resolver netip.Addr) error {
	w.fabric.mu.Lock()
	b := w.fabric.bridges[network]
	w.fabric.mu.Unlock()
	if b == nil {
		return fmt.Errorf("no machine has been in network %q", network)
	}
	return w.fabric.do(func() error {
		card, err := net.InterfaceByName(b.device)
		if err != nil {
			return err
		}
		socket, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(socket) }()
		// Others are dropped: they could have come from outside the network.
		if err := unix.SetsockoptInt(socket, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
			return err
		}
		everyone := &unix.SockaddrInet6{ZoneId: uint32(card.Index), Addr: netip.MustParseAddr("ff02::1").As16()}
		return unix.Sendto(socket, advertisement(prefix, resolver), 0, everyone)
	})
}

// advertisement returns the message, to which the kernel adds the checksum.
func advertisement(prefix netip.Prefix, resolver netip.Addr) []byte {
	const (
		routerAdvertisement = 134
		hopLimit            = 64
		lifetime            = 1800 // seconds, of all that it offers
		prefixOption        = 3
		onLinkAutonomous    = 0xc0
		resolverOption      = 25
	)
	seconds := binary.BigEndian.AppendUint32(nil, lifetime)
	message := []byte{routerAdvertisement, 0, 0, 0, hopLimit, 0}
	message = append(message, seconds[2:]...)
	message = append(message, make([]byte, 8)...) // reachable and retransmission times: as they are

	message = append(message, prefixOption, 4, byte(prefix.Bits()), onLinkAutonomous)
	message = append(message, seconds...)
	message = append(message, seconds...)
	message = append(message, make([]byte, 4)...)
	message = append(message, prefix.Masked().Addr().AsSlice()...)

	message = append(message, resolverOption, 3, 0, 0)
	message = append(message, seconds...)
	return append(message, resolver.AsSlice()...)
}
