package ipam_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/ipam"
)

func TestPoolsAtTheEdges(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start, end  string
		length      int
		gateway     string
		excluded    []string
		total       int
		first, last string
	}{
		"the example":           {"10.10.183.1", "10.10.183.100", 18, "10.10.128.1", nil, 100, "10.10.183.1", "10.10.183.100"},
		"the lowest addresses":  {"0.0.0.0", "0.0.0.9", 8, "", nil, 9, "0.0.0.1", "0.0.0.9"},
		"the highest addresses": {"255.255.255.250", "255.255.255.255", 8, "", nil, 5, "255.255.255.250", "255.255.255.254"},
		"the lowest of IPv6":    {"::", "::9", 64, "", nil, 8, "::2", "::9"}, // ::1 is the loopback
		"over the middle of IPv6": {"2001:db8::ffff:ffff:ffff:fffe",
			"2001:db8:0:1::1", 48, "", nil, 4, "2001:db8::ffff:ffff:ffff:fffe", "2001:db8:0:1::1"},
		"network and broadcast":         {"10.0.0.0", "10.0.0.255", 24, "10.0.0.1", nil, 253, "10.0.0.2", "10.0.0.254"},
		"broadcast of an inner network": {"10.0.0.250", "10.0.1.5", 16, "", nil, 12, "10.0.0.250", "10.0.1.5"},
		"IPv6 has no broadcast":         {"2001:db8::", "2001:db8::ff", 120, "", nil, 255, "2001:db8::1", "2001:db8::ff"},
		"a point-to-point link":         {"10.0.0.0", "10.0.0.1", 31, "", nil, 2, "10.0.0.0", "10.0.0.1"},
		"the highest link":              {"255.255.255.254", "255.255.255.255", 31, "", nil, 1, "255.255.255.254", "255.255.255.254"},
		"a single address":              {"10.0.0.7", "10.0.0.7", 32, "", nil, 1, "10.0.0.7", "10.0.0.7"},
		"exclusions at the ends": {"10.0.0.1", "10.0.0.10", 24, "",
			[]string{"10.0.0.1", "10.0.0.9-10.0.0.20"}, 7, "10.0.0.2", "10.0.0.8"},
		"an exclusion in prefix notation": {"10.0.0.1", "10.0.0.20", 24, "", []string{"10.0.0.8/29"}, 12, "10.0.0.1", "10.0.0.20"},
		"the largest":                     {"10.0.0.0", "10.0.255.255", 15, "", nil, 65535, "10.0.0.1", "10.0.255.255"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, err := ipam.New(c.start, c.end, c.length, c.gateway, c.excluded...)
			if err != nil {
				t.Fatal(err)
			}
			checkEnds(t, pool, c.total, c.first, c.last)
		})
	}
}

func TestSubnetsLeaveOutTheirEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subnet      string
		length      int
		total       int
		first, last string
	}{
		"alone":                   {"10.10.183.64/26", 0, 62, "10.10.183.65", "10.10.183.126"},
		"within a larger network": {"10.10.183.64/26", 18, 62, "10.10.183.65", "10.10.183.126"},
		"two addresses":           {"10.0.0.2/31", 0, 2, "10.0.0.2", "10.0.0.3"},
		"one address":             {"10.0.0.2/32", 24, 1, "10.0.0.2", "10.0.0.2"},
		"IPv6":                    {"2001:db8::100/120", 64, 255, "2001:db8::101", "2001:db8::1ff"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, err := ipam.NewSubnet(c.subnet, c.length, "")
			if err != nil {
				t.Fatal(err)
			}
			checkEnds(t, pool, c.total, c.first, c.last)
		})
	}
}

func checkEnds(t *testing.T, pool ipam.Pool, total int, first, last string) {
	t.Helper()
	if pool.Total() != total {
		t.Errorf("Total is %d, want %d", pool.Total(), total)
	}
	var low, high netip.Addr
	for a := range pool.All() {
		if !low.IsValid() {
			low = a
		}
		high = a
	}
	if low.String() != first || high.String() != last {
		t.Errorf("the pool issues %s to %s, want %s to %s", low, high, first, last)
	}
}

func TestErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start, end string
		length     int
		gateway    string
		excluded   []string
		field      ipam.Field
	}{
		"no start":               {"", "10.0.0.9", 24, "", nil, ipam.FieldStart},
		"a start with a prefix":  {"10.0.0.1/24", "10.0.0.9", 24, "", nil, ipam.FieldStart},
		"a zone":                 {"fe80::1%eth0", "fe80::9", 64, "", nil, ipam.FieldStart},
		"IPv4 in IPv6":           {"::ffff:10.0.0.1", "::ffff:10.0.0.9", 120, "", nil, ipam.FieldStart},
		"no end":                 {"10.0.0.1", "", 24, "", nil, ipam.FieldEnd},
		"two families":           {"10.0.0.1", "::9", 24, "", nil, ipam.FieldEnd},
		"end before start":       {"10.0.0.9", "10.0.0.1", 24, "", nil, ipam.FieldEnd},
		"end in another network": {"10.0.0.9", "10.0.1.1", 24, "", nil, ipam.FieldEnd},
		"too large":              {"10.0.0.0", "10.1.0.0", 8, "", nil, ipam.FieldEnd},
		"much too large":         {"::", "ffff::", 1, "", nil, ipam.FieldEnd},
		"nothing to issue":       {"10.0.0.0", "10.0.0.0", 24, "", nil, ipam.FieldEnd},
		"all excluded":           {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.0/24"}, ipam.FieldExcluded},
		"exclusions that leave nothing": {"10.0.0.1", "10.0.0.9", 24, "10.0.0.5",
			[]string{"10.0.0.1-10.0.0.6", "10.0.0.4-10.0.0.9"}, ipam.FieldExcluded},
		"multicast":                      {"224.0.0.1", "224.0.0.9", 24, "", nil, ipam.FieldEnd},
		"no prefix length":               {"10.0.0.1", "10.0.0.9", 0, "", nil, ipam.FieldPrefixLength},
		"a prefix length of IPv6":        {"10.0.0.1", "10.0.0.9", 64, "", nil, ipam.FieldPrefixLength},
		"a gateway of another family":    {"10.0.0.1", "10.0.0.9", 24, "::1", nil, ipam.FieldGateway},
		"a gateway of another network":   {"2001:db8::1", "2001:db8::9", 64, "2001:db8:1::1", nil, ipam.FieldGateway},
		"a gateway with a zone":          {"2001:db8::1", "2001:db8::9", 64, "fe80::1%eth0", nil, ipam.FieldGateway},
		"the loopback as gateway":        {"10.0.0.1", "10.0.0.9", 24, "127.0.0.1", nil, ipam.FieldGateway},
		"a group as gateway":             {"10.0.0.1", "10.0.0.9", 24, "224.0.0.1", nil, ipam.FieldGateway},
		"broadcast as gateway":           {"10.0.0.1", "10.0.0.9", 24, "255.255.255.255", nil, ipam.FieldGateway},
		"no address as gateway":          {"10.0.0.1", "10.0.0.9", 24, "router", nil, ipam.FieldGateway},
		"the network as gateway":         {"10.0.0.1", "10.0.0.9", 24, "10.0.0.0", nil, ipam.FieldGateway},
		"the broadcast as gateway":       {"10.0.0.1", "10.0.0.9", 24, "10.0.0.255", nil, ipam.FieldGateway},
		"an exclusion elsewhere":         {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.3", "10.0.1.3"}, ipam.FieldExcluded},
		"an exclusion that is a word":    {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.3", "x"}, ipam.FieldExcluded},
		"an exclusion that goes back":    {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.3", "10.0.0.5-10.0.0.4"}, ipam.FieldExcluded},
		"an exclusion of two families":   {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.3", "10.0.0.5-::9"}, ipam.FieldExcluded},
		"an exclusion in a bad prefix":   {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.3", "10.0.0.0/33"}, ipam.FieldExcluded},
		"an exclusion of another family": {"10.0.0.1", "10.0.0.9", 24, "", []string{"10.0.0.3", "::1"}, ipam.FieldExcluded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ipam.New(c.start, c.end, c.length, c.gateway, c.excluded...)
			wantField(t, err, c.field)
			var fe *ipam.FieldError
			if errors.As(err, &fe) && c.field == ipam.FieldExcluded && len(c.excluded) == 2 &&
				fe.Index != 1 && !strings.Contains(fe.Reason, "leave no address") {
				t.Errorf("the error is about element %d, want 1", fe.Index)
			}
		})
	}
}

// TestErrorsNameValidValues has the errors that name the values to choose from.
func TestErrorsNameValidValues(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gateway  string
		excluded []string
		want     string
	}{
		"a gateway that is broadcast": {"10.10.191.255", nil, "must lie in the range 10.10.128.1-10.10.191.254"},
		"a gateway of IPv6":           {"fe80::1", nil, "fe80::1 is of another address family than the pool, 10.10.128.0/18"},
		"an exclusion elsewhere": {"10.10.128.1", []string{"10.10.200.1"},
			"excluded_addresses[0]: 10.10.200.1 is outside the network of the pool, 10.10.128.0/18"},
		"nothing left": {"10.10.128.1", []string{"10.10.183.0/24"},
			"excluded_addresses: the exclusions leave no address of 10.10.183.1-10.10.183.100"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ipam.New("10.10.183.1", "10.10.183.100", 18, c.gateway, c.excluded...)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want %q", err, c.want)
			}
		})
	}
}

// TestGatewaysOutsideTheNetwork has those that nodes reach on their segment.
func TestGatewaysOutsideTheNetwork(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		start, end string
		length     int
		gateway    string
		outside    bool
	}{
		{"10.10.183.1", "10.10.183.9", 24, "10.10.183.254", false},
		{"10.10.183.1", "10.10.183.9", 24, "10.10.128.1", true},
		{"203.0.113.5", "203.0.113.5", 32, "10.255.255.1", true},
		{"2001:db8::1", "2001:db8::9", 64, "2001:db8::ff", false},
		{"2001:db8::1", "2001:db8::9", 64, "fe80::1", false},
	} {
		pool, err := ipam.New(c.start, c.end, c.length, c.gateway)
		if err != nil || pool.Gateway.String() != c.gateway || pool.GatewayOutside() != c.outside {
			t.Errorf("%+v: gateway %s, outside %t, %v", c, pool.Gateway, pool.GatewayOutside(), err)
		}
	}
}

