package run

import (
	"context"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// outcome notes in the record how a run ends whose creation is complete after it.
func (w *recordWriter) outcome(b *record.Cluster, degraded bool) {
	b.Degraded = degraded
	b.NeverRan = degraded && w.neverRan
	b.Deleting = false
	b.Proxy = w.proxy
}

// NoteDegraded corrects in the record whether the run has left undone what was asked of
// it, where that shows only at its end. It makes a call only where the record says
// otherwise.
func (r *Runner) NoteDegraded(ctx context.Context, degraded bool) error {
	if now := r.record.current(); !now.Finished() || now.Degraded == degraded {
		return nil
	}
	ctx, cancel := evenIfEnded(ctx)
	defer cancel()
	return r.record.update(ctx, func(b *record.Cluster) { r.record.outcome(b, degraded) })
}

// NoteDeleting notes in the record that a destruction ends half way.
func (r *Runner) NoteDeleting(ctx context.Context) error {
	if !r.record.current().Found {
		return nil
	}
	ctx, cancel := evenIfEnded(ctx)
	defer cancel()
	return r.record.update(ctx, func(b *record.Cluster) { b.Deleting = true })
}

// evenIfEnded is the context, or a short one of its own where it has ended: how a run has
// ended is noted also where it was cancelled.
func evenIfEnded(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx.Err() == nil {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
}
