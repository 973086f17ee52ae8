package engine

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Plan observes and plans what a state holds. It changes nothing.
//
// Remembered are the facts of the last refresh: the steps that follow from them are
// what an apply is expected to do, and where there are none, vCenter is not even
// asked, unless objects may have been renamed. What speaks against them is observed now.
// Terraform plans a second time in the apply and takes a different result for a bug.
func (e *Engine) Plan(ctx context.Context, spec model.ClusterSpec, secrets *model.Secrets, remembered *model.Facts) (*model.Plan, error) {
	spec.SetBuiltWith(secrets)
	e.resolveCharts(ctx, &spec)
	var expected *model.Plan
	if remembered != nil && remembered.APIReached(false) {
		expected = plan.Cluster(&spec, remembered)
		expected.Add(plan.Certificates(remembered, e.now()))
		if expected.Empty() && !plan.NamesDiffer(&spec, remembered) {
			return expected, nil
		}
	}

	w, err := e.planner().Spec(ctx, &spec, secrets)
	if err != nil {
		return nil, err
	}
	spec = spec.Resolved(w.Limits.Site).WithVMTags(w.Limits.VMTags.Found)
	if expected != nil {
		if expected = plan.Cluster(&spec, remembered); expected.Empty() {
			expected.Add(plan.Certificates(remembered, e.now()))
			return expected, nil
		}
	}
	// Without a refresh, nothing is due: in the apply, more might be.
	var due []model.Change
	if expected != nil {
		due = expected.Changes()
	}
	spec.ShownRepairs(due)
	if expected == nil {
		spec.Spreads = nil // no time makes a change of rules due
		spec.Placed = nil
	}
	current := plan.Cluster(&spec, &w.Facts)
	if plan.LeavesEtcd(current) {
		w.ReadEtcd(ctx)
	}
	e.readForSteps(ctx, &spec, w, current)
	e.judge(&spec, w, current)
	current.Add(plan.Certificates(&w.Facts, e.now()))
	if expected != nil && len(current.Problems) == 0 {
		current.Stages = expected.Stages
	}
	plan.WithoutSpreading(current, &w.Limits)
	current.RenewsAuthorities = renewsAuthorities(&spec, &w.Facts, current)
	return current, nil
}

// Former is what a creation may replace.
type Former struct {
	// ID is of the object whose place the creation takes; uuid.Nil where that is not
	// known, as where the object is tainted and always in an apply.
	ID uuid.UUID
	// Seen reports whether a state of this run holds the id.
	Seen func(uuid.UUID) bool
	// Planning reports whether this is known to be no apply, in which Terraform plans
	// once more: what is in the way is an error only then.
	Planning func() bool
	// Applying reports whether this is known to be an apply. Nothing is an error then: the
	// creation itself refuses what is in its way.
	Applying func() bool
}

// PlanCreation plans what no state holds, and changes nothing. Its steps follow from
// the spec alone: when Terraform plans once more in the apply, they are the same.
//
// What the creation replaces counts as gone. In an apply, Terraform does not say what
// that is, and an error of that plan would leave it with a deposed object where it
// creates before it destroys. There, what may be in the way as the former self, by its
// name or its addresses, is a Collision or a warning, and Apply refuses it.
func (e *Engine) PlanCreation(ctx context.Context, spec model.ClusterSpec, former Former) (*model.Plan, error) {
	o := e.planner()
	rec, err := o.Record(ctx, spec.Ref)
	if err != nil {
		return nil, err
	}
	gateway, err := e.planThrough(ctx, &spec)
	if err != nil {
		return nil, err
	}
	e.resolveCharts(ctx, &spec)
	creation := &model.Plan{Stages: plan.Cluster(&spec, &model.Facts{}).Stages}
	if former.ID == uuid.Nil && rec.Finished() && former.Seen(rec.ID) {
		former.ID = rec.ID // tainted
	}
	if rec.Finished() && rec.ID != former.ID {
		creation.Collision = rec.ID
		return creation, nil
	}

	var w *observe.World
	if former.ID != uuid.Nil {
		w, err = o.Successor(ctx, &spec, []uuid.UUID{former.ID})
	} else {
		w, err = o.Recorded(ctx, &spec, rec, nil)
	}
	if err != nil {
		return nil, err
	}
	if spec.ID == uuid.Nil {
		spec.ID = w.ID
	}
	spec = spec.Resolved(w.Limits.Site).WithVMTags(w.Limits.VMTags.Found)
	current := plan.Cluster(&spec, &w.Facts)
	e.readForSteps(ctx, &spec, w, current)
	e.judge(&spec, w, current)
	current.Add(gateway)
	switch {
	case former.Applying():
		current.WarnOfAll()
	case !former.Planning():
		current.WarnOfContested()
	}
	if len(current.Problems) == 0 {
		current.Stages = creation.Stages
	}
	if w.Facts.Record.Found {
		current.Unfinished = w.Facts.Record.ID
	}
	return current, e.addObstacles(ctx, current, spec.Target(), rec, former)
}

// addObstacles adds what keeps the former self of a creation from being deleted, where
// it has the same name.
func (e *Engine) addObstacles(ctx context.Context, p *model.Plan, target model.Target, rec model.Record, former Former) error {
	if !rec.Found || rec.ID != former.ID {
		return nil
	}
	target.ID = rec.ID
	target.Incarnation = rec.Incarnation
	destruction, err := e.PlanDestroy(ctx, target, nil)
	if err != nil {
		return err
	}
	for _, problem := range destruction.Problems {
		if target.Kind == record.KindGateway {
			problem.Detail += " To build the gateway anew under what it has, do not replace it: set reset_trigger to another value."
		}
		p.Problems = append(p.Problems, problem)
	}
	return nil
}

// CheckPodNetwork refuses a pod network out of which not every node of a new cluster gets
// a range for its pods. It needs of a spec the pod network, and of its node pools the
// counts alone; a pool that is not known yet has no nodes.
func CheckPodNetwork(spec *model.ClusterSpec) []model.Finding { return plan.PodNetwork(spec).Problems }

// PlanDestroy returns what Destroy would do. What depends on the target and leaving
// reports to be deleted before it, by the id of its record, is no obstacle; leaving may
// be nil. Of disks that snapshots hold now it warns: until the apply, the snapshots may
// be gone.
func (e *Engine) PlanDestroy(ctx context.Context, target model.Target, leaving func(uuid.UUID) bool) (*model.Plan, error) {
	w, err := e.observer(false).Dependants(ctx, target)
	if err != nil {
		return nil, err
	}
	w.Limits.Children = slices.DeleteFunc(w.Limits.Children, func(child record.Ref) bool {
		return leaving != nil && leaving(e.Ledger.ID(child))
	})
	todo := plan.Destroy(target, &w.Facts, &w.Limits)
	todo.Add(model.Findings{Warnings: plan.HeldDisks(&w.Facts, &w.Limits)})
	return todo, nil
}
