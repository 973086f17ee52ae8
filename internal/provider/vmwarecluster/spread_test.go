package vmwarecluster_test

import (
	"fmt"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccClusterSpread keeps the nodes of a worker pool on different hosts, and no longer.
func TestAccClusterSpread(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	pool := func(spread string) string {
		return config(e, shape{controlPlane: 1, workers: 0, extraPool: fmt.Sprintf(`apart = {
      node_count = 2
      cpu        = 2
      memory_gb  = 4
      %s
      placements = [{ compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id }]
    }`, spread)})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: pool(`spread = "rack"`), PlanOnly: true, ExpectError: says("worker_pools", "spread", "host")},
			{
				Config:            pool(""),
				ConfigStateChecks: []statecheck.StateCheck{nodeNames("prod-cp-1", "prod-apart-1", "prod-apart-2")},
			},
			{
				Config:            pool(`spread = "host"`),
				ConfigPlanChecks:  showsPlan("spread_nodes", "cluster-a"),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan("spread_nodes", "cluster-a"), isState("Running")},
			},
			{
				Config:            pool(""),
				ConfigPlanChecks:  showsPlan("spread_nodes", "cluster-a"),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan("spread_nodes", "cluster-a"), isState("Running")},
			},
		},
	})
}
