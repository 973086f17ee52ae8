package run

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// takeOverIncomplete makes an incomplete creation this one's: first the record and then
// the VMs, so that what deletes the other one finds nothing of its own, whenever this
// run is killed. Nothing of it is used or deleted before. Of one that was killed in
// between, the rest is done.
func (r *Runner) takeOverIncomplete(ctx context.Context) error {
	mine := r.Spec.Incarnation
	if err := r.record.update(ctx, func(b *record.Cluster) { b.Incarnation = mine }); err != nil {
		return err
	}
	var steps []func() error
	for _, m := range r.World.Facts.VMs() {
		if m.Marker.Incarnation == mine {
			continue
		}
		steps = append(steps, func() error {
			err := r.changes.task(ctx, func(ctx context.Context) (string, error) {
				return r.VCenter.SetIncarnation(ctx, m.Ref, mine)
			})
			if errors.Is(err, model.ErrGone) {
				return nil
			}
			return err
		})
	}
	return errors.Join(inParallel(steps)...)
}

// resumeRecord adapts the record of an incomplete creation to this one: it may be in
// another datacenter, and of another account. Folders that the other one made elsewhere
// are given up.
func (r *Runner) resumeRecord(ctx context.Context) error {
	if err := r.takeOverIncomplete(ctx); err != nil {
		return err
	}
	before := r.record.current()
	datacenter := r.World.Limits.Site.Datacenter
	if err := r.record.addTo(ctx, r.Parents); err != nil {
		return err
	}
	moved := before.Datacenter != datacenter
	for _, folder := range slices.Backward(before.Folders) {
		if !moved {
			break
		}
		if _, err := r.leaveFolder(ctx, model.DeleteFolder{Datacenter: before.Datacenter, Folder: folder}, true); err != nil {
			return err
		}
	}
	gone := slices.DeleteFunc(slices.Clone(before.Parents), func(id uuid.UUID) bool { return slices.Contains(r.Parents, id) })
	if err := r.record.removeFrom(ctx, gone); err != nil {
		return err
	}
	err := r.record.update(ctx, func(b *record.Cluster) {
		b.Datacenter = datacenter
		b.Folder = r.Spec.Folder
		// The run before may have been killed between the answer and its note.
		b.APIReached = b.APIReached || !r.Spec.New && r.World.Facts.API.Answered()
		switch {
		case r.Spec.New:
			b.Reset = r.Spec.Reset
			b.Members = nil
			b.Former = nil
		case plan.TakenBack(r.Spec, &r.World.Facts):
			*b = plan.TakeBack(*b, &r.World.Facts)
		case b.APIReached:
			b.Former = nil
		}
		b.Parents = r.Parents
		if moved {
			b.Folders = nil
		}
	})
	if err != nil || maps.Equal(before.Former, r.record.current().Former) {
		return err
	}
	return r.backends.tell(ctx, false)
}
