package run

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// isServing reports whether a node can take work. In a cluster whose pod network is
// not there, and before a pack has brought it, no node is Ready, and having joined is all
// that can be asked for. So it is with the cloud provider.
func (r *Runner) isServing(n model.KubeNode) bool { return r.notServing(n) == "" }

// notServing returns why a node can't take work; empty: it can.
func (r *Runner) notServing(n model.KubeNode) string {
	switch {
	case !n.Ready && (r.applied(model.LayerCNI) || r.World.Facts.API.AnyReady()):
		return cmp.Or(n.Reason, "the API does not know it")
	case !n.Initialized() && r.applied(model.LayerCPI):
		return "the cloud provider has not initialized it"
	}
	return ""
}

// applied reports whether a pack of the layer was applied, by this run or before.
func (r *Runner) applied(layer string) bool {
	applied := r.packs.all()
	return slices.ContainsFunc(r.Spec.Packs, func(k model.Pack) bool { return k.Layer == layer && applied[k.Name].Hash != "" })
}

// podNetwork reports whether nodes become Ready, as far as was known when the run began.
func (r *Runner) podNetwork() bool { return r.World.Facts.PodNetwork(r.Spec) }

// waitServing waits until the successor of a node can take its work.
func (r *Runner) waitServing(ctx context.Context, name string) error {
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.api.listNodes(ctx)
		if err != nil {
			return err
		}
		if why := r.notServing(nodes[name]); why != "" {
			return fmt.Errorf("node %s has joined and takes no work: %s", name, why)
		}
		return nil
	})
}

// waitMinReady waits until enough nodes of a pool serve without the one that is
// about to be replaced, and the control plane is healthy. A node that does not
// serve itself is no loss.
func (r *Runner) waitMinReady(ctx context.Context, s model.DeleteNode) error {
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		nodes, err := r.api.listNodes(ctx)
		if err != nil {
			return err
		}
		return r.mayLeave(nodes, s)
	})
}

// mayLeave notes that a node leaves its pool, or returns why it cannot yet.
func (r *Runner) mayLeave(nodes map[string]model.KubeNode, s model.DeleteNode) error {
	return r.leaving.take(s.Machine.Marker.Node, func(leaving map[string]bool) error { return r.minReady(nodes, leaving, s) })
}

// leaving are the nodes that a run takes out of their pools. They do not count as serving
// any more, so that of several that are deleted side by side each leaves enough others.
type leaving struct {
	mu    sync.Mutex
	nodes map[string]bool
}

// take adds a node, unless something speaks against it.
func (l *leaving) take(name string, against func(leaving map[string]bool) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := against(l.nodes); err != nil {
		return err
	}
	if l.nodes == nil {
		l.nodes = map[string]bool{}
	}
	l.nodes[name] = true
	return nil
}

// minReady returns why a node cannot be taken out of its pool yet, while others are
// leaving it.
func (r *Runner) minReady(nodes map[string]model.KubeNode, leaving map[string]bool, s model.DeleteNode) error {
	name := s.Machine.Marker.Node
	pool := s.Machine.Marker.NodePool
	if n, exists := nodes[name]; !exists || !r.isServing(n) {
		return nil
	}
	if unhealthy := r.unhealthyControlPlane(nodes); len(unhealthy) > 0 {
		return fmt.Errorf("%s is not deleted while nodes of the control plane are not Ready: %s", name, model.Listed(unhealthy))
	}
	serving := 0
	var waiting []string
	of := r.record.names()
	for other, n := range nodes {
		switch {
		case other == name || leaving[other] || of.Ordinal(pool, other) == 0:
		case r.isServing(n):
			serving++
		default:
			waiting = append(waiting, fmt.Sprintf("%s (%s)", other, r.notServing(n)))
		}
	}
	if serving >= s.Rollout.MinReady {
		return nil
	}
	slices.Sort(waiting)
	if len(waiting) == 0 {
		waiting = []string{"none"}
	}
	return fmt.Errorf("pool %s: Ready nodes besides %s: %d, and needed before it is deleted: %d; not Ready: %s",
		pool, name, serving, s.Rollout.MinReady, model.Listed(waiting))
}

// unhealthyControlPlane lists the nodes of the control plane that do not serve, and
// why.
func (r *Runner) unhealthyControlPlane(nodes map[string]model.KubeNode) []string {
	var unhealthy []string
	for name, n := range nodes {
		if r.isControlPlane(name) && !r.isServing(n) {
			unhealthy = append(unhealthy, fmt.Sprintf("%s (%s)", name, r.notServing(n)))
		}
	}
	slices.Sort(unhealthy)
	return unhealthy
}
