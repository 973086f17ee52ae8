package plan_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func free(string) bool { return false }

// manualRange is what VMware leaves to those who set addresses by hand.
func manualRange(t *rapid.T, mac string) uint32 {
	parsed, err := net.ParseMAC(mac)
	if err != nil || parsed.String() != mac || len(parsed) != 6 {
		t.Fatalf("%q is not the address of a card: %v", mac, err)
	}
	if mac[:9] != "00:50:56:" || parsed[3] > 0x3f {
		t.Fatalf("%s is not in the range of addresses that are set by hand", mac)
	}
	return uint32(parsed[3])<<16 | uint32(parsed[4])<<8 | uint32(parsed[5])
}

func drawUUID(t *rapid.T) uuid.UUID {
	var id uuid.UUID
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "node"))
	return id
}

func drawAddress(t *rapid.T, label string) netip.Addr {
	size := rapid.SampledFrom([]int{4, 16}).Draw(t, label+" size")
	address, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, label))
	return address
}

func TestMACAddressIsInVMwareRange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		address, node := drawAddress(t, "address"), drawUUID(t)
		mac, ok := plan.MACAddress(address, node, free)
		if !ok {
			t.Fatal("none is free where all are")
		}
		number := manualRange(t, mac)
		if address.Is4() {
			b := address.As4()
			if want := (uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])) & (1<<22 - 1); number != want {
				t.Fatalf("%s has %06x, want the last 22 bits of %s: %06x", mac, number, address, want)
			}
		}
		if again, _ := plan.MACAddress(address, node, free); again != mac {
			t.Fatalf("%s the first time, %s the second", mac, again)
		}
	})
}

// Two addresses of one network, of the largest size that there is room for, never
// share a MAC address.
func TestMACAddressesOfANetworkDiffer(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		network := rapid.Uint32().Draw(t, "network") &^ (1<<22 - 1)
		host := rapid.Uint32Range(0, 1<<22-1)
		draw := func(label string) netip.Addr {
			n := network | host.Draw(t, label)
			return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		}
		one, other := draw("one"), draw("other")
		first, _ := plan.MACAddress(one, drawUUID(t), free)
		second, _ := plan.MACAddress(other, drawUUID(t), free)
		if (first == second) != (one == other) {
			t.Fatalf("%s has %s, %s has %s", one, first, other, second)
		}
	})
}

// What is taken is never chosen, whatever is taken, and it stays in the range.
func TestMACAddressAvoidsWhatIsTaken(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		address, node := drawAddress(t, "address"), drawUUID(t)
		taken := map[string]bool{}
		for range rapid.IntRange(1, 20).Draw(t, "taken") {
			mac, ok := plan.MACAddress(address, node, func(mac string) bool { return taken[mac] })
			if !ok || taken[mac] {
				t.Fatalf("%s is taken: %v", mac, taken)
			}
			manualRange(t, mac)
			taken[mac] = true
		}
	})
}

func TestMACAddressesEnd(t *testing.T) {
	t.Parallel()
	if mac, ok := plan.MACAddress(netip.MustParseAddr("10.0.0.1"), uuid.Nil, func(string) bool { return true }); ok {
		t.Errorf("%s is taken", mac)
	}
}
