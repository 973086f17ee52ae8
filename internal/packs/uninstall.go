package packs

import (
	"context"
	"fmt"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/kube"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// uninstallTimeout bounds each hook of an uninstallation and the wait for its objects to go.
const uninstallTimeout = 5 * time.Minute

// Uninstall implements model.Releases.
func (r *releases) Uninstall(ctx context.Context, release model.Release, check func(context.Context) error) error {
	if err := r.operation(ctx, release.Namespace, release.Name, check).uninstall(); err != nil {
		return fmt.Errorf("uninstall the release %s/%s: %w", release.Namespace, release.Name, err)
	}
	return nil
}

func (o *operation) uninstall() error {
	cfg, err := o.helm()
	if err != nil {
		return err
	}
	// Helm takes a history that it cannot read for one that is not there.
	revisions, err := o.history(cfg)
	if err != nil || foreign(revisions) {
		return err // of the pack there is nothing, whatever another has made by its name
	}
	if err := o.ours(revisions); err != nil {
		return err
	}
	if err := o.spares(revisions[len(revisions)-1]); err != nil {
		return err
	}
	uninstall := action.NewUninstall(cfg)
	uninstall.WaitStrategy = kube.StatusWatcherStrategy
	uninstall.WaitOptions = o.waitOptions()
	uninstall.Timeout = uninstallTimeout
	uninstall.DeletionPropagation = "background"
	if _, err = uninstall.Run(o.name); err != nil {
		return o.done(o.reasons.behind(err))
	}
	return nil
}
