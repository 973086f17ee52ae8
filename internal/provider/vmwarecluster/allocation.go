package vmwarecluster

import (
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// checkAllocation refuses IP pools where nodes take leases, and placements without one, and a
// load balancer, where they do not.
func checkAllocation(m *model) diag.Diagnostics {
	diags := nodeschema.ValidateLoadBalancer(m.Network, m.LoadBalancer)
	check := func(placement attr.Value, at path.Path) {
		object, ok := placement.(types.Object)
		if !ok || object.IsNull() || object.IsUnknown() {
			return
		}
		id, ok := object.Attributes()["ip_pool_id"].(types.String)
		if ok {
			diags.Append(nodeschema.ValidateIPPoolID(m.Network, id, at.AtName("ip_pool_id"))...)
		}
	}
	check(m.ControlPlane.Attributes()["placement"], path.Root("control_plane").AtName("placement"))
	pools := m.WorkerPools.Elements()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		pool, _ := pools[name].(types.Object)
		placements, _ := pool.Attributes()["placements"].(types.List)
		for i, placement := range placements.Elements() {
			check(placement, path.Root("worker_pools").AtMapKey(name).AtName("placements").AtListIndex(i))
		}
	}
	return diags
}
