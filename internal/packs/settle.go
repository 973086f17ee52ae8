package packs

import (
	"fmt"
	"slices"

	"helm.sh/helm/v4/pkg/release/common"
	releasev1 "helm.sh/helm/v4/pkg/release/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// settle brings a release that a dead run has left in the middle of something to where
// Helm goes on, and returns its revisions; none where there is no release.
func (o *operation) settle(chart model.Chart) ([]*releasev1.Release, error) {
	revisions, err := o.revisions()
	if err != nil || len(revisions) == 0 {
		return nil, err
	}
	if err := o.ours(revisions); err != nil {
		return nil, err
	}
	status := revisions[len(revisions)-1].Info.Status
	switch {
	case status.IsPending():
		if err := o.endPending(); err != nil {
			return nil, err
		}
		// What cannot be rolled back is upgraded over: its last revision counts as failed.
		if good := lastGood(revisions); good != nil {
			if err := o.rollback(good, chart); err != nil && o.stopped() {
				return nil, fmt.Errorf("roll back the release %s/%s, which a run has left %s: %w", o.namespace, o.name, status, err)
			}
		}
	case status == common.StatusUninstalling, status == common.StatusUninstalled:
		if err := o.uninstall(); err != nil {
			return nil, fmt.Errorf("uninstall the release %s/%s, which a run has left %s: %w", o.namespace, o.name, status, err)
		}
	}
	return o.revisions()
}

// stopped reports whether the operation may not go on.
func (o *operation) stopped() bool { return o.ctx.Err() != nil || o.gate.refusal() != nil }

// endPending marks a last revision that is pending as failed: Helm goes on from there.
func (o *operation) endPending() error {
	cfg, err := o.helm()
	if err != nil {
		return err
	}
	revisions, err := o.history(cfg)
	if err != nil || len(revisions) == 0 {
		return err
	}
	last := revisions[len(revisions)-1]
	if !last.Info.Status.IsPending() {
		return nil
	}
	last.SetStatus(common.StatusFailed, "It did not come to its end")
	if err := cfg.Releases.Update(last); err != nil {
		return o.done(fmt.Errorf("mark revision %d of the release %s/%s as failed: %w", last.Version, o.namespace, o.name, err))
	}
	return nil
}

// lastGood is the revision that a release can be rolled back to; nil where there is none.
func lastGood(revisions []*releasev1.Release) *releasev1.Release {
	for _, status := range []common.Status{common.StatusDeployed, common.StatusSuperseded} {
		for _, r := range slices.Backward(revisions) {
			if r.Info.Status == status {
				return r
			}
		}
	}
	return nil
}
