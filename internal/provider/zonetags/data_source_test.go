package zonetags_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

func TestAccZoneTags(t *testing.T) {
	t.Parallel()
	env := acctest.New(t)
	value := func(attribute string, check knownvalue.Check) statecheck.StateCheck {
		return statecheck.ExpectKnownValue("data.gantry_zone_tags.dc", tfjsonpath.New(attribute), check)
	}
	name := knownvalue.StringExact
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: env.Factories(),
		CheckDestroy:             env.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: env.Config(`data "gantry_zone_tags" "dc" { datacenter = "dc-1" }`),
				ConfigStateChecks: []statecheck.StateCheck{
					value("region", name("region-1")),
					value("zones", knownvalue.MapExact(map[string]knownvalue.Check{
						"cluster-a": name("zone-a"), "cluster-b": name("zone-b"), "cluster-c": name("zone-c"),
					})),
					value("untagged_compute_clusters", knownvalue.ListSizeExact(0)),
					value("duplicates", knownvalue.MapSizeExact(0)),
					value("invalid", knownvalue.ListSizeExact(0)),
				},
			},
			{
				Config: env.Config(`data "gantry_zone_tags" "dc" { datacenter = "dc-2" }`),
				ConfigStateChecks: []statecheck.StateCheck{
					value("region", knownvalue.Null()),
					value("zones", knownvalue.MapSizeExact(0)),
					value("untagged_compute_clusters", knownvalue.ListSizeExact(1)),
				},
			},
			{
				Config:      env.Config(`data "gantry_zone_tags" "dc" { datacenter = "dc-3" }`),
				ExpectError: acctest.Words(`No datacenter "dc-3" was found in vCenter`),
			},
		},
	})
}
