package run

import "github.com/gantry/terraform-provider-gantry/internal/engine/model"

// giveUp warns that rules are not as they are to be.
func (x *rules) giveUp(c *ruledCluster, kind ruleKind, cause error) {
	x.mu.Lock()
	c.failed[kind] = true
	x.mu.Unlock()
	why := "others change the same rules"
	if cause != nil {
		why = cause.Error()
	}
	at := model.ClusterField(model.FieldClusterName)
	switch kind {
	case joined:
		x.runner.warnings.add(model.NewFinding(at, "Nodes are not in their VM groups",
			"Who is in the VM groups of a compute cluster could not be changed: %s. The condition NodesGrouped says which nodes are not.", why))
		return
	case placed:
		x.runner.warnings.add(model.NewFinding(at, "Nodes are not kept on the hosts of their host group",
			"The VM groups of a compute cluster, or their rules, could not be changed: %s. Nodes may run on any host. "+
				"The condition NodesPlaced says which.", why))
		return
	}
	x.runner.warnings.add(model.NewFinding(at, "No rule keeps nodes apart",
		"The anti-affinity rules of a compute cluster could not be changed: %s. Nodes go to different hosts when they are created, and "+
			"nothing keeps them apart from then on. The condition NodesSpread says where.", why))
}
