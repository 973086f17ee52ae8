package vmwarecluster_test

import (
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/knownvalue"
	"github.com/hashicorp/terraform-plugin-testing/plancheck"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"
	"github.com/hashicorp/terraform-plugin-testing/tfjsonpath"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/recordingtest"
)

// The provider works on the recording of a vCenter as on the vCenter: it reads, refuses
// and builds.
func TestAccRecording(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := recordingtest.Record(t.Context(), acctest.New(t).Simulator, dir); err != nil {
		t.Fatal(err)
	}
	e := acctest.New(t, simulator.Options{Recording: dir})
	datacenters := func(check knownvalue.Check, keys ...string) statecheck.StateCheck {
		at := tfjsonpath.New("datacenters")
		for _, key := range keys {
			at = at.AtMapKey(key)
		}
		return statecheck.ExpectKnownValue("data.gantry_datacenters.all", at, check)
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config: e.Config(`data "gantry_datacenters" "all" {}`),
				ConfigStateChecks: []statecheck.StateCheck{
					datacenters(knownvalue.MapSizeExact(3), "dc-1", "compute_clusters"),
					datacenters(knownvalue.StringExact("DistributedVirtualPortgroup"), "dc-1", "networks", "dvpg-nodes", "type"),
					datacenters(knownvalue.Bool(true), "dc-1", "templates", "gantry-node-1.37.2", "snapshot"),
				},
			},
			{
				Config:      config(e, shape{controlPlane: 1, workers: 1, template: "gantry-node-1.37.3"}),
				PlanOnly:    true,
				ExpectError: acctest.Words("Available: gantry-node-1.36.3, gantry-node-1.37.2"),
			},
			{
				Config: config(e, shape{controlPlane: 1, workers: 1}),
				ConfigPlanChecks: resource.ConfigPlanChecks{
					PostApplyPostRefresh: []plancheck.PlanCheck{plancheck.ExpectEmptyPlan()},
				},
				ConfigStateChecks: []statecheck.StateCheck{
					isState("Running"), nodeNames("prod-cp-1", "prod-general-1"),
					statecheck.ExpectKnownValue(cluster, tfjsonpath.New("nodes").AtMapKey("prod-general-1").AtMapKey("clone_mode"),
						knownvalue.StringExact("linked")),
				},
			},
		},
	})
}
