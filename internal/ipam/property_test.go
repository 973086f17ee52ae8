package ipam_test

import (
	"math/big"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

// number and address are the test's own arithmetic, over big numbers.
func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

func address(n *big.Int, bits int) netip.Addr {
	a, _ := netip.AddrFromSlice(n.FillBytes(make([]byte, bits/8)))
	return a
}

func plus(n *big.Int, d int) *big.Int { return new(big.Int).Add(n, big.NewInt(int64(d))) }

// drawing is a pool and what it was made of.
type drawing struct {
	pool       ipam.Pool
	addresses  []netip.Addr // of the range, in order
	mayBeGiven map[netip.Addr]bool
}

// near draws an address, often close to where arithmetic goes wrong.
func near(t *rapid.T, bits int) *big.Int {
	top := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits)), big.NewInt(1))
	bases := []*big.Int{
		big.NewInt(0), top, number(netip.MustParseAddr("10.10.183.0")), number(netip.MustParseAddr("127.0.0.1")),
		number(netip.MustParseAddr("224.0.0.0")),
	}
	if bits == 128 {
		bases = []*big.Int{
			big.NewInt(0), top, number(netip.MustParseAddr("2001:db8::")), number(netip.MustParseAddr("fe80::")),
			number(netip.MustParseAddr("2001:db8:0:1::")), // the lower 64 bits wrap below it
		}
	}
	n := plus(rapid.SampledFrom(bases).Draw(t, "base"), rapid.IntRange(-40, 40).Draw(t, "delta"))
	if n.Sign() < 0 {
		return big.NewInt(0)
	}
	if n.Cmp(top) > 0 {
		return top
	}
	return n
}

// draw makes a valid pool together with the set of what it may issue, worked
// out by other means.
func draw(t *rapid.T) drawing { return drawings.Draw(t, "pool") }

// drawings tries again when a pool is not valid. Otherwise a test of two pools has
// too few valid pairs for rapid.
var drawings = rapid.Custom(func(t *rapid.T) drawing {
	bits := rapid.SampledFrom([]int{32, 128}).Draw(t, "bits")
	length := rapid.IntRange(max(1, bits-24), bits).Draw(t, "prefix length")
	start := near(t, bits)
	host := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), uint(bits-length)), big.NewInt(1))
	network := new(big.Int).AndNot(start, host)
	broadcast := new(big.Int).Or(start, host)
	end := plus(start, rapid.IntRange(0, 80).Draw(t, "span"))
	if end.Cmp(broadcast) > 0 {
		end = broadcast
	}
	inNetwork := func(label string) netip.Addr {
		n := plus(start, rapid.IntRange(-5, 85).Draw(t, label))
		if n.Cmp(network) < 0 {
			n = network
		}
		if n.Cmp(broadcast) > 0 {
			n = broadcast
		}
		return address(n, bits)
	}
	gateway := ""
	if rapid.Bool().Draw(t, "has gateway") {
		gateway = inNetwork("gateway").String()
	}
	var excluded []string
	out := map[netip.Addr]bool{}
	for range rapid.IntRange(0, 3).Draw(t, "exclusions") {
		a, b := inNetwork("from"), inNetwork("to")
		if b.Less(a) {
			a, b = b, a
		}
		excluded = append(excluded, a.String()+"-"+b.String())
		for n := number(a); n.Cmp(number(b)) <= 0; n = plus(n, 1) {
			out[address(n, bits)] = true
		}
	}
	pool, err := ipam.New(address(start, bits).String(), address(end, bits).String(), length, gateway, excluded...)
	if err != nil {
		t.Skip(err.Error()) // nothing to issue, or no place for that gateway
	}
	d := drawing{pool: pool, mayBeGiven: map[netip.Addr]bool{}}
	for n := start; n.Cmp(end) <= 0; n = plus(n, 1) {
		a := address(n, bits)
		d.addresses = append(d.addresses, a)
		special := a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.String() == "255.255.255.255"
		ends := bits-length > 1 && (n.Cmp(network) == 0 || bits == 32 && n.Cmp(broadcast) == 0)
		if !special && !ends && a.String() != gateway && !out[a] {
			d.mayBeGiven[a] = true
		}
	}
	return d
})

