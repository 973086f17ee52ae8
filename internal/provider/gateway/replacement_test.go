package gateway_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// pools is an IP pool that belongs to the gateway.
const pools = `
resource "gantry_ip_pool" "prod" {
  name            = "prod"
  gateway_id      = gantry_gateway.dc1.id
  range           = { start = "10.10.183.101", end = "10.10.183.110" }
  prefix_length   = 18
  default_gateway = "10.10.128.1"
}
`

// TestAccGatewayReplacement refuses in the plan to replace a gateway that has something:
// it would be destroyed after what depends on it, or fail in between.
func TestAccGatewayReplacement(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	inUse := acctest.Words(`Gateway "dc1" has IP pool "prod"`)
	renamed := func(s shape) string {
		return strings.Replace(config(e, s), `name               = "dc1"`, `name               = "dc2"`, 1)
	}
	nowhere := strings.Replace(renamed(shape{}), `datastore       = "shared-1"`, `datastore       = "nowhere"`, 1)
	first := shape{extra: "lifecycle {\n    create_before_destroy = true\n  }"}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: config(e, shape{}) + pools},
			{Config: renamed(shape{}) + pools, PlanOnly: true, ExpectError: inUse},
			{
				Config:            config(e, shape{}),
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
			},
			{Config: nowhere, PlanOnly: true, ExpectError: acctest.Words("nowhere")},
			{Config: config(e, first), PlanOnly: true},
			// Its inline pool would be there twice.
			{Config: renamed(first), ExpectError: acctest.Words("IP pools overlap")},
			{Config: config(e, first), PlanOnly: true},
			{Config: config(e, first), Taint: []string{gateway}, ExpectError: acctest.Words("The gateway exists")},
			{
				Config:            config(e, shape{}) + pools,
				ConfigStateChecks: []statecheck.StateCheck{has("state", knownvalue.StringExact("Running"))},
			},
			// A replacement is not what a gateway with something needs.
			{
				Config: config(e, shape{}) + pools,
				Taint:  []string{gateway},
				ExpectError: acctest.Words(`Gateway "dc1" has IP pool "prod". Destroy or move them first. ` +
					`To build the gateway anew under what it has, do not replace it: set reset_trigger`),
			},
		},
	})
}
