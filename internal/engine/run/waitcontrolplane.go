package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// waitControlPlane waits until what the control-plane nodes run that this run has started
// is well, as the status says it at the end: static pods are Ready only some seconds after
// their node has joined. Whatever else is ill was so before, and is no reason to wait.
func (r *Runner) waitControlPlane(ctx context.Context) error {
	if len(r.starts) == 0 {
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.nodesToServe(ctx)
		if err != nil {
			return err
		}
		found, err := api.ControlPlane(ctx)
		if err != nil {
			return err
		}
		there := slices.DeleteFunc(slices.Sorted(maps.Keys(nodes)), func(name string) bool { return !slices.Contains(r.starts, name) })
		var errs []error
		if unready := plan.UnreadyPods(there, found.Pods); len(unready) > 0 {
			errs = append(errs, fmt.Errorf("static pods of the control plane are not Ready: %s", model.Listed(unready)))
		}
		// That etcd cannot be asked is no illness: what needs its members has asked them.
		if unwell := plan.UnwellMembers(found.Etcd.Members, there); found.Etcd.Asked && found.Etcd.Error == nil && len(unwell) > 0 {
			errs = append(errs, fmt.Errorf("members of etcd are not healthy: %s", model.Listed(unwell)))
		}
		return errors.Join(errs...)
	})
}
