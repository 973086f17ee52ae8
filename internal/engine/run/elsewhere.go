package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// elsewhere has a node for which its placement has no room built on the next one of its pool,
// and reports whether it may be tried there. No VM of the node is left behind: what was cloned
// is deleted, and only then is an address of another IP pool released. The marker says where
// the node is, and as long as its pool has that placement it stays.
func (n *newNode) elsewhere(ctx context.Context, cause error) (bool, error) {
	next := (n.Placement.Index + 1) % max(1, len(n.NodePool.Placements))
	switch {
	case !n.NodePool.AnyPlacement || n.NodePool.LoadBalancer() || !errors.Is(cause, model.ErrNoRoom):
		return false, nil
	case n.moves+1 >= len(n.NodePool.Placements):
		return false, nil // all were tried
	}
	if err := n.leavePlacement(ctx); err != nil {
		return false, err
	}
	from := n.resolved().ComputeClusterName
	left := n.CreateNode
	n.moves++
	n.Placement.Index = next
	n.started, n.seen, n.refused, n.vm = false, nil, nil, ""
	if !n.Spec.DHCP() {
		if err := n.addresses.releaseNode(ctx, n.Node, n.IPPool(), ""); err != nil {
			return false, err
		}
	}
	why := fmt.Sprintf("placement %d of %s, in compute cluster %q, has no room for node %s, which is built on placement %d, in %q: %s",
		left.Placement.Index+1, n.NodePool.Words(), from, n.Node, next+1, n.resolved().ComputeClusterName, cause)
	n.Progress.Note(ctx, n.Change(), why)
	n.warnings.add(model.NewFinding(left.Placement.Field(model.FieldComputeCluster), "Node built on another placement",
		"With placement_policy = \"any\": %s. It stays there as long as its pool has that placement.", why))
	return true, nil
}

// leavePlacement deletes the VM that has not booted, or proves that a clone which failed has
// left none.
func (n *newNode) leavePlacement(ctx context.Context) error {
	survey, err := n.surveyName(ctx)
	if err != nil {
		return err
	}
	for i := range survey.Machines {
		m := survey.Machines[i]
		if m.UUID != n.uuid().String() {
			continue
		}
		if m.PoweredOn {
			return fmt.Errorf("its VM %s runs", m.Path)
		}
		return n.deleteNode(ctx, model.DeleteNode{Machine: m, KeepAddress: true})
	}
	return nil
}

// cloneAnywhere clones on the first placement of the pool, from the node's own on, that has room.
// The node is prepared for its own.
func (n *newNode) cloneAnywhere(ctx, queued context.Context) error {
	for {
		err := n.clone(ctx, queued)
		if again, failed := n.moveOn(ctx, err); !again {
			return failed
		}
		if err := n.prepare(queued); err != nil {
			return err
		}
	}
}

// moveOn reports whether what failed for want of room may be tried on the next placement; else
// it returns why not, or what has failed.
func (n *newNode) moveOn(ctx context.Context, failed error) (again bool, err error) {
	if failed == nil || ctx.Err() != nil {
		return false, failed
	}
	again, err = n.elsewhere(ctx, failed)
	if again {
		return true, nil
	}
	return false, errors.Join(failed, err)
}
