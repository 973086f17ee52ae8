package ippool_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

func TestWrongAddresses(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	for name, test := range map[string]struct {
		pool string
		want string
	}{
		"start is no address": {attributes("10.10.183", "10.10.183.9", 18, "10.10.128.1", ""), `"10.10.183" is neither an IPv4 nor an IPv6 address`},
		"end is no address":   {attributes("10.10.183.1", "nodes", 18, "10.10.128.1", ""), `"nodes" is neither an IPv4 nor an IPv6 address`},
		"inverted":            {attributes("10.10.183.9", "10.10.183.1", 18, "10.10.128.1", ""), `10.10.183.1 comes before start (10.10.183.9)`},
		"mixed families":      {attributes("10.10.183.1", "2001:db8::1", 18, "10.10.128.1", ""), `different address families`},
		"gateway outside":     {attributes("10.10.183.1", "10.10.183.9", 24, "10.10.128.1", ""), `10.10.128.1 is outside the network of the pool, 10.10.183.0/24`},
		"too large":           {attributes("10.0.0.0", "10.1.0.0", 8, "10.0.0.1", ""), `spans more than 65536 addresses`},
		"two networks":        {attributes("10.10.183.1", "10.10.184.1", 24, "10.10.183.1", ""), `10.10.184.1 is outside the network of the first address, 10.10.183.0/24`},
		"prefix length":       {attributes("10.10.183.1", "10.10.183.9", 33, "10.10.183.1", ""), `33 is not between 1 and 32`},
		"nameserver":          {attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `nameservers = ["8.8.8.8", "dns"]`), `"dns" is neither an IPv4 nor an IPv6 address`},
		"four nameservers":    {attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `nameservers = ["8.8.8.8", "8.8.4.4", "1.1.1.1", "9.9.9.9"]`), `at most 3 elements`},
		"search domain":       {attributes("10.10.183.1", "10.10.183.9", 18, "10.10.128.1", `search_domains = ["-x"]`), `must be a domain name`},
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
