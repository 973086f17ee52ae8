package vmwarecluster_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"
	"github.com/hashicorp/terraform-plugin-testing/statecheck"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestAccClusterSpread keeps the nodes of a worker pool on different hosts, on those of a host
// group and in a VM group, and no longer.
func TestAccClusterSpread(t *testing.T) {
	t.Parallel()
	e := acctest.New(t, simulator.Options{Inventory: simulator.Inventory{
		HostGroups: []simulator.HostGroup{{ComputeCluster: "cluster-a", Name: "left", Hosts: []int{1, 2}}},
		VMGroups:   []simulator.VMGroup{{ComputeCluster: "cluster-a", Name: "licensed"}, {ComputeCluster: "cluster-a", Name: "spare"}},
	}})
	pool := func(spread string, place ...string) string {
		return config(e, shape{controlPlane: 1, workers: 0, extraPool: fmt.Sprintf(`apart = {
      node_count = 2
      cpu        = 2
      memory_gb  = 4
      %s
      placements = [{ %s
        compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_ip_pool.nodes.id
      }]
    }`, spread, strings.Join(place, ""))})
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{Config: pool(`spread = "rack"`), PlanOnly: true, ExpectError: says("worker_pools", "spread", "host")},
			{
				Config: pool("", `host_group = "right", `), PlanOnly: true,
				ExpectError: says(`Unknown host group "right"`, `worker_pools["apart"].placements[0].host_group`, "Available: left"),
			},
			{
				Config: pool("", `vm_group = "left", `), PlanOnly: true,
				ExpectError: says(`"left" is a group of hosts`, `worker_pools["apart"].placements[0].vm_group`, "licensed, spare"),
			},
			{
				Config: pool("", fmt.Sprintf("host_group = %q, ", strings.Repeat("x", 37))), PlanOnly: true,
				ExpectError: says("host_group", "36"),
			},
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
				Config:            pool(`spread = "host"`, `host_group = "left", `),
				ConfigPlanChecks:  showsPlan("place_nodes", "cluster-a"),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan("place_nodes", "cluster-a"), isState("Running")},
				Check: resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", map[string]string{
					"type": "NodesPlaced", "status": "True",
				}),
			},
			{
				Config:            pool(`spread = "host"`, `host_group = "left", vm_group = "licensed", `),
				ConfigPlanChecks:  showsPlan("place_nodes", "cluster-a"),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan("place_nodes", "cluster-a"), isState("Running")},
				Check: resource.TestCheckTypeSetElemNestedAttrs(cluster, "conditions.*", map[string]string{
					"type": "NodesGrouped", "status": "True",
				}),
			},
			{
				Config: pool(`spread = "host"`, `host_group = "left", vm_group = "lost", `), PlanOnly: true,
				ExpectError: says(`Unknown VM group "lost"`, `worker_pools["apart"].placements[0].vm_group`, "licensed, spare"),
			},
			{
				Config:            pool(""),
				ConfigPlanChecks:  showsPlan("spread_nodes", "cluster-a", "place_nodes", "cluster-a"),
				ConfigStateChecks: []statecheck.StateCheck{keptPlan("spread_nodes", "cluster-a", "place_nodes", "cluster-a"), isState("Running")},
			},
		},
	})
}
