package run

import (
	"context"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// resetControlPlane begins a reset. What was applied to the cluster is gone with its
// control plane. How large that was is told here alone: its addresses are released, and
// the spec may ask for more nodes by now.
func (r *Runner) resetControlPlane(ctx context.Context) error {
	err := r.record.update(ctx, func(b *record.Cluster) {
		if facts := &r.World.Facts; r.Spec.Restore != nil && facts.Record.APIReached {
			b.FormerMembers = plan.Voters(r.Spec, facts)
		}
		b.Reset = r.Spec.Reset
		b.Former = plan.Candidates(b)
		b.Members = nil // its first node begins another control plane
		b.Reconnect = r.Spec.Restore != nil && slices.ContainsFunc(r.World.Facts.Machines, func(m model.Machine) bool {
			return !m.Marker.ControlPlane()
		})
		b.APIReached = false // and its creation stays complete: no other run takes it over
	})
	if err != nil {
		return err
	}
	r.packs.clear()
	return nil
}
