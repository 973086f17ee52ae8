package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// runLoadBalancer carries out a step on the load balancer.
func (r *Runner) runLoadBalancer(ctx context.Context, step model.Step) error {
	switch s := step.(type) {
	case model.CreateLoadBalancer:
		return r.createLoadBalancer(ctx)
	case model.ReplaceLoadBalancer:
		return r.replaceLoadBalancer(ctx, s.Machine)
	case model.RestartLoadBalancer:
		return r.restartLoadBalancer(ctx, s.Machine)
	case model.UpdateBackends:
		return r.backends.update(ctx, plan.Members(r.Spec, &r.World.Facts))
	case model.DeleteLoadBalancer:
		return r.deleteLoadBalancer(ctx, s.Machine)
	default:
		return fmt.Errorf("%T is no step of a load balancer", step)
	}
}

// createLoadBalancer builds the load balancer, or goes on with the one that an earlier run
// has built, and waits for its lease. Nodes need the address before they are cloned.
func (r *Runner) createLoadBalancer(ctx context.Context) error {
	lb := r.World.Facts.LoadBalancer
	switch {
	case lb == nil || !lb.PoweredOn && lb.Userdata:
		return r.buildLoadBalancer(ctx)
	case !lb.PoweredOn:
		return r.restartLoadBalancer(ctx, *lb)
	default:
		return r.awaitLoadBalancer(ctx, lb.Ref, macOf(r.World.Limits.NICs, lb.UUID, ""), nil)
	}
}

// replaceLoadBalancer deletes the load balancer before it builds another one: two VMs must
// not have one MAC address. What can fail before the clone is tried while the old one serves.
func (r *Runner) replaceLoadBalancer(ctx context.Context, m model.Machine) error {
	lb := r.newLoadBalancer()
	if err := lb.prepare(ctx); err != nil {
		return err
	}
	if err := r.deleteLoadBalancer(ctx, m); err != nil {
		return err
	}
	return lb.build(ctx)
}

func (r *Runner) deleteLoadBalancer(ctx context.Context, m model.Machine) error {
	return r.deleteNode(ctx, model.DeleteNode{Machine: m, KeepAddress: true})
}

// restartLoadBalancer powers a load balancer off and on. What its guest has reported before
// counts no more: the key may outlive its power.
func (r *Runner) restartLoadBalancer(ctx context.Context, m model.Machine) error {
	if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOff(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("power off %s: %w", m.Path, err)
	}
	err := r.changes.task(ctx, func(ctx context.Context) (string, error) {
		return r.VCenter.SetGuestInfo(ctx, m.Ref, map[string]string{bootstrap.PhaseKey: "off"})
	})
	if err != nil {
		return err
	}
	if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOn(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("power on %s: %w", m.Path, err)
	}
	return r.awaitLoadBalancer(ctx, m.Ref, macOf(r.World.Limits.NICs, m.UUID, ""), nil)
}

// buildLoadBalancer clones the load balancer, or adopts the clone of an earlier run that has
// not booted, and waits for its lease.
func (r *Runner) buildLoadBalancer(ctx context.Context) error {
	lb := r.newLoadBalancer()
	if err := lb.prepare(ctx); err != nil {
		return err
	}
	return lb.build(ctx)
}

func (r *Runner) newLoadBalancer() *newLoadBalancer {
	return &newLoadBalancer{newNode{Runner: r, CreateNode: model.CreateNode{
		Node:      r.record.names().LoadBalancer(),
		NodePool:  r.Spec.LoadBalancerPool(),
		Placement: model.PlacementRef{NodePool: model.ControlPlanePool},
	}}}
}

// newLoadBalancer is a load balancer that is being built.
type newLoadBalancer struct{ newNode }

