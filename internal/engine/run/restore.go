package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// restore is the snapshot that the first node begins with; nil: an empty etcd.
func (n *newNode) restore() *bootstrap.Restore {
	from := n.Spec.Restore
	if from == nil {
		return nil
	}
	return &bootstrap.Restore{URL: from.URL, SHA256: from.SHA256, CACertificate: from.CACertificate}
}

// removeStaleNodes removes the node objects that came with a snapshot: those of the former
// control plane, and of what else is gone since. Their pods go with them, and no node that
// joins is taken for one of them.
func (r *Runner) removeStaleNodes(ctx context.Context) error {
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return err
	}
	stale := plan.StaleNodes(r.Spec, &r.World.Facts, nodes, func(node string) bool {
		_, built := r.rebuilds[node]
		return built
	})
	for _, node := range stale {
		if err := r.deleteNodeObject(ctx, node); err != nil {
			return fmt.Errorf("remove the node %s, which came with the snapshot: %w", node, err)
		}
	}
	return nil
}
