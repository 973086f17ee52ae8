package guest

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
)

// resume is a boot after the first: the same instance, so cloud-init brings
// up the network and runs nothing. The unit runs if it was enabled.
func (g *guest) resume(ctx context.Context, inst *cloudinit.Instance) error {
	if err := g.networkUp(ctx, inst); err != nil {
		return fmt.Errorf("cloud-init: network: %w", err)
	}
	g.world.mu.Lock()
	n := g.disk.node
	if n != nil && !n.joined {
		n = nil // the power was lost over the join
	}
	enabled := g.disk.unit.enabled
	g.world.mu.Unlock()
	if n != nil && !g.useLease(ctx, inst) && g.movedAway(ctx, n, inst) {
		g.goOn(ctx, inst)
		return nil
	}
	g.world.mu.Lock()
	var err error
	if n != nil && ctx.Err() == nil {
		err = g.start(ctx)
	} else if disk := g.disk.member; disk != nil && ctx.Err() == nil {
		// Its static pod is there.
		g.world.running.Go(func() { g.runMember(ctx, disk) })
	}
	g.world.mu.Unlock()
	if err != nil {
		return err
	}
	if n == nil {
		if !enabled {
			return nil
		}
		g.set(ctx, g.starting(PhaseBooting), nil)
		return g.bootstrap(ctx)
	}
	if enabled {
		g.goOn(ctx, inst)
	}
	// A kubelet registers its node when it starts, once the API answers. On a control
	// plane it asks the API server beside it.
	for !g.reachesAPI() {
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
	if _, err := n.cluster.store.Create(kubeapi.Nodes, n.registration()); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return g.renew()
}

// goOn is the script on a machine that has joined: it runs what has not run yet of the
// commands that come after the join.
func (g *guest) goOn(ctx context.Context, inst *cloudinit.Instance) {
	if err := g.postBootstrap(ctx, inst); err != nil {
		g.log("%v", err)
		g.set(ctx, PhasePostFailed, err)
		return
	}
	g.set(ctx, PhaseJoined, nil)
}

func (g *guest) reachesAPI() bool {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	n := g.disk.node
	return n.cluster.healthy() == nil && (!n.controlPlane || g.endpoint != nil)
}

// start runs kubelet and, on a control plane, the API server, which on a machine that
// boots again waits for etcd. World.mu is held.
func (g *guest) start(ctx context.Context) error {
	n := g.disk.node
	switch disk := g.disk.member; {
	case g.disk.evicted:
		return nil
	case !n.controlPlane:
		g.kubelet = true
		n.cluster.settle()
		return nil
	case disk != nil && g.member == nil:
		g.world.running.Go(func() { g.runMember(ctx, disk) })
		return nil
	}
	return g.serveAPI()
}

// serveAPI starts the API server, and lets the kubelet report to it. World.mu is held.
func (g *guest) serveAPI() error {
	n := g.disk.node
	e, err := n.cluster.serve(n.advertise, n)
	if err != nil {
		return err
	}
	g.endpoint = e
	g.kubelet = true
	g.startPods()
	n.cluster.settle()
	return nil
}

// Hang stops the kubelet of a guest until its next boot; the machine runs on, with its
// static pods. On a load balancer all stops, and its guest reports nothing more.
func (w *World) Hang(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g := w.guests[id]
	switch {
	case g == nil:
		return
	case g.balancer != nil:
		g.hangs = true
		g.balancer.close()
		return
	case !g.kubelet:
		return
	}
	g.kubelet = false
	g.hangs = true
	g.disk.node.cluster.settle()
}

// stop powers a guest off. World.mu is held.
func (w *World) stop(g *guest) {
	if g.halt == nil {
		return
	}
	if n := g.disk.node; n != nil {
		n.cluster.noteVIPCut(g)
	}
	g.halt()
	g.halt = nil
	g.kubelet = false
	g.hangs = false
	g.crashing = nil
	g.problems = nil
	for _, addr := range g.addresses {
		w.network.Release(addr, g.owner())
	}
	g.addresses = nil
	g.endpoint.close()
	g.endpoint = nil
	g.balancer.close()
	g.balancer = nil
	w.killMember(g)
	g.settle()
}
