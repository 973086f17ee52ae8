package engine

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// deleteNode takes one node down. Before its VM is destroyed, every disk that
// Gantry did not make is detached and its file kept; only after the VM is proven
// gone is its address released.
func (r *run) deleteNode(ctx context.Context, s Step) error {
	vm := s.node.machine.Ref
	if s.node.roll {
		if err := r.awaitSpare(ctx, s); err != nil {
			return err
		}
	}
	if s.node.drain {
		if err := r.drain(ctx, s); err != nil {
			return err
		}
	}
	if err := r.destroyVM(ctx, s.node.machine); err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	if err := r.watch.gone(ctx, vm); err != nil {
		return fmt.Errorf("wait until the VM is gone: %w", err)
	}
	if s.node.drain {
		if err := r.deleteNodeObject(ctx, s.Target); err != nil {
			return err
		}
	}
	return r.releaseNode(ctx, s.Target)
}

// drain empties a node that the API knows. A node that never joined has nothing
// to be moved.
func (r *run) drain(ctx context.Context, s Step) error {
	nodes, err := r.nodes(ctx)
	if err != nil {
		return fmt.Errorf("the node's pods cannot be moved while the API does not answer: %w", err)
	}
	if _, ok := nodes[s.Target]; !ok {
		return nil
	}
	if err := r.lease.Check(ctx); err != nil {
		return err
	}
	timeout := s.node.pool.DrainTimeout
	if timeout == 0 {
		timeout = DefaultDrainTimeout
	}
	if err := r.api.Drain(ctx, s.Target, timeout); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	return nil
}

// destroyVM powers a VM off and destroys it. Each try looks anew at what is
// attached, right before it destroys: a disk that came in between is not lost.
func (r *run) destroyVM(ctx context.Context, m *Machine) error {
	if _, err := r.task(ctx, func(ctx context.Context) (string, error) { return r.vc.PowerOff(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("power off %s: %w", m.Path, err)
	}
	_, err := r.task(ctx, func(ctx context.Context) (string, error) {
		if err := r.detachForeign(ctx, m); err != nil {
			return "", err
		}
		return r.vc.Destroy(ctx, m.Ref)
	})
	if err != nil {
		return fmt.Errorf("destroy %s: %w", m.Path, err)
	}
	return nil
}

// detachForeign detaches every disk that Gantry did not make, and looks again
// until there is none. It runs inside of a task's slot.
func (r *run) detachForeign(ctx context.Context, m *Machine) error {
	for {
		state, err := r.watch.vm(ctx, m.Ref, true)
		if err != nil {
			return err
		}
		if !state.DisksRead {
			return fmt.Errorf("what is attached to %s cannot be read, and a VM is not destroyed with disks that nobody has looked at", m.Path)
		}
		var foreign []int32
		for _, d := range state.Disks {
			if !d.Owned {
				foreign = append(foreign, d.Key)
			}
		}
		if len(foreign) == 0 {
			return nil
		}
		ref, err := r.vc.DetachDisks(ctx, m.Ref, foreign)
		if err == nil {
			_, err = r.watch.task(ctx, ref)
		}
		if err != nil {
			return fmt.Errorf("detach the disks of %s that Gantry did not make: %w", m.Path, err)
		}
	}
}

// forgetNode clears up after a node whose VM is gone.
func (r *run) forgetNode(ctx context.Context, name string) error {
	if err := r.deleteNodeObject(ctx, name); err != nil {
		return err
	}
	return r.releaseNode(ctx, name)
}

func (r *run) deleteNodeObject(ctx context.Context, name string) error {
	api, err := r.changeAPI(ctx)
	if err != nil {
		return err
	}
	return api.DeleteNode(ctx, name)
}

// releaseNode gives back the addresses of a node whose VM is proven gone, but for
// the one on which the plan builds it again.
func (r *run) releaseNode(ctx context.Context, name string) error {
	for _, c := range r.obs.Claims {
		if c.Node == name && r.rebuilt[name] != c.Pool {
			if err := r.releaseAddress(ctx, c); err != nil {
				return err
			}
			r.vacated(c)
		}
	}
	return nil
}

func (r *run) wipeUserdataIfLeft(ctx context.Context, vm, name string, left bool) error {
	if !left {
		return nil // cloud-init has done it
	}
	return r.wipeUserdata(ctx, vm, name)
}

// wipeAfterFailure removes the bootstrap data of a node that did not join, also
// when the run has been stopped.
func (r *run) wipeAfterFailure(ctx context.Context, vm, name string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	return r.wipeUserdata(ctx, vm, name)
}

// wipeUserdata removes the bootstrap data from a VM and looks whether it is gone.
func (r *run) wipeUserdata(ctx context.Context, vm, name string) error {
	_, err := r.task(ctx, func(ctx context.Context) (string, error) { return r.vc.WipeUserdata(ctx, vm) })
	if errors.Is(err, ErrGone) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove the bootstrap data of %s from its VM: %w", name, err)
	}
	state, err := r.watch.vm(ctx, vm, false)
	if err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	if state.Userdata {
		return fmt.Errorf("the bootstrap data of %s is still in its VM after it was removed; remove guestinfo.userdata from the VM's advanced parameters", name)
	}
	return nil
}

// labelNode brings the labels, annotations and taints of a node to the spec's.
func (r *run) labelNode(ctx context.Context, name string, meta NodeMeta) error {
	if meta.empty() && r.obs.Nodes[name].Managed.empty() {
		return nil
	}
	api, err := r.changeAPI(ctx)
	if err != nil {
		return err
	}
	return api.LabelNode(ctx, name, meta)
}
