package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// deleteNode deletes one node. Before its VM is destroyed, every disk that Gantry
// did not make is detached and its file kept; only after the VM is proven gone is
// its address released.
func (r *Runner) deleteNode(ctx context.Context, s model.DeleteNode) error {
	var err error
	if s.Machine, err = r.made.find(s.Machine); err != nil {
		return err
	}
	name := s.Machine.Marker.Node
	// Before anything is touched: a node that cannot be deleted keeps its pods.
	if _, err := r.disksOf(ctx, s.Machine); err != nil && !errors.Is(err, model.ErrGone) {
		return err
	}
	if s.Rollout != nil {
		if err := r.waitMinReady(ctx, s); err != nil {
			return err
		}
	}
	if err := r.backends.remove(ctx, name); err != nil {
		return err
	}
	if err := r.takeOut(ctx, s); err != nil {
		return err
	}
	if err := r.destroyVM(ctx, s.Machine); err != nil && !errors.Is(err, model.ErrGone) {
		return err
	}
	if err := r.changes.watch.gone(ctx, s.Machine.Ref); err != nil {
		return fmt.Errorf("wait until the VM is gone: %w", err)
	}
	r.rules.gone(s.Machine)
	if s.LeavesEtcd && s.Rollout == nil {
		// It may have been joining until its power went.
		if err := r.leaveUnserving(ctx, name); err != nil {
			return err
		}
	}
	if !s.KeepAddress {
		// Before the node object: as long as that is there, whose the address is can be seen.
		if err := r.releaseAddress(ctx, name, s.Machine.Path); err != nil {
			return err
		}
	}
	if s.Drain || s.LeavesEtcd {
		return r.deleteNodeObject(ctx, name)
	}
	return nil
}

// releaseAddress gives up the address of a node whose VM is gone.
func (r *Runner) releaseAddress(ctx context.Context, node, vm string) error {
	if r.Spec.DHCP() {
		return r.backends.forget(ctx, node)
	}
	return r.addresses.releaseNode(ctx, node, r.rebuiltOn(node), vm)
}

// rebuiltOn is the IP pool that a node is going to be built again on by this run; uuid.Nil:
// it is not.
func (r *Runner) rebuiltOn(node string) uuid.UUID {
	if r.made.has(node) {
		return uuid.Nil
	}
	return r.rebuilds[node]
}

// takeOut makes a cluster go on without a node whose VM is about to be destroyed. Pods of a
// control-plane node are evicted before it leaves etcd: after that, its kubelet is cut off
// from the API server beside it.
func (r *Runner) takeOut(ctx context.Context, s model.DeleteNode) error {
	name := s.Machine.Marker.Node
	switch {
	case !s.LeavesEtcd && !s.Drain:
		return nil
	case !s.LeavesEtcd:
		return r.drain(ctx, name, s)
	}
	goes := ""
	if s.Rollout == nil {
		goes = name
	}
	if err := r.holdRenewals(ctx, goes); err != nil {
		return err
	}
	switch {
	case s.Rollout == nil && s.Drain:
		return r.takeOutUnready(ctx, s)
	case s.Rollout == nil:
		return r.leaveUnserving(ctx, name)
	}
	if err := r.prepareDrain(ctx, name); err != nil {
		return err
	}
	if err := r.drain(ctx, name, s); err != nil {
		return err
	}
	if err := r.handOverVIP(ctx, name); err != nil {
		return err
	}
	return r.leaveEtcd(ctx, name)
}

// removeLostNode cleans up after a node whose VM is gone.
func (r *Runner) removeLostNode(ctx context.Context, s model.RemoveLostNode) error {
	if err := r.backends.remove(ctx, s.Node); err != nil {
		return err
	}
	if s.LeavesEtcd {
		if err := r.holdRenewals(ctx, s.Node); err != nil {
			return err
		}
		if err := r.leaveUnserving(ctx, s.Node); err != nil {
			return err
		}
	}
	if err := r.releaseAddress(ctx, s.Node, ""); err != nil {
		return err
	}
	return r.deleteNodeObject(ctx, s.Node)
}

// drain evicts the pods of a node that the API knows. A node that never joined has
// none.
func (r *Runner) drain(ctx context.Context, name string, s model.DeleteNode) error {
	return r.drainBy(ctx, name, s.DrainTimeout, func(api model.API, ctx context.Context, name string, timeout time.Duration) error {
		return api.Drain(ctx, name, s.Machine.Ref, timeout)
	})
}

// drainBy is drain, for a node that is deleted or one that is restarted.
func (r *Runner) drainBy(
	ctx context.Context, name string, timeout time.Duration, drain func(model.API, context.Context, string, time.Duration) error,
) error {
	nodes, err := r.api.listNodes(ctx)
	if err != nil {
		return fmt.Errorf("the node's pods cannot be evicted while the API does not answer: %w", err)
	}
	if _, ok := nodes[name]; !ok {
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	if timeout == 0 {
		timeout = model.DefaultDrainTimeout
	}
	if err := drain(api, ctx, name, timeout); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

// destroyVM powers a VM off and destroys it. Each attempt reads anew what is
// attached, right before it destroys: a disk that was attached in between is not
// lost.
func (r *Runner) destroyVM(ctx context.Context, m model.Machine) error {
	if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOff(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("power off %s: %w", m.Path, err)
	}
	err := r.changes.task(ctx, func(ctx context.Context) (string, error) {
		if err := r.detachForeign(ctx, m); err != nil {
			return "", err
		}
		return r.VCenter.Destroy(ctx, m.Ref)
	})
	if err != nil {
		return fmt.Errorf("destroy %s: %w", m.Path, err)
	}
	return nil
}

// detachForeign detaches every disk that Gantry did not make, and reads again until
// there is none. It runs inside a task's slot.
func (r *Runner) detachForeign(ctx context.Context, m model.Machine) error {
	for {
		disks, err := r.disksOf(ctx, m)
		if err != nil {
			return err
		}
		var foreign []int32
		for _, d := range disks {
			if !d.Owned {
				foreign = append(foreign, d.Key)
			}
		}
		if len(foreign) == 0 {
			return nil
		}
		ref, err := r.VCenter.DetachDisks(ctx, m.Ref, foreign)
		if err == nil {
			_, err = r.changes.watch.task(ctx, ref, nil)
		}
		if err != nil {
			return fmt.Errorf("detach the disks of %s that Gantry did not make: %w", m.Path, err)
		}
	}
}

// disksOf reads what is attached to a VM. It is an error where that is not known, and
// where disks would be destroyed with the VM although they were detached.
func (r *Runner) disksOf(ctx context.Context, m model.Machine) ([]model.Disk, error) {
	state, err := r.changes.watch.vm(ctx, m.Ref, true)
	switch {
	case err != nil:
		return nil, err
	case !state.DisksRead:
		return nil, fmt.Errorf("the disks of %s cannot be read, and a VM whose disks are not known is not destroyed", m.Path)
	case len(state.HeldDisks) > 0:
		return nil, &model.HeldDisksError{VM: m.Path, Disks: state.HeldDisks}
	}
	return state.Disks, nil
}

func (r *Runner) deleteNodeObject(ctx context.Context, name string) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	// With a control-plane VM the VIP may have gone: it takes a lease to be back.
	return retry(ctx, r.Timing, func(ctx context.Context) error { return api.DeleteNode(ctx, name) })
}
