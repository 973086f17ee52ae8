package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// powerOnNode powers a VM on and waits until its node is back. While the API does not
// answer, that it is on is all there is to wait for. A worker that does not come back is
// noted in the record, and the next plan replaces it.
func (r *Runner) powerOnNode(ctx context.Context, s model.PowerOnNode) error {
	m := s.Machine
	if s.First {
		return r.resumeFirst(ctx, m)
	}
	err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOn(ctx, m.Ref) })
	if err != nil {
		err = fmt.Errorf("power on %s: %w", m.Path, err)
	} else if r.World.Facts.API.Answered() {
		if err = r.waitBack(ctx, m); err == nil {
			return r.renewMetadata(ctx, m.Marker)
		}
	}
	switch {
	case err == nil || ctx.Err() != nil || m.Marker.ControlPlane():
		return err
	case model.Transient(err) || errors.Is(err, model.ErrPermission) || errors.Is(err, model.ErrGone):
		return err // that says nothing about the VM
	}
	if noted := r.record.unresponsive(ctx, m.Marker); noted != nil {
		return errors.Join(err, noted)
	}
	return fmt.Errorf("%w. The next apply replaces the node", err)
}

// renewMetadata sets the labels, annotations and taints of a node whose object was gone:
// kubelet has registered it without them.
func (r *Runner) renewMetadata(ctx context.Context, m model.Marker) error {
	pool, wanted := r.Spec.NodePool(m.NodePool)
	if _, known := r.World.Facts.API.Nodes[m.Node]; known || !wanted {
		return nil
	}
	return r.updateNodeMetadata(ctx, m.Node, pool.Meta)
}

// waitBack waits until a node that was powered on serves again.
func (r *Runner) waitBack(ctx context.Context, m model.Machine) error {
	name := m.Marker.Node
	err := poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.api.listNodes(ctx)
		if err != nil {
			return err
		}
		n, known := nodes[name]
		if why := r.notServing(n); why != "" || !known {
			return fmt.Errorf("the node is not Ready: %s", cmp.Or(why, "the API does not know it"))
		}
		return nil
	})
	if err == nil || ctx.Err() != nil {
		return err
	}
	state, failed := r.changes.watch.vm(ctx, m.Ref, false)
	if failed != nil {
		return errors.Join(err, failed)
	}
	switch {
	case !state.PoweredOn:
		return fmt.Errorf("its VM was powered on and is off again; see the VM's events in vCenter: %w", err)
	case !state.ToolsRunning:
		return fmt.Errorf("its VM was powered on, and the guest tools do not run; see the VM's console: %w", err)
	}
	return fmt.Errorf("its VM was powered on, and the node did not come back; see the VM's console and the kubelet's log: %w", err)
}
