package engine

import (
	"context"
	"errors"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// Destroy deletes what the target identifies and everything that Gantry made for
// it. What is gone already is success; what cannot be deleted, or merely is not seen, is
// left, and an error says what that is.
func (e *Engine) Destroy(ctx context.Context, target model.Target) error {
	ctx, progress, ended := e.begin(ctx, model.RunDestroy, target.Ref)
	err := e.destroy(ctx, target, progress)
	ended(err)
	return err
}

func (e *Engine) destroy(ctx context.Context, target model.Target, progress *run.Progress) error {
	ctx, lease, err := e.lockToDelete(ctx, target)
	if err != nil {
		return err
	}
	w, todo, err := e.settled(ctx, e.Reader, func(ctx context.Context) (*observe.World, *model.Plan, error) {
		w, err := e.observer(true).Dependants(ctx, target)
		if err != nil {
			return nil, nil, err
		}
		return w, plan.Destroy(target, &w.Facts, &w.Limits), nil
	})
	if err != nil {
		return release(ctx, lease, err)
	}
	todo.Add(model.Findings{Problems: plan.HeldDisks(&w.Facts, &w.Limits)})
	if err := todo.Err(); err != nil {
		return release(ctx, lease, err)
	}
	left := plan.Left(target, &w.Facts)
	r := e.destroyer(w, lease, target, progress)
	err = r.Execute(ctx, todo)
	switch {
	case err != nil:
		err = e.withLeft(ctx, target, err)
	case left != "":
		err = errors.New(left)
	}
	if err != nil && plan.Registered(target, &w.Facts) {
		_ = r.NoteDeleting(ctx) // for others to read; the next run looks for itself
	}
	return release(ctx, lease, err)
}

// destroyer makes the runner of a destruction.
func (e *Engine) destroyer(w *observe.World, lease *ledger.Lease, target model.Target, progress *run.Progress) *run.Runner {
	spec := &model.ClusterSpec{Ref: target.Ref, ID: target.ID, NameTemplate: target.NameTemplate}
	return e.runner(e.Reader, w, lease, run.Config{Spec: spec, Progress: progress})
}

// withLeft adds to the error of a destruction what it has left, if that can be read.
func (e *Engine) withLeft(ctx context.Context, target model.Target, failed error) error {
	if ctx.Err() != nil {
		return failed
	}
	w, err := e.observer(true).Dependants(ctx, target)
	if err != nil {
		return failed
	}
	if left := plan.LeftBehind(target, &w.Facts); left != "" {
		return errors.Join(failed, errors.New(left))
	}
	return failed
}
