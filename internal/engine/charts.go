package engine

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// maxResolved bounds how many charts are looked for at once: an index of a repository may take
// hundreds of megabytes while it is read.
const maxResolved = 4

// resolveCharts finds the charts of a spec's packs, side by side. What is wrong with one is
// left for the plan to judge: where the pack is as the cluster has it, nothing is.
func (e *Engine) resolveCharts(ctx context.Context, spec *model.ClusterSpec) {
	spec.Packs = slices.Clone(spec.Packs) // it is the caller's
	var all errgroup.Group
	all.SetLimit(maxResolved)
	for i, pack := range spec.Packs {
		if pack.Chart == nil {
			continue
		}
		chart := *pack.Chart
		spec.Packs[i].Chart = &chart
		if e.Charts == nil {
			chart.Resolved.Problem = "This engine installs no charts."
			continue
		}
		all.Go(func() error {
			chart.Resolved = e.Charts.Resolve(ctx, chart, spec.KubernetesVersion)
			return nil
		})
	}
	_ = all.Wait()
}
