package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// readZones reads the zone tags of the compute clusters that the spec uses, as the
// provider: the cloud account needs no right to see tags. Where the provider may not
// read them either, nodes are built without topology labels: that is no reason not to
// rebuild what a cluster has lost.
func (r *Runner) readZones(ctx context.Context) (model.ZoneTags, error) {
	site := r.World.Limits.Site
	// No lock of a cluster holds the tags of a site: what the plan of this run has just
	// read is as good, and what this run changes of them is read again.
	zones, err := r.Reader.Zones(ctx, site.Datacenter, site.ComputeClusters(), r.Timing.ReadMaxAge)
	if errors.Is(err, model.ErrPermission) {
		r.warnings.add(model.NewFinding(model.ClusterField(model.FieldDatacenter), "Zone tags cannot be read",
			"Nodes of this apply are built without the labels topology.kubernetes.io/region and zone: %s. "+
				"Grant the provider's user the privilege, and rebuild the nodes if the labels are needed.", err))
		return model.ZoneTags{}, nil
	}
	if err != nil {
		return zones, fmt.Errorf("read the zone tags: %w", err)
	}
	for _, problem := range plan.ZoneProblems(r.Spec, site, zones).Warnings {
		r.warnings.add(problem)
	}
	return zones, nil
}
