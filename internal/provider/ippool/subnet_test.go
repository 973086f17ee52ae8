package ippool_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// imported takes a pool over, and expects that nothing is to be changed.
func imported(env *acctest.Environment, config string) []resource.TestStep {
	return []resource.TestStep{
		{ResourceName: pool, ImportState: true, ImportStateId: "prod-nodes", ImportStateVerify: true},
		{Config: env.Config(strings.Replace(config, "resource \"gantry_ip_pool\" \"nodes\"", `
import {
  to = gantry_ip_pool.again
  id = "prod-nodes"
}

removed {
  from = gantry_ip_pool.nodes
  lifecycle {
    destroy = false
  }
}

resource "gantry_ip_pool" "again"`, 1)),
			ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
				plancheck.ExpectResourceAction("gantry_ip_pool.again", plancheck.ResourceActionNoop),
			}}},
	}
}

func TestAccPoolShapes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config        string
		total, prefix int64
		checks        []statecheck.StateCheck
	}{
		"range of the documentation": {
			config: attributes("10.10.183.1", "10.10.183.100", 18, "10.10.128.1", ""), total: 100, prefix: 18,
			checks: []statecheck.StateCheck{value("subnet", knownvalue.Null()), value("reuse_delay", knownvalue.StringExact("5m"))},
		},
		"subnet alone": {
			// .65 to .126 without the gateway.
			config: strings.Replace(subnet("10.10.183.64/26", ""), "10.10.128.1", "10.10.183.65", 1), total: 61, prefix: 26,
			checks: []statecheck.StateCheck{value("range", knownvalue.Null()), value("subnet", knownvalue.StringExact("10.10.183.64/26"))},
		},
		"subnet in a wider network": {
			config: subnet("10.10.183.64/26", "prefix_length = 18"), total: 62, prefix: 18,
		},
		"exclusions": {
			config: subnet("10.10.183.64/26", `prefix_length = 18
  excluded_addresses = ["10.10.183.70", "10.10.183.80-10.10.183.89", "10.10.183.64/30", "10.10.183.70-10.10.183.71"]`),
			total: 62 - 2 - 10 - 3, prefix: 18,
			checks: []statecheck.StateCheck{value("excluded_addresses", knownvalue.SetSizeExact(4))},
		},
		"IPv6 range": {
			config: attributes("2001:db8::", "2001:db8::ff", 64, "2001:db8::1", ""), total: 254, prefix: 64,
		},
		"IPv6 subnet": {
			config: strings.Replace(subnet(
				"2001:db8:0:1::100/120",
				"prefix_length = 64\n  nameservers = [\"2001:db8::53\"]\n  excluded_addresses = [\"2001:db8:0:1::180/121\"]",
			),
				"10.10.128.1", "2001:db8:0:1::1", 1), total: 127, prefix: 64,
		},
		"everything": {
			config: attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", `network = "dvpg-nodes"
  reuse_delay = "2m"
  excluded_addresses = ["10.10.183.5"]
  search_domains = ["example.com", "nodes.example.com"]
  nameservers = ["10.10.128.3", "10.10.128.2"]`), total: 9, prefix: 18,
			checks: []statecheck.StateCheck{value("network", knownvalue.StringExact("dvpg-nodes"))},
		},
		"a delay spelled otherwise": {
			config: attributes("10.10.183.1", "10.10.183.10", 18, "10.10.128.1", `reuse_delay = "600s"`), total: 10, prefix: 18,
			checks: []statecheck.StateCheck{value("reuse_delay", knownvalue.StringExact("600s"))},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := acctest.New(t)
			steps := []resource.TestStep{{
				Config: env.Config(c.config),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(pool, tfjsonpath.New("total_addresses"), knownvalue.Int64Exact(c.total)),
					plancheck.ExpectKnownValue(pool, tfjsonpath.New("prefix_length"), knownvalue.Int64Exact(c.prefix)),
				}},
				ConfigStateChecks: append(c.checks,
					value("total_addresses", knownvalue.Int64Exact(c.total)), value("prefix_length", knownvalue.Int64Exact(c.prefix))),
			}}
			rest := imported(env, c.config)
			if name == "a delay spelled otherwise" {
				rest[0].ImportStateVerifyIgnore = []string{"reuse_delay"} // 10m
			}
			resource.Test(t, resource.TestCase{
				ProtoV6ProviderFactories: env.Factories(),
				CheckDestroy:             env.CheckDestroy,
				Steps:                    append(steps, rest...),
			})
		})
	}
}

// TestAccPoolChangesShape goes from one spelling of the addresses to others, in
// place.
func TestAccPoolChangesShape(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	update := func(config string, checks ...statecheck.StateCheck) resource.TestStep {
		return resource.TestStep{
			Config: env.Config(config),
			ConfigPlanChecks: resource.ConfigPlanChecks{
				PreApply:             []plancheck.PlanCheck{plancheck.ExpectResourceAction(pool, plancheck.ResourceActionUpdate)},
				PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
			},
			ConfigStateChecks: checks,
		}
	}
	inside := func(config string) string { return strings.Replace(config, "10.10.128.1", "10.10.183.65", 1) }
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: env.Config(small)},
			update(
				subnet("10.10.183.64/26", "prefix_length = 18"),
				value("range", knownvalue.Null()),
				value("prefix_length", knownvalue.Int64Exact(18)),
			),
			// Left out, it follows the subnet, through every change of it.
			update(inside(subnet("10.10.183.64/26", "")), value("prefix_length", knownvalue.Int64Exact(26))),
			update(
				inside(subnet("10.10.183.64/27", "")),
				value("prefix_length", knownvalue.Int64Exact(27)),
				value("total_addresses", knownvalue.Int64Exact(29)),
			),
			update(inside(subnet("10.10.183.64/27", `excluded_addresses = ["10.10.183.66"]`)), value("total_addresses", knownvalue.Int64Exact(28))),
			update(inside(subnet("10.10.183.64/27", `network = "dvpg-nodes"`)), value("excluded_addresses", knownvalue.Null())),
			update(
				inside(subnet("10.10.183.64/27", `reuse_delay = "0s"`)),
				value("reuse_delay", knownvalue.StringExact("0s")),
				value("network", knownvalue.Null()),
			),
			update(small, value("subnet", knownvalue.Null()), value("reuse_delay", knownvalue.StringExact("5m"))),
			{
				// A subnet of the other family replaces.
				Config: env.Config(strings.Replace(subnet("2001:db8::/120", ""), "10.10.128.1", "2001:db8::1", 1)),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionDestroyBeforeCreate),
				}},
			},
		},
	})
}
