package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// errLost is a task whose end is not known any more. Doing the step again finds
// what it did.
var errLost error = lostError{}

type lostError struct{}

func (lostError) Error() string   { return "the task's outcome is unknown" }
func (lostError) Transient() bool { return true }

// Retry is retry, for what comes before and after a run.
func Retry(ctx context.Context, t model.Timing, call func(context.Context) error) error {
	return retry(ctx, t, call)
}

// retry calls until the call works, fails for good, or the budget of transient
// faults is used up.
func retry(ctx context.Context, t model.Timing, call func(context.Context) error) error {
	pause := t.Backoff
	start := time.Now()
	for {
		err := call(ctx)
		if err == nil || !model.Transient(err) || ctx.Err() != nil {
			return err
		}
		if time.Since(start)+pause > t.RetryBudget {
			return fmt.Errorf("it failed for %s: %w", t.RetryBudget, err)
		}
		Waiting(ctx, "another attempt after: "+err.Error())
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(pause*2, t.MaxTick)
	}
}

// Pause is sleep, for what is between two runs.
func Pause(ctx context.Context, d time.Duration) error { return sleep(ctx, d) }

// sleep waits, and returns an error where ctx ends before.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}

// poll calls until the result is nil or the time is up, and then returns the last
// error that was not cut off by that. It is for the cluster's API, never for
// vCenter.
func poll(ctx context.Context, t model.Timing, limit time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	pause := t.Tick
	var last error
	for {
		err := call(ctx)
		if err == nil {
			return nil
		}
		if last == nil || ctx.Err() == nil || !errors.Is(err, context.DeadlineExceeded) {
			last = err
			Waiting(ctx, "the cluster: "+err.Error())
		}
		select {
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
				return fmt.Errorf("not within %s: %w", limit, last)
			}
			return context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(pause*5/4, t.MaxTick)
	}
}

// once makes a read that many steps share happen once. A failure is not kept.
func once[T any](read func(context.Context) (T, error)) func(context.Context) (T, error) {
	turn := make(chan struct{}, 1)
	var have bool
	var value T
	return func(ctx context.Context) (T, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		}
		if have {
			return value, nil
		}
		v, err := read(ctx)
		if err == nil {
			value = v
			have = true
		}
		return v, err
	}
}
