package engine

import (
	"context"
	"errors"
	"fmt"
)

// deleteNode takes one node down. Before its VM is destroyed, every disk that
// Gantry did not make is detached and its file kept; only after the VM is proven
// gone is its address released.
func (r *run) deleteNode(ctx context.Context, s Step) error {
	vm := s.node.machine.Ref
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

func (r *run) destroyVM(ctx context.Context, m *Machine) error {
	state, err := r.watch.disks(ctx, m.Ref)
	if err != nil {
		return err
	}
	if state.PoweredOn {
		if _, err := r.task(ctx, func(ctx context.Context) (string, error) { return r.vc.PowerOff(ctx, m.Ref) }); err != nil {
			return fmt.Errorf("power off %s: %w", m.Path, err)
		}
		// Disks are looked at again with the power off: nothing is attached to a
		// VM that does not run.
		if state, err = r.watch.disks(ctx, m.Ref); err != nil {
			return err
		}
	}
	var foreign []int32
	for _, d := range state.Disks {
		if !d.Owned {
			foreign = append(foreign, d.Key)
		}
	}
	if len(foreign) > 0 {
		if _, err := r.task(ctx, func(ctx context.Context) (string, error) { return r.vc.DetachDisks(ctx, m.Ref, foreign) }); err != nil {
			return fmt.Errorf("detach the disks of %s that Gantry did not make: %w", m.Path, err)
		}
	}
	if _, err := r.task(ctx, func(ctx context.Context) (string, error) { return r.vc.Destroy(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("destroy %s: %w", m.Path, err)
	}
	return nil
}

// forgetNode clears up after a node whose VM is gone.
func (r *run) forgetNode(ctx context.Context, name string) error {
	if err := r.deleteNodeObject(ctx, name); err != nil {
		return err
	}
	return r.releaseNode(ctx, name)
}

func (r *run) deleteNodeObject(ctx context.Context, name string) error {
	api, err := r.waitAPI(ctx)
	if err != nil {
		return err
	}
	if err := r.lease.Check(ctx); err != nil {
		return err
	}
	return api.DeleteNode(ctx, name)
}

// releaseNode gives back the addresses of a node whose VM is proven gone.
func (r *run) releaseNode(ctx context.Context, name string) error {
	for _, c := range r.obs.Claims {
		if c.Node == name && !r.created(name) {
			if err := r.releaseAddress(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// created tells whether the plan builds the node again: then its address stays.
func (r *run) created(name string) bool { return r.rebuilt[name] }

func (r *run) wipeUserdataIfLeft(ctx context.Context, vm, name string, left bool) error {
	if !left {
		return nil // cloud-init has done it
	}
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
	state, err := r.watch.disks(ctx, vm)
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
	api, err := r.waitAPI(ctx)
	if err != nil {
		return err
	}
	if err := r.lease.Check(ctx); err != nil {
		return err
	}
	return api.LabelNode(ctx, name, meta)
}
