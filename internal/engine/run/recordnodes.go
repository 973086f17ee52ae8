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
		of := w.namesIn(b)
		removeNodes(b.Pending, of, func(name string) bool {
			// The kubelet of a control-plane node registers it before the join has ended.
			controlPlane := of.Ordinal(model.ControlPlanePool, name) > 0
			return model.APIFacts{Nodes: nodes}.Joined(name, controlPlane)
		})
		removeNodes(b.Unresponsive, of, func(name string) bool {
			node, exists := nodes[name]
			return nodes != nil && (!exists && !w.lost[name] || node.Ready)
		})
		removeNodes(b.Restarted, of, func(name string) bool {
			_, exists := nodes[name]
			return nodes != nil && !exists
		})
	})
}

// joined records that a node has joined.
func (w *recordWriter) joined(ctx context.Context, node string) error {
	return w.update(ctx, func(b *record.Cluster) {
		removeNodes(b.Pending, w.namesIn(b), func(name string) bool { return name == node })
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

// names are those of the cluster's nodes, as its record has them.
func (w *recordWriter) names() model.NodeNames {
	now := w.current()
	if !now.Found {
		return model.NamesOf(w.ref.Name, w.nameTemplate, w.facts, nil)
	}
	return w.namesIn(&now.Cluster)
}

func (w *recordWriter) namesIn(body *record.Cluster) model.NodeNames {
	facts := *w.facts
	facts.Record = model.Record{Found: true, Cluster: *body}
	return model.NamesOf(w.ref.Name, "", &facts, nil)
}

// removeNodes takes the ordinals of some nodes out of those of each pool.
func removeNodes(byPool map[string][]int, of model.NodeNames, gone func(node string) bool) {
	for pool, ordinals := range byPool {
		left := slices.DeleteFunc(slices.Clone(ordinals), func(n int) bool { return gone(of.VM(pool, n)) })
		byPool[pool] = left
		if len(left) == 0 {
			delete(byPool, pool)
		}
	}
}
