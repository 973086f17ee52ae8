package run

import (
	"context"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// resetControlPlane begins a reset. What was applied to the cluster is gone with its
// control plane.
func (r *Runner) resetControlPlane(ctx context.Context) error {
	err := r.record.update(ctx, func(b *record.Cluster) {
		b.Reset = r.Spec.Reset
		b.APIReached = false
		b.CreationComplete = false
	})
	if err != nil {
		return err
	}
	r.packs.clear()
	return nil
}
