package gateway_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// onThePool is a cluster at the gateway, on its inline pool: with the VIP, the extra and
// one address to roll workers it needs 5.
const onThePool = `
locals {
  placement = {
    compute_cluster = "cluster-a", datastore = "shared-1", network = "dvpg-nodes", ip_pool_id = gantry_gateway.dc1.ip_pool_id
  }
}

resource "gantry_vmware_cluster" "prod" {
  name          = "prod"
  cloud_account = gantry_gateway.dc1.default_cloud_account
  profile       = { kubernetes_version = "1.37.2", image = { template = "gantry-node-1.37.2" } }
  datacenter    = "dc-1"
  network       = { ip_allocation = "static" }
  control_plane = { node_count = 1, cpu = 2, memory_gb = 4, placements = [local.placement] }
  worker_pools  = { general = { node_count = 1, cpu = 2, memory_gb = 4, placements = [local.placement] } }
}
`

// TestAccGatewayFirstPlan plans a gateway and a cluster on its inline pool, all of which
// is still to be made, and then what changes.
func TestAccGatewayFirstPlan(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	both := func(end string) string { return config(e, shape{poolEnd: end}) + onThePool }
	refused := func(config string, want string) resource.TestStep {
		return resource.TestStep{Config: config, PlanOnly: true, ExpectError: acctest.Words(want)}
	}
	const shared = `5 are needed: 1 for the VIP, 1 for the extra, 1 for the control plane, 1 for worker pool general, ` +
		`1 for rolling workers (expand_first). In the same plan, gateway "dc1" takes 3, which are not free.`
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			refused(both("10.10.183.4"), "4 addresses, 0 in use and 1 free; "+shared),
			refused(both("10.10.183.7"), "7 addresses, 0 in use and 4 free; "+shared),
			{Config: both("10.10.183.8"), PlanOnly: true, ExpectNonEmptyPlan: true},
			refused(
				strings.Replace(both("10.10.183.20"), "prefix_length   = 18", "prefix_length = 18\n    restrict_to_single_cluster = true", 1),
				"IP pool used by another cluster",
			),
			refused(strings.Replace(both("10.10.183.20"), `network = { ip_allocation = "static" }`,
				`network = { ip_allocation = "static", pod_cidr = "10.10.0.0/16" }`, 1), "overlaps with the node's network"),
			{Config: config(e, shape{poolEnd: "10.10.183.4"})},
			refused(both("10.10.183.4"), "4 addresses, 3 in use and 1 free"),
			{Config: both("10.10.183.8"), PlanOnly: true, ExpectNonEmptyPlan: true},
		},
	})
}
