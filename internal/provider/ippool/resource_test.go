package ippool_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

const pool = "gantry_ip_pool.nodes"

// value expects one attribute of the pool in the state.
func value(attribute string, check knownvalue.Check) statecheck.StateCheck {
	return statecheck.ExpectKnownValue(pool, tfjsonpath.New(attribute), check)
}

func TestAccPool(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	id := knownvalue.StringExact(env.Ledger().ID(nodesRef).String())
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: env.Config(small),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectKnownValue(pool, tfjsonpath.New("id"), id),
					plancheck.ExpectKnownValue(pool, tfjsonpath.New("total_addresses"), knownvalue.Int64Exact(10)),
					plancheck.ExpectUnknownValue(pool, tfjsonpath.New("allocated_addresses")),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					value("id", id),
					value("total_addresses", knownvalue.Int64Exact(10)),
					value("allocated_addresses", knownvalue.Int64Exact(0)),
					value("available_addresses", knownvalue.Int64Exact(10)),
					value("restrict_to_single_cluster", knownvalue.Bool(false)),
					value("reserved_by_cluster_id", knownvalue.Null()),
				},
			},
			{
				Config: env.Config(grown),
				ConfigPlanChecks: resource.ConfigPlanChecks{PreApply: []plancheck.PlanCheck{
					plancheck.ExpectResourceAction(pool, plancheck.ResourceActionUpdate),
					plancheck.ExpectKnownValue(pool, tfjsonpath.New("id"), id),
				}},
				ConfigStateChecks: []statecheck.StateCheck{
					// 10.10.183.1 to .20 without the gateway .2.
					value("total_addresses", knownvalue.Int64Exact(19)),
					value("nameservers", knownvalue.ListSizeExact(2)),
				},
			},
			{
				ResourceName:      pool,
				ImportState:       true,
				ImportStateId:     "prod-nodes",
				ImportStateVerify: true,
			},
		},
	})
}

const small = `
resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.10" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}
`

const grown = `
resource "gantry_ip_pool" "nodes" {
  name            = "prod-nodes"
  range           = { start = "10.10.183.1", end = "10.10.183.20" }
  prefix_length   = 18
  default_gateway = "10.10.183.2"
  nameservers     = ["8.8.8.8", "2001:4860:4860::8888"]
  search_domains  = ["example.com"]
}
`
