package vmwarecluster

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// configuredPlacement is a placement whose parts may be unknown.
type configuredPlacement struct {
	at      path.Path
	network types.String
	ipPool  types.String
}

// placementsOf are the placements of a node pool that are known to be there.
func placementsOf(pool types.Object, at path.Path) []configuredPlacement {
	list, _ := pool.Attributes()["placements"].(types.List)
	var placements []configuredPlacement
	for i, element := range list.Elements() {
		object, ok := element.(types.Object)
		if !ok || object.IsNull() || object.IsUnknown() {
			continue
		}
		p := configuredPlacement{at: at.AtName("placements").AtListIndex(i)}
		p.network, _ = object.Attributes()["network"].(types.String)
		p.ipPool, _ = object.Attributes()["ip_pool_id"].(types.String)
		placements = append(placements, p)
	}
	return placements
}

// checkAllocation refuses IP pools where nodes take leases, and placements without one, and a
// load balancer, where they do not.
func checkAllocation(m *model) diag.Diagnostics {
	diags := nodeschema.ValidateLoadBalancer(m.Network, m.LoadBalancer)
	diags.Append(nodeschema.ValidateRegistry(m.Network, m.Registry)...)
	placements := placementsOf(m.ControlPlane, nodePoolPath(enginemodel.ControlPlanePool))
	pools := m.WorkerPools.Elements()
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		pool, _ := pools[name].(types.Object)
		placements = append(placements, placementsOf(pool, nodePoolPath(name))...)
	}
	for _, p := range placements {
		diags.Append(nodeschema.ValidateIPPoolID(m.Network, p.ipPool, p.at.AtName("ip_pool_id"))...)
	}
	return diags
}

// checkControlPlane refuses placements of the control plane that the endpoint could not move
// between, as far as their names tell: what they mean is for the plan to compare.
func checkControlPlane(m *model) diag.Diagnostics {
	var diags diag.Diagnostics
	placements := placementsOf(m.ControlPlane, nodePoolPath(enginemodel.ControlPlanePool))
	differs := func(p configuredPlacement, part, first, own, what string) {
		diags.Append(diagnostics.AttributeError(p.at.AtName(part), "Another "+what+" of the control plane", fmt.Sprintf(
			"This placement has the %s %q, and another one %q. The placements of a control plane share one network and one IP pool, "+
				"since the endpoint moves between them. Use one for all.", what, own, first)))
	}
	var network, pool types.String
	for _, p := range placements {
		if known(p.network) {
			if known(network) && !inventoryname.MayMatch(network.ValueString(), p.network.ValueString()) {
				differs(p, "network", network.ValueString(), p.network.ValueString(), "network")
			}
			network = p.network
		}
		if known(p.ipPool) {
			if known(pool) && !sameID(pool.ValueString(), p.ipPool.ValueString()) {
				differs(p, "ip_pool_id", pool.ValueString(), p.ipPool.ValueString(), "IP pool")
			}
			pool = p.ipPool
		}
	}
	return diags
}

// sameID reports whether two ids are one; of what is none its own validator says so.
func sameID(a, b string) bool {
	first, err := uuid.Parse(a)
	second, err2 := uuid.Parse(b)
	return err != nil || err2 != nil || first == second
}

func known(value types.String) bool { return !value.IsNull() && !value.IsUnknown() }
