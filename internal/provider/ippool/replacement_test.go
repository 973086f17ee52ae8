package ippool_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// firstMade is a pool whose successor is created before it is destroyed.
func firstMade(name, start, end, gateway string, prefix int, creates bool) string {
	return fmt.Sprintf(`
resource "gantry_ip_pool" "nodes" {
  name            = %q
  range           = { start = %q, end = %q }
  prefix_length   = %d
  default_gateway = %q
  lifecycle {
    create_before_destroy = %v
  }
}
`, name, start, end, prefix, gateway, creates)
}

// TestAccPoolCreatesFirst asks for a successor before a pool is destroyed: where both
// cannot be, nothing is touched, and the pool is still the current object.
func TestAccPoolCreatesFirst(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	pool4 := func(name, start, end string) string {
		return env.Config(firstMade(name, start, end, "10.10.128.1", 18, true))
	}
	small := pool4("prod-nodes", "10.10.183.1", "10.10.183.10")
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: small},
			{
				Config:      env.Config(firstMade("prod-nodes", "2001:db8::10", "2001:db8::1f", "2001:db8::1", 64, true)),
				ExpectError: acctest.Words(`IP pool "prod-nodes" exists`),
			},
			{Config: small, PlanOnly: true},
			{Config: pool4("other", "10.10.183.5", "10.10.183.20"), ExpectError: acctest.Words("IP pools overlap")},
			{Config: small, PlanOnly: true},
			{Config: small, Taint: []string{pool}, ExpectError: acctest.Words(`IP pool "prod-nodes" exists`)},
			{Config: env.Config(firstMade("prod-nodes", "10.10.183.1", "10.10.183.10", "10.10.128.1", 18, false))},
			{Config: pool4("other", "10.10.183.21", "10.10.183.30")},
			{Config: pool4("other", "10.10.183.21", "10.10.183.30"), PlanOnly: true},
		},
	})
}

// TestAccPoolAfterADoubtfulCreation creates a pool whose first creation got no answer
// and is tainted: its destruction, which comes after, deletes nothing of the new one.
func TestAccPoolAfterADoubtfulCreation(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	small := env.Config(firstMade("prod-nodes", "10.10.183.1", "10.10.183.10", "10.10.128.1", 18, true))
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				PreConfig: func() {
					// The second tag is the record.
					fault := simulator.Fault{Kind: simulator.DropBefore, Call: "POST tag", Nth: 2, Times: -1}
					if err := env.AddFault(fault); err != nil {
						t.Error(err)
					}
				},
				Config:      small,
				ExpectError: acctest.Words("Unable to create IP pool"),
			},
			{PreConfig: env.ClearFaults, Config: small},
			{Config: small, PlanOnly: true},
		},
	})
}
