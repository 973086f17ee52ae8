package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// updateDescription shows the description and the tags in the notes of the VMs, and
// then in the record: as long as that says something else, the next plan has this
// step again.
func (r *Runner) updateDescription(ctx context.Context, s model.UpdateDescription) error {
	paragraph := plan.Notes(r.Spec)
	var writes []func() error
	for _, vm := range s.VMs {
		existing := r.World.Limits.Notes[vm]
		notes := plan.MergeNotes(existing, paragraph)
		if notes == existing {
			continue
		}
		writes = append(writes, func() error {
			err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.SetNotes(ctx, vm, notes) })
			if err != nil && !errors.Is(err, model.ErrGone) {
				return fmt.Errorf("write the notes of a VM: %w", err)
			}
			return nil
		})
	}
	if err := errors.Join(inParallel(writes)...); err != nil {
		return err
	}
	return r.record.update(ctx, func(b *record.Cluster) {
		b.Description = r.Spec.Description
		b.Tags = r.Spec.Tags
	})
}
