package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// backends are the control-plane nodes that the load balancer forwards to: the members that
// the record has, but for those that are about to leave, and, until a control plane that is
// built anew has answered, those of the former one, which may be what a person goes back to.
// The record is written first: of what was killed in between, the next plan tells the load
// balancer.
type backends struct {
	vcenter model.VCenter
	changes *changes
	record  *recordWriter
	timing  model.Timing

	turn    sync.Mutex // held while the load balancer is told
	mu      sync.Mutex
	vm      string // the load balancer's; empty: there is none
	last    string // what it was told last
	leaving map[int]bool
}

func newBackends(r *Runner) *backends {
	b := &backends{
		vcenter: r.VCenter, changes: r.changes, record: r.record, timing: r.Timing,
		leaving: map[int]bool{},
	}
	if lb := r.World.Facts.LoadBalancer; lb != nil && r.Spec.DHCP() {
		b.attach(lb.Ref, lb.Backends)
	}
	members := r.World.Facts.Record.Members
	serving := plan.Serving(r.Spec, &r.World.Facts, members)
	for ordinal := range members {
		_, serves := serving[ordinal]
		b.mark(ordinal, !serves) // an earlier run may have been killed before it forgot it
	}
	return b
}

// attach makes a VM the load balancer, which was told of some backends in its clone.
func (b *backends) attach(vm, told string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.vm = vm
	b.last = told
}

// told is what the load balancer was told last.
func (b *backends) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last
}

// add has the load balancer forward to a node that is about to join. The first one begins a
// control plane, of which no other node is.
func (b *backends) add(ctx context.Context, s model.CreateNode, address netip.Addr) error {
	if _, err := bootstrap.Backends([]netip.Addr{address}); err != nil {
		return fmt.Errorf("node %s: %w", s.Node, err) // one in the list keeps all others from being told
	}
	err := b.record.update(ctx, func(c *record.Cluster) {
		if c.Members == nil || s.First {
			c.Members = map[int]netip.Addr{}
		}
		c.Members[s.Ordinal] = address
		delete(c.Former, s.Ordinal)
	})
	if err != nil {
		return err
	}
	b.mark(s.Ordinal, false)
	return b.tell(ctx, false)
}

// remove has the load balancer no longer forward to a node, and waits until it does not. The
// last one stays: an empty list is no configuration.
func (b *backends) remove(ctx context.Context, node string) error {
	ordinal, member, known := b.ordinal(node)
	if !known {
		return nil
	}
	b.mark(ordinal, true)
	return b.tell(ctx, member)
}

// forget removes a node from the members whose VM is gone, and that has left etcd.
func (b *backends) forget(ctx context.Context, node string) error {
	ordinal, _, known := b.ordinal(node)
	if !known {
		return nil
	}
	err := b.record.update(ctx, func(c *record.Cluster) {
		delete(c.Members, ordinal)
		delete(c.Former, ordinal)
	})
	b.mark(ordinal, false)
	return err
}

// ordinal is that of a node of the control plane, whether it is a member, and whether the record
// knows it at all, be it of the former control plane.
func (b *backends) ordinal(node string) (ordinal int, member, known bool) {
	ordinal = b.record.names().Ordinal(model.ControlPlanePool, node)
	rec := b.record.current()
	_, member = rec.Members[ordinal]
	_, former := rec.Former[ordinal]
	return ordinal, member, member || former
}

// update makes members those that the facts say, and tells the load balancer.
func (b *backends) update(ctx context.Context, members map[int]netip.Addr) error {
	if err := b.record.update(ctx, func(c *record.Cluster) { c.Members = members }); err != nil {
		return err
	}
	return b.tell(ctx, true)
}

func (b *backends) mark(ordinal int, leaves bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if leaves {
		b.leaving[ordinal] = true
	} else {
		delete(b.leaving, ordinal)
	}
}

