package observe

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// recordedGroups are the VM groups that the record says VMs were put in.
func recordedGroups(there []model.VMGroup, rec model.Record) []model.VMGroup {
	var recorded []model.VMGroup
	for _, g := range there {
		if slices.ContainsFunc(rec.VMGroups, func(r record.VMGroup) bool { return r.ComputeCluster == g.ComputeCluster && r.Name == g.Name }) {
			recorded = append(recorded, g)
		}
	}
	return recorded
}
