package network_test

import (
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
)

// card asks for a lease, and holds it until it is released.
type card struct {
	t       *testing.T
	network *network.Network
	leases  *network.Leases
	request network.LeaseRequest
}

func newCard(t *testing.T, n *network.Network, l *network.Leases, mac string) card {
	return card{t, n, l, network.LeaseRequest{
		Network: "nodes", Segment: netip.MustParsePrefix("10.0.0.0/28"), MAC: mac, HostName: mac + ".example.com", Holder: mac,
	}}
}

func (c card) take() netip.Addr {
	c.t.Helper()
	lease, err := c.leases.Take(c.request)
	if err != nil {
		c.t.Fatal(err)
	}
	if lease.Bits() != 28 {
		c.t.Errorf("lease %s", lease)
	}
	return lease.Addr()
}

func TestLeasesFollowTheCard(t *testing.T) {
	t.Parallel()
	n := network.New()
	l := network.NewLeases(n)
	a, b := newCard(t, n, l, "0a"), newCard(t, n, l, "0b")
	first, second := a.take(), b.take()
	if first != netip.MustParseAddr("10.0.0.14") || second != netip.MustParseAddr("10.0.0.13") {
		t.Errorf("leases %s and %s", first, second)
	}
	// Though another one is free by now.
	n.Release(first, "0a")
	l.Forget("nodes", "0a")
	n.Release(second, "0b")
	if again := b.take(); again != second {
		t.Errorf("the card gets %s and had %s", again, second)
	}
	if found, err := l.Resolve("0b.anything"); err != nil || found != second {
		t.Errorf("its name leads to %s, %v", found, err)
	}
	if found, err := l.Resolve("0a.example.com"); err == nil {
		t.Errorf("the name of a lease that has ended leads to %s", found)
	}
	// Who has the address meanwhile keeps it.
	n.Release(second, "0b")
	if err := n.Claim(second, "a static machine"); err != nil {
		t.Fatal(err)
	}
	if other := b.take(); other == second {
		t.Error("an address was leased that another machine has")
	}
}

func TestLeasesChangeAndRunOut(t *testing.T) {
	t.Parallel()
	n := network.New()
	l := network.NewLeases(n)
	a := newCard(t, n, l, "0a")
	first := a.take()
	if err := l.Change(a.request, netip.Addr{}); err != nil {
		t.Fatal(err)
	}
	n.Release(first, "0a")
	if second := a.take(); second == first {
		t.Error("the lease did not change")
	}
	l.Limit("nodes", 1)
	b := newCard(t, n, l, "0b")
	if lease, err := l.Take(b.request); err == nil {
		t.Errorf("a second lease of one: %s", lease)
	}
	a.take() // whoever has one keeps it
	l.Limit("nodes", -1)
	taken := b.take()
	if err := l.Change(a.request, taken); err == nil {
		t.Error("a lease was given twice")
	}
}