// wanted are the backends that the load balancer is to have; empty: those that it has.
func (b *backends) wanted() (vm, backends, last string) {
	rec := b.record.current()
	members := plan.Candidates(&rec.Cluster)
	b.mu.Lock()
	defer b.mu.Unlock()
	maps.DeleteFunc(members, func(ordinal int, _ netip.Addr) bool { return b.leaving[ordinal] })
	return b.vm, plan.BackendsOf(members), b.last
}

// tell writes the backends into the configuration of the load balancer, where it has others,
// and waits until it runs with them where that is asked for.
func (b *backends) tell(ctx context.Context, wait bool) error {
	b.turn.Lock()
	defer b.turn.Unlock()
	vm, wanted, last := b.wanted()
	if vm == "" || wanted == "" {
		return nil
	}
	if wanted != last {
		err := b.changes.task(ctx, func(ctx context.Context) (string, error) {
			return b.vcenter.SetGuestInfo(ctx, vm, map[string]string{bootstrap.BackendsKey: wanted})
		})
		if err != nil {
			return fmt.Errorf("tell the load balancer its backends: %w", err)
		}
		b.attach(vm, wanted)
	}
	if !wait {
		return nil
	}
	return b.waitApplied(ctx, vm, wanted)
}

// waitApplied waits until the load balancer runs with the backends that it was told. A guest
// that may not report is not waited for.
func (b *backends) waitApplied(ctx context.Context, vm, wanted string) error {
	bounded, cancel := context.WithTimeout(ctx, b.timing.APITimeout)
	defer cancel()
	var last model.VMState
	err := b.changes.watch.until(bounded, model.PollRequest{VMs: []string{vm}}, func(res *model.PollResult) (bool, error) {
		if res.Gone[vm] {
			return false, model.ErrGone
		}
		last = res.VMs[vm]
		return last.Applied == wanted || last.Silenced, nil
	})
	if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the load balancer does not run with the backends %s after %s. %s", wanted, b.timing.APITimeout, Diagnosis(last, true))
	}
	return err
}

// announcement is under way while the load balancer does not forward to a node yet.
type announcement struct {
	done   chan struct{} // closed once it does
	failed chan error    // why it will not
}

// wait returns when the load balancer forwards to the node.
func (a announcement) wait(ctx context.Context) error {
	select {
	case <-a.done:
		return nil
	case err := <-a.failed:
		return err
	case <-ctx.Done():
		return errors.New("it has joined, and its guest did not report the lease that the load balancer is to forward to")
	}
}

// announce has the load balancer forward to a control-plane node as soon as its guest has
// reported its lease: its join goes through the load balancer. One that resumes serves at the
// address that it bootstrapped with, or not at all. It ends with ctx.
func (n *newNode) announce(ctx context.Context) announcement {
	a := announcement{done: make(chan struct{}), failed: make(chan error, 1)}
	if !n.Spec.DHCP() || !n.NodePool.ControlPlane() {
		close(a.done)
		return a
	}
	go func() {
		address, err := n.bootstrappedAt(ctx)
		if err == nil {
			err = n.backends.add(ctx, n.CreateNode, address)
		}
		switch {
		case err == nil:
			close(a.done)
		case ctx.Err() == nil:
			a.failed <- err
		}
	}()
	return a
}

// bootstrappedAt is the address that a node of the control plane bootstraps with: the one that
// the record has, where it resumes, and else what its guest reports. It waits for that.
func (n *newNode) bootstrappedAt(ctx context.Context) (netip.Addr, error) {
	rec := n.record.current()
	if address := rec.Members[n.Ordinal]; n.resumes && address.IsValid() {
		return address, nil
	}
	var address netip.Addr
	err := n.changes.watch.until(ctx, model.PollRequest{VMs: []string{n.vm}}, func(res *model.PollResult) (bool, error) {
		address = res.VMs[n.vm].Address
		return address.IsValid(), nil
	})
	return address, err
}
