package vmwarecluster_test

import (
	"strings"
	"testing"

	"github.com/hashicorp/terraform-plugin-testing/helper/resource"

	"github.com/gantry/terraform-provider-gantry/internal/provider/acctest"
)

// TestAccLoadBalancerPools reserves addresses of an IP pool of the same configuration, refuses
// ranges on the attribute at fault, changes them in place and gives them back.
func TestAccLoadBalancerPools(t *testing.T) {
	t.Parallel()
	e := acctest.New(t)
	with := func(pools string) string {
		s := shape{controlPlane: 1, extra: `load_balancer_pools = { ` + pools + ` }`}
		return config(e, s) + `
data "gantry_ip_pool" "nodes" {
  name                = gantry_ip_pool.nodes.name
  include_allocations = true
  depends_on          = [gantry_vmware_cluster.prod]
}
output "holders" { value = join(",", sort([for a in data.gantry_ip_pool.nodes.allocations : a.owner])) }
`
	}
	pool := func(name, start, end string) string {
		return name + ` = { ip_pool_id = gantry_ip_pool.nodes.id, range = { start = "` + start + `", end = "` + end + `" } }, `
	}
	held := func(n int) resource.TestCheckFunc {
		return resource.TestCheckOutput("holders", strings.TrimSuffix("extra,"+strings.Repeat("load_balancer_pools,", n)+"prod-cp-1,vip", ","))
	}
	resource.Test(t, resource.TestCase{
		ProtoV6ProviderFactories: e.Factories(),
		CheckDestroy:             e.CheckDestroy,
		Steps: []resource.TestStep{
			{
				Config:      with(pool("web", "10.10.183.9", "10.10.183.8")),
				ExpectError: says("load_balancer_pools", `load_balancer_pools["web"].range: The range is from start to end`),
			},
			{
				Config:      with(pool("web", "10.10.190.1", "10.10.190.8")),
				ExpectError: says("load_balancer_pools", `load_balancer_pools["web"].range: IP pool "nodes" has the addresses`),
			},
			{
				Config: with(pool("web", "10.10.183.1", "10.10.183.3")),
				Check:  held(3),
			},
			{
				Config:           with(pool("web", "10.10.183.1", "10.10.183.2")),
				ConfigPlanChecks: showsPlan("reserve_range", "web", "release_range", "web"),
				Check:            held(2),
			},
			{
				Config:           config(e, shape{controlPlane: 1}),
				ConfigPlanChecks: showsPlan("release_range", "web"),
			},
		},
	})
}