func TestOnlyIssuableAddressesAreIssued(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		var want []netip.Addr
		for _, a := range d.addresses {
			if d.pool.Issuable(a) != d.mayBeGiven[a] {
				t.Fatalf("Issuable(%s) is %v in %+v", a, d.pool.Issuable(a), d.pool)
			}
			if d.mayBeGiven[a] {
				want = append(want, a)
			}
		}
		if got := slices.Collect(d.pool.All()); !slices.Equal(got, want) {
			t.Fatalf("All is %v, want %v", got, want)
		}
		if d.pool.Total() != len(want) || d.pool.Size() != uint64(len(d.addresses)) {
			t.Fatalf("Total %d and Size %d, want %d and %d", d.pool.Total(), d.pool.Size(), len(want), len(d.addresses))
		}
		first, last := d.addresses[0], d.addresses[len(d.addresses)-1]
		for _, outside := range []netip.Addr{first.Prev(), last.Next(),
			netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8:ffff::1"), {}} {
			if d.pool.Issuable(outside) || d.pool.Contains(outside) {
				t.Fatalf("%s is outside %s, and counts as inside", outside, d.pool.Range())
			}
		}
	})
}

func TestNextFindsAFreeAddressIfThereIsOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		taken := map[netip.Addr]bool{}
		for _, a := range d.addresses {
			if rapid.IntRange(0, 9).Draw(t, "taken") < 8 {
				taken[a] = true
			}
		}
		from := rapid.Uint64().Draw(t, "offset")
		var want netip.Addr
		for i := range d.addresses {
			a := d.addresses[(int(from%uint64(len(d.addresses)))+i)%len(d.addresses)]
			if d.mayBeGiven[a] && !taken[a] {
				want = a
				break
			}
		}
		got, ok := d.pool.Next(from, func(a netip.Addr) bool { return taken[a] })
		if got != want || ok != want.IsValid() {
			t.Fatalf("Next(%d) is %s, %v; want %s", from, got, ok, want)
		}
	})
}

func TestNextNeverIssuesTwice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		taken := map[netip.Addr]bool{}
		for {
			a, ok := d.pool.Next(rapid.Uint64().Draw(t, "offset"), func(a netip.Addr) bool { return taken[a] })
			if !ok {
				break
			}
			if taken[a] || !d.mayBeGiven[a] {
				t.Fatalf("%s was issued; taken before: %v", a, taken[a])
			}
			taken[a] = true
		}
		if len(taken) != len(d.mayBeGiven) {
			t.Fatalf("%d addresses were issued, want %d", len(taken), len(d.mayBeGiven))
		}
	})
}

func TestRangesOverlapWhenTheyShareAnAddress(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t), draw(t)
		shared := slices.ContainsFunc(a.addresses, func(x netip.Addr) bool { return slices.Contains(b.addresses, x) })
		if a.pool.Overlaps(b.pool) != shared || b.pool.Overlaps(a.pool) != shared {
			t.Fatalf("%s and %s: Overlaps is %v, want %v", a.pool.Range(), b.pool.Range(), !shared, shared)
		}
	})
}

// TestSharedIsWhatBothIssue compares with the test's own sets.
func TestSharedIsWhatBothIssue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw(t), draw(t)
		var want ipam.Range
		for _, x := range a.addresses {
			if !a.mayBeGiven[x] || !b.mayBeGiven[x] {
				continue
			}
			if !want.Start.IsValid() {
				want.Start = x
			}
			want.End = x
		}
		got, ok := a.pool.Shared(b.pool)
		if got != want || ok != want.Start.IsValid() {
			t.Fatalf("%+v and %+v share %v, %v; want %v", a.pool, b.pool, got, ok, want)
		}
	})
}

// TestSubnetIsTheRangeWithin shows that a subnet issues what a range without its
// ends does, in whatever network it lies.
func TestSubnetIsTheRangeWithin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SampledFrom([]int{32, 128}).Draw(t, "bits")
		length := rapid.IntRange(bits-8, bits).Draw(t, "subnet length")
		around := rapid.IntRange(bits-12, length).Draw(t, "prefix length")
		subnet := netip.PrefixFrom(address(near(t, bits), bits), length).Masked()
		size := 1 << (bits - length)
		first := number(subnet.Addr())
		from, to := 0, size-1
		if size > 2 {
			from = 1
			if bits == 32 {
				to--
			}
		}
		pool, err := ipam.NewSubnet(subnet.String(), around, "")
		same, err2 := ipam.New(address(plus(first, from), bits).String(), address(plus(first, to), bits).String(), around, "")
		if (err == nil) != (err2 == nil) {
			t.Fatalf("%s: %v, as a range: %v", subnet, err, err2)
		}
		if err == nil && !slices.Equal(slices.Collect(pool.All()), slices.Collect(same.All())) {
			t.Fatalf("%s issues %v, as a range %v", subnet, slices.Collect(pool.All()), slices.Collect(same.All()))
		}
	})
}
