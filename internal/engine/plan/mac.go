package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"net"
	"net/netip"

	"github.com/google/uuid"
)

// macBits are the bits that VMware leaves free in the addresses that are set by
// hand: 00:50:56:00:00:00 to 00:50:56:3f:ff:ff.
const macBits = 22

// MACAddress chooses the MAC address of a node's network card, and reports whether
// one is free: the last bits of its IPv4 address, which are unique on any network up
// to a /10, or else what follows from the node's instance UUID. It is the same every
// time, as long as taken answers the same.
func MACAddress(address netip.Addr, node uuid.UUID, taken func(mac string) bool) (string, bool) {
	if address.Is4() {
		bytes := address.As4()
		if mac := manualMAC(binary.BigEndian.Uint32(bytes[:])); !taken(mac) {
			return mac, true
		}
	}
	sum := sha256.Sum256(node[:])
	start := binary.BigEndian.Uint32(sum[:])
	for counter := range uint32(1 << macBits) {
		if mac := manualMAC(start + counter); !taken(mac) {
			return mac, true
		}
	}
	return "", false
}

// manualMAC is the address with the last bits of a number.
func manualMAC(number uint32) string {
	number &= 1<<macBits - 1
	mac := net.HardwareAddr{0x00, 0x50, 0x56, byte(number >> 16), byte(number >> 8), byte(number)}
	return mac.String()
}