// build clones it, once it is prepared, and waits for its lease.
func (lb *newLoadBalancer) build(ctx context.Context) error {
	r := lb.Runner
	if err := lb.clone(ctx, ctx); err != nil {
		return err
	}
	r.backends.attach(lb.vm, lb.request.GuestInfo[bootstrap.BackendsKey])
	if err := r.rules.admit(ctx, &lb.newNode); err != nil {
		return err
	}
	if err := r.changes.slots.take(ctx, urgent); err != nil {
		return err
	}
	lb.powerOn(ctx)
	r.changes.slots.give()
	err := lb.refused
	if err == nil {
		err = r.awaitLoadBalancer(ctx, lb.vm, lb.mac, lb.seen)
	}
	if err != nil {
		return errors.Join(err, r.wipeAfterFailure(ctx, lb.vm, lb.Node))
	}
	return lb.wipeLeftUserdata(ctx)
}

// loadBalancerGuestInfo renders the documents of a load balancer, with the backends that it
// begins with, if there are any.
func (n *newNode) loadBalancerGuestInfo() (map[string]string, error) {
	doc := plan.LoadBalancerDocument(n.Spec, n.Node)
	doc.InstanceID = n.uuid().String()
	doc.MAC = n.mac
	doc.CACertificate = n.Secrets.Authorities.CA.Cert
	info, err := bootstrap.LoadBalancerGuestInfo(doc)
	if err != nil {
		return nil, err
	}
	if backends := plan.FirstBackends(n.Spec, &n.World.Facts); backends != "" {
		info[bootstrap.BackendsKey] = backends
	}
	return info, nil
}

// awaitLoadBalancer waits until the load balancer has a lease, and serves if it has backends,
// and compares the lease with the one by which the cluster is reached.
func (r *Runner) awaitLoadBalancer(ctx context.Context, vm, mac string, seen *model.PollResult) error {
	name := r.record.names().LoadBalancer()
	bounded, cancel := context.WithTimeout(ctx, r.Timing.BootTimeout)
	defer cancel()
	boot := loadBalancerBoot{
		watch:    bootWatch{vm: vm, timing: r.Timing, began: time.Now(), last: BootError{Cluster: r.Spec.ID, Node: name}},
		backends: r.backends.told(),
	}
	var done bool
	var err error
	if seen != nil {
		done, err = boot.check(seen)
	}
	if !done && err == nil {
		err = r.changes.watch.until(bounded, model.PollRequest{VMs: []string{vm}}, boot.check)
	}
	switch {
	case err == nil:
		// It may have bootstrapped with another lease.
		state := boot.watch.last.State
		return r.settleEndpoint(ctx, name, plan.PresentLease(state.Address, state.Lease), mac)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case bounded.Err() != nil:
		boot.watch.last.Why = fmt.Sprintf("did not report within %s that it has a lease and forwards", r.Timing.BootTimeout)
		return &boot.watch.last
	default:
		return err
	}
}

// loadBalancerBoot follows a load balancer while it boots.
type loadBalancerBoot struct {
	watch    bootWatch
	backends string // that it is told
}

func (b *loadBalancerBoot) check(res *model.PollResult) (bool, error) {
	if _, err := b.watch.check(res); err != nil {
		return false, err
	}
	state := res.VMs[b.watch.vm]
	serves := state.Phase == model.PhaseServing && (b.backends == "" || state.Applied == b.backends)
	return state.Address.IsValid() && (serves || b.backends == "" && state.Phase == model.PhaseWaiting), nil
}

// settleEndpoint records the lease of the load balancer, which is the endpoint from then on.
// Certificates and clients know it, unless they know a name: another one later is an error.
// What nodes an earlier attempt of a creation has built are built again.
func (r *Runner) settleEndpoint(ctx context.Context, name string, address netip.Addr, mac string) error {
	before := r.record.current()
	known := before.LoadBalancer
	moved := known.Address.IsValid() && known.HostName == "" && known.Address != address
	if moved && (before.APIReached || before.CreationComplete) {
		return errors.New(plan.MovedWords(name, known.Address, address, cmp.Or(known.MAC, mac)) + " Then apply again.")
	}
	if moved {
		r.Secrets.Kubeconfig = nil
	}
	r.addresses.moveEndpoint(address)
	return r.record.update(ctx, func(b *record.Cluster) {
		b.LoadBalancer = record.LoadBalancer{
			Address:  address,
			HostName: r.Spec.LoadBalancer.HostName,
			MAC:      cmp.Or(known.MAC, mac),
		}
	})
}
