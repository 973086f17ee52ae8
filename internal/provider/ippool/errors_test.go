package ippool_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

func TestAccWrongAddresses(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct {
		pool string
		want string
	}{
		"start is no address": {
			attributes("10.10.183", "10.10.183.9", 18, "10.10.128.1", ""),
			`"10.10.183" is neither an IPv4 nor an IPv6 address`,
		},
		"end is no address": {
			attributes("10.10.183.1", "nodes", 18, "10.10.128.1", ""),
			`end = "nodes" } "nodes" is neither an IPv4 nor an IPv6 address`,
		},
		"inverted": {
			attributes("10.10.183.9", "10.10.183.1", 18, "10.10.128.1", ""),
			`range = { start = "10.10.183.9", end = "10.10.183.1" } End 10.10.183.1 comes before start (10.10.183.9)`,
		},
		"mixed families": {attributes("10.10.183.1", "2001:db8::1", 18, "10.10.128.1", ""), `different address families`},
		"gateway is broadcast": {
			attributes("10.10.183.1", "10.10.183.100", 18, "10.10.191.255", ""),
			`it must lie in the range 10.10.128.1-10.10.191.254`,
		},
		"gateway of IPv6": {
			attributes("10.10.183.1", "10.10.183.100", 18, "fe80::1", ""),
			`fe80::1 is of another address family than the pool, 10.10.128.0/18`,
		},
		"too large": {attributes("10.0.0.0", "10.1.0.0", 8, "10.0.0.1", ""), `spans more than 65536 addresses`},
		"two networks": {
			attributes("10.10.183.1", "10.10.184.1", 24, "10.10.183.1", ""),
			`10.10.184.1 is outside the network of the first address, 10.10.183.0/24`,
		},
		"prefix length": {attributes("10.10.183.1", "10.10.183.9", 33, "10.10.183.1", ""), `33 is not between 1 and 32`},
		"nameserver": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `nameservers = ["8.8.8.8", "dns"]`),
			`"dns" is neither an IPv4 nor an IPv6 address`,
		},
		"four nameservers": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `nameservers = ["8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9"]`),
			`at most 3 elements`,
		},
		"a nameserver that is null": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `nameservers = ["8.8.8.8", null]`),
			`nameservers[1]: An element must not be null`,
		},
		"half a bit":    {subnet("10.10.183.64/26", "prefix_length = 24.5"), `must be a whole number, got 24.5`},
		"search domain": {attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `search_domains = ["-x"]`), `must be a domain name`},
		"exclusion": {
			excluding("10.10.183.3", "10.10.183.x"),
			`"10.10.183.x" is not an IP address. Write an address, two with a hyphen between them, or a CIDR prefix.`,
		},
		"exclusion inverted":  {excluding("10.10.183.5-10.10.183.3"), `10.10.183.3 comes before 10.10.183.5`},
		"exclusion elsewhere": {excluding("10.10.183.3", "10.20.0.1"), `10.20.0.1 is outside the network of the pool, 10.10.128.0/18`},
		"exclusion of IPv6":   {excluding("2001:db8::/64"), `is outside the network of the pool, 10.10.128.0/18`},
		"nothing left": {
			excluding("10.10.183.0/29", "10.10.183.4-10.10.183.9"),
			`The exclusions leave no address of 10.10.183.1-10.10.183.9`,
		},
		"reuse delay": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `reuse_delay = "soon"`),
			`"soon" must be a duration of whole seconds from 0s to 24h`,
		},
		"reuse delay of 25h": {attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `reuse_delay = "25h"`), `"25h" must be a duration`},
		"split second": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `reuse_delay = "1500ms"`),
			`"1500ms" must be a duration`,
		},
		"no network": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `network = ""`),
			`network string length must be between`,
		},
		"range and subnet": {
			attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `subnet = "10.10.183.0/24"`),
			`Both range and subnet are set`,
		},
		"neither":             {bare(`prefix_length = 18`), `set one of range and subnet`},
		"no prefix length":    {bare(`range = { start = "10.10.183.1", end = "10.10.183.9" }`), `Set prefix_length, such as 24`},
		"subnet is no subnet": {subnet("10.10.183.64", ""), `"10.10.183.64" is not a subnet in CIDR form`},
		"host bits":           {subnet("10.10.183.65/26", ""), `10.10.183.65/26 has host bits set; the subnet is 10.10.183.64/26`},
		"narrower network":    {subnet("10.10.183.64/26", "prefix_length = 27"), `27 is longer than the subnet's, 26`},
		"subnet too large":    {subnet("10.0.0.0/8", ""), `spans more than 65536 addresses`},
		"IPv6 as usual":       {subnet("2001:db8::/64", ""), `spans more than 65536 addresses`},
		"too much to record":  {excluding(many(300)...), `vSphere tags hold at most 3900`},
		"gateway id":          {attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `gateway_id = "dc1"`), `must be a UUID`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				Steps: []resource.TestStep{{
					Config: env.Config(test.pool), PlanOnly: true, ExpectError: acctest.Words(test.want),
				}},
			})
		})
	}
}

// TestAccWrongAddressesKnownLate has the values come from a resource, so that only
// the plan of the apply knows them.
func TestAccWrongAddressesKnownLate(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{{
			Config: env.Config(`
resource "terraform_data" "late" {
  input = "fe80::1"
}
` + attributes("10.10.183.1", "10.10.183.100", 18, "${terraform_data.late.output}", "")),
			ExpectError: acctest.Words(`fe80::1 is of another address family than the pool, 10.10.128.0/18`),
		}},
	})
}

// TestAccNameserversKnownLate has nameservers and search domains come from a resource,
// in a creation and in a change.
func TestAccNameserversKnownLate(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	step := func(server string) resource.TestStep {
		return resource.TestStep{Config: env.Config(fmt.Sprintf(`
resource "terraform_data" "dns" {
  input = { server = %q, domain = "example.com" }
}
`, server) + attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `
  nameservers    = ["10.10.128.2", terraform_data.dns.output.server]
  search_domains = [terraform_data.dns.output.domain]
`))}
	}
	wrong := step("dns")
	wrong.ExpectError = acctest.Words(`"dns" is neither an IPv4 nor an IPv6 address`)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps:                    []resource.TestStep{step("10.10.128.3"), step("10.10.128.4"), wrong, step("10.10.128.4")},
	})
}

// excluding is a pool with exclusions.
func excluding(what ...string) string {
	return attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `excluded_addresses = ["`+strings.Join(what, `", "`)+`"]`)
}

// many are exclusions that leave something.
func many(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("10.10.%d.%d", 184+i/256, i%256)
	}
	return list
}

// subnet is a pool of a subnet, whose gateway may be elsewhere.
func subnet(cidr, more string) string { return bare(fmt.Sprintf("subnet = %q\n  %s", cidr, more)) }

func bare(more string) string {
	return fmt.Sprintf(`
resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  default_gateway = "10.10.128.1"
  %s
}
`, more)
}

func attributes(start, end string, prefix int, gateway, more string) string {
	return fmt.Sprintf(`
resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = %q, end = %q }
  prefix_length   = %d
  default_gateway = %q
  %s
}
`, start, end, prefix, gateway, more)
}
