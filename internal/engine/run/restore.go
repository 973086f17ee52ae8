package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
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

// reconnectWorkers brings workers back to a control plane that was restored. One that joined
// after the snapshot was taken is not in it, and its kubelet registers only when it starts.
// Until all are back, none is taken for one that never joined.
func (r *Runner) reconnectWorkers(ctx context.Context, s model.ReconnectWorkers) error {
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return err
	}
	runs := make([]func() error, len(s.Workers))
	for i, m := range s.Workers {
		_, known := nodes[m.Marker.Node]
		runs[i] = func() error { return r.reconnect(ctx, m, known) }
	}
	if err := errors.Join(inParallel(runs)...); err != nil {
		return err
	}
	return r.record.update(ctx, func(b *record.Cluster) { b.Reconnect = false })
}

func (r *Runner) reconnect(ctx context.Context, m model.Machine, known bool) error {
	if m.PoweredOn && !known {
		if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOff(ctx, m.Ref) }); err != nil {
			return fmt.Errorf("power off %s, which is not in the snapshot: %w", m.Path, err)
		}
	}
	if !m.PoweredOn || !known {
		if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOn(ctx, m.Ref) }); err != nil {
			return fmt.Errorf("power on %s: %w", m.Path, err)
		}
	}
	err := poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		if nodes, err := r.api.listNodes(ctx); err != nil || nodes[m.Marker.Node].Name != "" {
			return err
		}
		return errors.New("the API does not know it")
	})
	if err != nil {
		return fmt.Errorf("%s does not come back to the restored control plane: %w. "+
			"The next apply tries it again; to have another node built in its place, delete its VM", m.Marker.Node, err)
	}
	// The snapshot may be of before its labels were changed.
	if pool, ok := r.Spec.NodePool(m.Marker.NodePool); ok {
		return r.updateNodeMetadata(ctx, m.Marker.Node, pool.Meta)
	}
	return nil
}

// resumeFirst powers on the first node of a restore, which may have served before its VM lost
// its power, and waits until its API answers. Where it does not, it stays what it is: that it
// may serve is recorded before it is on, however this run ends, since its guest says that it
// failed, as it does wherever kubeadm init was begun before.
func (r *Runner) resumeFirst(ctx context.Context, m model.Machine) error {
	n := &newNode{
		Runner:     r,
		CreateNode: model.CreateNode{Node: m.Marker.Node, NodePool: r.Spec.ControlPlane, Ordinal: m.Marker.Ordinal, First: true},
		vm:         m.Ref,
		resumes:    true,
	}
	if err := n.recordJoined(ctx); err != nil {
		return err
	}
	err := n.boot(ctx)
	var failed *BootError
	if !errors.As(err, &failed) {
		return err
	}
	return fmt.Errorf("%w\nIt may have served, and is not restored over. To restore the snapshot once more, delete its VM in vCenter", err)
}
