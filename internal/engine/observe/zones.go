package observe

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// ReadZones reads the zone tags of where nodes are placed, for a plan that builds some, with
// what the same run plans for these objects. Where that fails, nothing is known to be wrong:
// what the nodes get is read again before they are built.
func (o Observer) ReadZones(ctx context.Context, w *World, builds bool, planned func(object string) (string, bool)) {
	site := w.Limits.Site
	if !builds || site.Datacenter == "" {
		return
	}
	zones, err := o.VCenter.Zones(ctx, site.Datacenter, site.ComputeClusters(), o.MaxAge)
	if err != nil {
		return
	}
	if planned != nil {
		if value, ok := planned(site.Datacenter); ok {
			zones.Region = model.ZoneTag{Value: value}
		}
		for cluster := range zones.Zones {
			if value, ok := planned(cluster); ok {
				zones.Zones[cluster] = model.ZoneTag{Value: value}
			}
		}
	}
	w.Limits.Zones = &zones
}
