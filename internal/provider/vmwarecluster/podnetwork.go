package vmwarecluster

import (
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// checkPodNetwork refuses a pod network that is too small for the nodes of a new
// cluster that are known of: IP pools may still be unknown.
func checkPodNetwork(m *model) diag.Diagnostics {
	spec := enginemodel.ClusterSpec{
		PodCIDR:      textOf(m.Network.Attributes()["pod_cidr"]),
		ControlPlane: enginemodel.NodePool{Name: enginemodel.ControlPlanePool, Count: knownCount(m.ControlPlane)},
	}
	for name, value := range m.WorkerPools.Elements() {
		pool, _ := value.(types.Object)
		spec.Workers = append(spec.Workers, enginemodel.NodePool{
			Name:     name,
			Count:    knownCount(pool),
			Strategy: knownStrategy(pool),
			MaxSurge: knownSurge(pool),
		})
	}
	return diagnostics.Problems(engine.CheckPodNetwork(&spec), m.AttributePath)
}

// knownCount is the node count of a pool; 0 while it is unknown.
func knownCount(pool types.Object) int {
	count, _ := pool.Attributes()["node_count"].(attribute.Int64)
	return int(count.ValueInt64())
}

// knownStrategy is the strategy of a worker pool, and while it is unknown the one that
// takes no node more.
func knownStrategy(pool types.Object) enginemodel.RollStrategy {
	rolling, _ := pool.Attributes()["rolling_update"].(types.Object)
	strategy := rolling.Attributes()["strategy"]
	if rolling.IsUnknown() || unknown(strategy) {
		return enginemodel.ContractFirst
	}
	return enginemodel.RollStrategy(textOf(strategy))
}

// knownSurge is how many nodes more than its count a worker pool may have; 0 while it is
// unknown, or not set.
func knownSurge(pool types.Object) int {
	rolling, _ := pool.Attributes()["rolling_update"].(types.Object)
	surge, _ := rolling.Attributes()["max_surge"].(attribute.Int64)
	return int(surge.ValueInt64())
}

func unknown(value attr.Value) bool { return value != nil && value.IsUnknown() }
