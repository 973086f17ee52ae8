package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/observe"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// ForceDestroy is Destroy for a target whose VMs may not be deletable. It tries again
// until nothing is left. Where nothing has become less for as long as after, by
// vCenter's clock, it leaves the VMs, with the addresses that they may use, and what
// else cannot be deleted, deletes the rest, and returns what it has left. A gateway's record and inline IP
// pool stay with its VMs. The last progress is in the record: another run
// goes on counting, and tries once more before it leaves anything. A run that is
// cancelled, and one to which vCenter does not answer, leaves nothing.
func (e *Engine) ForceDestroy(ctx context.Context, target model.Target, after time.Duration) (left string, err error) {
	ctx, progress, ended := e.begin(ctx, model.RunDestroy, target.Ref)
	defer func() { ended(err) }()
	ctx, lease, err := e.lockToDelete(ctx, target)
	if err != nil {
		return "", err
	}
	f := &forced{Engine: e, target: target, lease: lease, after: after, events: progress}
	left, err = f.destroy(ctx)
	if err != nil {
		err = e.withLeft(ctx, target, err)
	}
	return left, release(ctx, lease, err)
}

// forced is a destruction that may be forced.
type forced struct {
	*Engine
	target model.Target
	lease  *ledger.Lease
	after  time.Duration
	events *run.Progress
	// progress is the record's, also where there is no record.
	progress record.Deletion
}

func (f *forced) destroy(ctx context.Context) (left string, err error) {
	var failed error
	for {
		w, todo, err := f.look(ctx)
		if err != nil {
			return "", err
		}
		r := f.destroyer(w, f.lease, f.target, f.events)
		stuck, err := f.stuckFor(ctx, r, w)
		if err != nil {
			return "", err
		}
		if failed != nil && stuck >= f.after && !model.Unanswered(failed) {
			todo, left := plan.Force(f.target, &w.Facts, reasons(failed))
			err := r.Execute(ctx, todo)
			return withRemnants(f.target, left, r.Remnants()), err
		}
		failed = r.Execute(ctx, todo)
		if failed == nil {
			if unseen := plan.Left(f.target, &w.Facts); unseen != "" {
				failed = errors.New(unseen)
			}
		}
		if failed == nil || ctx.Err() != nil {
			return "", failed
		}
		run.Waiting(ctx, fmt.Sprintf("something to become less, for %s so far, until it is forced after %s", stuck.Round(time.Second), f.after))
		if err := run.Pause(ctx, f.Timing.StuckPause); err != nil {
			return "", fmt.Errorf("nothing could be deleted for %s, and it is forced after %s: %w", stuck.Round(time.Second), f.after, failed)
		}
	}
}

// withRemnants adds what is left beside VMs to the words about these.
func withRemnants(target model.Target, left string, remnants []string) string {
	switch {
	case len(remnants) == 0:
		return left
	case left == "":
		return fmt.Sprintf("Left of %s %q: %s. Have it deleted in vCenter.", target.Kind, target.Name, model.Listed(remnants))
	default:
		return fmt.Sprintf("%s Left, too: %s.", left, model.Listed(remnants))
	}
}

// look observes and plans. Nothing is waited for that may never end.
func (f *forced) look(ctx context.Context) (w *observe.World, todo *model.Plan, err error) {
	err = run.Retry(ctx, f.Timing, func(ctx context.Context) error {
		w, err = f.observer(true).Dependants(ctx, f.target)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	w.Facts = *plan.Unproven(f.target, &w.Facts, false)
	todo = plan.Destroy(f.target, &w.Facts, &w.Limits)
	if run.MayHaveOutlived(&w.Facts, todo) {
		cloning, err := run.ClonesUnderWay(ctx, f.Reader, f.Timing)
		if err != nil {
			return nil, nil, err
		}
		w.Facts = *plan.Unproven(f.target, &w.Facts, cloning)
		todo = plan.Destroy(f.target, &w.Facts, &w.Limits)
	}
	return w, todo, todo.Err()
}

// stuckFor is how long nothing has become less, by vCenter's clock.
func (f *forced) stuckFor(ctx context.Context, r *run.Runner, w *observe.World) (time.Duration, error) {
	var now time.Time
	err := run.Retry(ctx, f.Timing, func(ctx context.Context) (err error) {
		now, err = f.Ledger.Now(ctx)
		return err
	})
	if err != nil {
		return 0, err
	}
	registered := plan.Registered(f.target, &w.Facts)
	if registered {
		f.progress = w.Facts.Record.Deletion
	}
	if left := plan.Remaining(f.target, &w.Facts); f.progress.Progress == 0 || left != f.progress.Left {
		f.progress = record.Deletion{Progress: now.Unix(), Left: left}
		if !registered {
			return 0, nil
		}
		if err := r.NoteDeletion(ctx, f.progress); err != nil {
			return 0, err
		}
	}
	return now.Sub(time.Unix(f.progress.Progress, 0)), nil
}

// reasons are why nodes could not be deleted, by node.
func reasons(failed error) map[string]string {
	why := map[string]string{}
	var walk func(error)
	walk = func(err error) {
		if step, ok := err.(*run.StepError); ok { //nolint:errorlint // the tree is walked here
			why[step.Step.Target] = step.Err.Error()
			return
		}
		if joined, ok := err.(interface{ Unwrap() []error }); ok {
			for _, e := range joined.Unwrap() {
				walk(e)
			}
		}
	}
	walk(failed)
	return why
}