func TestSubnetErrorsNameTheField(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		subnet string
		length int
		field  ipam.Field
	}{
		"no prefix":                     {"10.0.0.0", 0, ipam.FieldSubnet},
		"host bits":                     {"10.0.0.1/24", 0, ipam.FieldSubnet},
		"IPv4 in IPv6":                  {"::ffff:10.0.0.0/120", 0, ipam.FieldSubnet},
		"too large":                     {"10.0.0.0/8", 0, ipam.FieldSubnet},
		"larger than its network":       {"10.0.0.0/24", 25, ipam.FieldPrefixLength},
		"a network of negative length":  {"10.0.0.0/24", -1, ipam.FieldPrefixLength},
		"an IPv6 subnet of usual width": {"2001:db8::/64", 0, ipam.FieldSubnet},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ipam.NewSubnet(c.subnet, c.length, "")
			wantField(t, err, c.field)
		})
	}
}

func wantField(t *testing.T, err error, field ipam.Field) {
	t.Helper()
	var fe *ipam.FieldError
	if !errors.As(err, &fe) {
		t.Fatalf("the error is %v, want a *FieldError", err)
	}
	if fe.Field != field {
		t.Errorf("the error is about %s (%v), want %s", fe.Field, err, field)
	}
}

func TestZeroPoolIssuesNothing(t *testing.T) {
	t.Parallel()
	var pool ipam.Pool
	if a, ok := pool.Next(7, func(netip.Addr) bool { return false }); ok || pool.Total() != 0 || pool.Contains(netip.Addr{}) {
		t.Errorf("the zero pool has %s, a total of %d", a, pool.Total())
	}
}

// FuzzPool makes pools of any text, and checks that one which is accepted issues
// only what lies in its network.
func FuzzPool(f *testing.F) {
	f.Add("10.10.183.1", "10.10.183.100", "", 18, "10.10.128.1", "10.10.183.7")
	f.Add("", "", "10.10.183.64/26", 0, "10.10.183.65", "10.10.183.70-10.10.183.80")
	f.Add("", "", "10.10.183.64/26", 18, "10.10.128.1", "10.10.183.64/30")
	f.Add("2001:db8::1", "2001:db8::ff", "", 64, "2001:db8::1", "2001:db8::10/124")
	f.Add("", "", "2001:db8::/112", 64, "fe80::1", "")
	f.Add("::ffff:1.2.3.4", "255.255.255.255", "0.0.0.0/0", -1, "::", "-")
	f.Fuzz(func(t *testing.T, start, end, subnet string, length int, gateway, exclusion string) {
		var excluded []string
		if exclusion != "" {
			excluded = []string{exclusion}
		}
		pool, err := ipam.New(start, end, length, gateway, excluded...)
		if subnet != "" {
			pool, err = ipam.NewSubnet(subnet, length, gateway, excluded...)
		}
		if err != nil {
			var field *ipam.FieldError
			if !errors.As(err, &field) || field.Reason == "" {
				t.Fatalf("the error is %v, want a *FieldError with a reason", err)
			}
			return
		}
		if pool.Size() > ipam.MaxSpan || pool.Total() < 1 {
			t.Fatalf("a pool of size %d and total %d was accepted", pool.Size(), pool.Total())
		}
		for addr := range pool.All() {
			if !pool.Prefix.Contains(addr) || addr == pool.Gateway || addr.Zone() != "" || addr.Is4In6() {
				t.Fatalf("%+v issues %s", pool, addr)
			}
			for _, ex := range pool.Excluded {
				if ex.Contains(addr) {
					t.Fatalf("%s is excluded by %s and issued", addr, ex)
				}
			}
		}
	})
}

func FuzzParseRange(f *testing.F) {
	for _, seed := range []string{"10.0.0.1", "10.0.0.1-10.0.0.9", "10.0.0.0/8",
		"::1-::9", "2001:db8::/32", "::ffff:1.2.3.4", "fe80::1%a", "-", "/", "", "::/80", "::fffe:0:0-::1:0:0:0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ipam.ParseRange(s)
		if err != nil {
			return
		}
		if !r.Contains(r.Start) || !r.Contains(r.End) || r.Start.Zone() != "" || r.Start.Is4In6() {
			t.Fatalf("ParseRange(%q) is %v", s, r)
		}
		again, err := ipam.ParseRange(r.String())
		if err != nil || again != r {
			t.Fatalf("ParseRange(%q) is %v, and reads back as %v (%v)", s, r, again, err)
		}
	})
}
