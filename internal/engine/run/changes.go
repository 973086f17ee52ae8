package run

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// changes is the one way in which a run changes anything: with transient faults
// retried, and under the lock, which is checked right before each change, after all
// waiting. Of vCenter and of the cluster's API a run has only the guarded ports, which
// check by themselves; a change of the ledger is a call.
type changes struct {
	lease  *ledger.Lease
	timing model.Timing
	slots  *slots
	watch  *watcher
}

// check returns an error where the lock is not held any more. It makes no call while
// the last heartbeat is fresh.
func (c *changes) check(ctx context.Context) error { return c.lease.Check(ctx) }

// checkPatiently is for changes that are not retried: where the lock cannot be proven
// now, as while vCenter starts again, they wait.
func (c *changes) checkPatiently(ctx context.Context) error {
	return retry(ctx, c.timing, c.check)
}

// task starts a vCenter task and waits for it.
func (c *changes) task(ctx context.Context, start func(context.Context) (string, error)) error {
	_, err := c.taskOn(ctx, nil, start, &model.TaskState{})
	return err
}

// taskOn is task for one whose effect shows on VMs: it returns what was read of them
// together with the task's end. An empty reference is a change that there was no need
// for.
func (c *changes) taskOn(
	ctx context.Context, vms []string, start func(context.Context) (string, error), state *model.TaskState,
) (seen *model.PollResult, err error) {
	if err := c.slots.take(ctx, urgent); err != nil {
		return nil, err
	}
	defer c.slots.give()
	return c.taskInSlot(ctx, vms, start, state)
}

// taskInSlot is taskOn for one that has a slot.
func (c *changes) taskInSlot(
	ctx context.Context, vms []string, start func(context.Context) (string, error), state *model.TaskState,
) (seen *model.PollResult, err error) {
	err = retry(ctx, c.timing, func(ctx context.Context) error {
		ref, err := start(ctx)
		if err != nil || ref == "" {
			return err
		}
		seen, err = c.watch.task(ctx, ref, vms)
		if err == nil {
			*state = seen.Tasks[ref]
		}
		return err
	})
	return seen, err
}

// call does a change that is one call, or a few that can be made again.
func (c *changes) call(ctx context.Context, call func(context.Context) error) error {
	return retry(ctx, c.timing, func(ctx context.Context) error {
		if err := c.check(ctx); err != nil {
			return err
		}
		return call(ctx)
	})
}
