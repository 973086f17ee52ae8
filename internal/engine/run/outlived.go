package run

import (
	"context"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// MayHaveOutlived reports whether the clone of an interrupted run may still be under
// way, unseen, and its address is about to be released, or, with leases, of which none is
// claimed, the record by which it would be found to be deleted.
func MayHaveOutlived(facts *model.Facts, todo *model.Plan) bool {
	for _, stage := range todo.Stages {
		for _, step := range stage.Steps {
			switch s := step.(type) {
			case model.ReleaseAddress:
				if !hasMachine(facts, s.Claim.Owner) {
					return true
				}
			case model.DeleteRecord:
				if len(plan.Unmade(s.Cluster, facts)) > 0 || plan.MayBuild(facts) {
					return true
				}
			}
		}
	}
	return false
}

func hasMachine(facts *model.Facts, node string) bool {
	return slices.ContainsFunc(facts.Machines, func(m model.Machine) bool { return m.Marker.Node == node && !facts.Former(m.Marker) })
}

// WaitClones waits until the clones that are under way, and that this process has not
// started, have ended.
func WaitClones(ctx context.Context, vc model.VCenter, timing model.Timing) error {
	clones, err := clonesUnderWay(ctx, vc, timing)
	if err != nil || len(clones) == 0 {
		return err
	}
	return newWatcher(vc, timing).ended(ctx, clones)
}

// ClonesUnderWay reports whether clones are under way that this process has not started.
func ClonesUnderWay(ctx context.Context, vc model.VCenter, timing model.Timing) (bool, error) {
	clones, err := clonesUnderWay(ctx, vc, timing)
	return len(clones) > 0, err
}

func clonesUnderWay(ctx context.Context, vc model.VCenter, timing model.Timing) (clones []string, err error) {
	err = retry(ctx, timing, func(ctx context.Context) error {
		clones, err = vc.Clones(ctx)
		return err
	})
	return clones, err
}
