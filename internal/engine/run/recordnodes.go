package run

import (
	"context"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// complete records that the run ends and its caller has the certificate
// authorities, whatever has failed: from here on no creation resumes the cluster.
// The ordinals of nodes that have joined are no longer pending, and those that are
// Ready or gone no longer unresponsive.
func (w *recordWriter) complete(ctx context.Context, nodes map[string]model.KubeNode, failed bool) error {
	ctx, cancel := evenIfEnded(ctx)
	defer cancel()
	return w.update(ctx, func(b *record.Cluster) {
		w.outcome(b, failed)
		b.CreationComplete = true
		w.remove(b.Pending, func(name string) bool {
			// The kubelet of a control-plane node registers it before the join has ended.
			controlPlane := model.NodeOrdinal(w.ref.Name, model.ControlPlanePool, name) > 0
			return model.APIFacts{Nodes: nodes}.Joined(name, controlPlane)
		})
		w.remove(b.Unresponsive, func(name string) bool {
			node, exists := nodes[name]
			return nodes != nil && (!exists && !w.lost[name] || node.Ready)
		})
		w.remove(b.Restarted, func(name string) bool {
			_, exists := nodes[name]
			return nodes != nil && !exists
		})
	})
}

// joined records that a node has joined.
func (w *recordWriter) joined(ctx context.Context, node string) error {
	return w.update(ctx, func(b *record.Cluster) {
		w.remove(b.Pending, func(name string) bool { return name == node })
	})
}

// unresponsive records that a node did not come back after it was powered on.
func (w *recordWriter) unresponsive(ctx context.Context, m model.Marker) error {
	return w.update(ctx, func(b *record.Cluster) {
		w.lost[m.Node] = true
		b.Unresponsive = withOrdinal(b.Unresponsive, m)
	})
}

// restarted records that the commands of a node failed again after it was restarted.
func (w *recordWriter) restarted(ctx context.Context, m model.Marker) error {
	return w.update(ctx, func(b *record.Cluster) { b.Restarted = withOrdinal(b.Restarted, m) })
}

// withOrdinal adds a node's ordinal to those of each pool.
func withOrdinal(byPool map[string][]int, m model.Marker) map[string][]int {
	if byPool == nil {
		byPool = map[string][]int{}
	}
	ordinals := append(slices.Clone(byPool[m.NodePool]), m.Ordinal)
	slices.Sort(ordinals)
	byPool[m.NodePool] = slices.Compact(ordinals)
	return byPool
}

// remove takes the ordinals of some nodes out of those of each pool.
func (w *recordWriter) remove(byPool map[string][]int, gone func(node string) bool) {
	removeNodes(byPool, w.ref.Name, gone)
}

func removeNodes(byPool map[string][]int, cluster string, gone func(node string) bool) {
	for pool, ordinals := range byPool {
		left := slices.DeleteFunc(slices.Clone(ordinals), func(n int) bool { return gone(vmName(cluster, pool, n)) })
		byPool[pool] = left
		if len(left) == 0 {
			delete(byPool, pool)
		}
	}
}

// vmName is the name of a node's VM, or of the load balancer's.
func vmName(cluster, pool string, ordinal int) string {
	if pool == model.LoadBalancerPool && ordinal == 0 {
		return model.LoadBalancerName(cluster)
	}
	return model.NodeName(cluster, pool, ordinal)
}
