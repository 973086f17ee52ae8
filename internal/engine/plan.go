package engine

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// Plan observes and plans. It changes nothing.
//
// Remembered are the facts of the last refresh: the steps that follow from them are
// what an apply is expected to do, and where there are none, vCenter is not even
// asked. What speaks against them is observed now. Terraform plans a second time in
// the apply and takes a different result for a bug; for the same reason the steps of
// a creation follow from the spec alone.
func (e *Engine) Plan(ctx context.Context, spec model.ClusterSpec, secrets *model.Secrets, remembered *model.Facts) (*model.Plan, error) {
	var expected *model.Plan
	if remembered != nil && remembered.APIReached(spec.New) {
		expected = plan.Cluster(&spec, remembered)
		if expected.Empty() {
			return expected, nil
		}
	}

	w, err := e.observer(false).Spec(ctx, &spec, secrets)
	if err != nil {
		return nil, err
	}
	spec.ID = w.ID
	current := plan.Cluster(&spec, &w.Facts)
	plan.Check(&spec, &w.Facts, current, &w.Limits)

	switch {
	case len(current.Problems) > 0 || current.Unknown():
	case expected != nil:
		current.Stages = expected.Stages
	case spec.New:
		current.Stages = plan.Cluster(&spec, &model.Facts{}).Stages
		if w.Facts.Record.Found {
			current.Unfinished = w.Facts.Record.ID
		}
	}
	return current, nil
}

// PlanDestroy returns what Destroy would do. Of disks that snapshots hold now it warns:
// until the apply, the snapshots may be gone.
func (e *Engine) PlanDestroy(ctx context.Context, target model.Target) (*model.Plan, error) {
	w, err := e.observer(false).Dependants(ctx, target)
	if err != nil {
		return nil, err
	}
	todo := plan.Destroy(target, &w.Facts, &w.Limits)
	todo.Add(model.Findings{Warnings: plan.HeldDisks(&w.Facts, &w.Limits)})
	return todo, nil
}
