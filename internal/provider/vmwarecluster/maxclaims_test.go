package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccMaxClaims stops at the provider's bound with words that name it, and
// goes on once there is room.
func TestAccMaxClaims(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	good := config(e, shape{controlPlane: 1, workers: 1})
	bounded := strings.Replace(good, `provider "gantry" {`, "provider \"gantry\" {\n  max_claims = 6", 1)
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: bounded,
				ExpectError: acctest.Words("at most 6 are allowed: release addresses that are not needed, use another vCenter, or allow " +
					"more with the provider's max_claims"),
			},
			{
				Config: good,
				ConfigStateChecks: []statecheck.StateCheck{
					statecheck.ExpectKnownValue(cluster, tfjsonpath.New("state"), knownvalue.StringExact("Running")),
				},
			},
		},
	})
}
