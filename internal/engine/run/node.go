package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// wipeUserdata removes the bootstrap data from a VM and checks that it is gone.
func (r *Runner) wipeUserdata(ctx context.Context, vm, name string) error {
	err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.WipeUserdata(ctx, vm) })
	if errors.Is(err, model.ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the bootstrap data of %s from its VM: %w", name, err)
	}
	state, err := r.changes.watch.vm(ctx, vm, false)
	if err != nil && !errors.Is(err, model.ErrGone) {
		return err
	}
	if state.Userdata {
		return fmt.Errorf("the bootstrap data of %s is still in its VM after it was removed; "+
			"remove guestinfo.userdata from the VM's advanced parameters", name)
	}
	return nil
}

// updateNodeMetadata sets the labels, annotations and taints of a node.
func (r *Runner) updateNodeMetadata(ctx context.Context, name string, meta model.NodeMeta) error {
	if meta.Empty() && r.World.Facts.API.Nodes[name].Managed.Empty() {
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return api.SetNodeMeta(ctx, name, meta)
}

// uncordonNode undoes the drain of a node that stays after all, or is back.
func (r *Runner) uncordonNode(ctx context.Context, s model.UncordonNode) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return api.Uncordon(ctx, s.Node)
}
