package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// errFull is why a node is not tried where another one of its pool has found no room.
var errFull = fmt.Errorf("another node of the pool has found that, in this run: %w", model.ErrNoRoom)

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

// moveOn reports whether what failed for want of room is to be tried on another placement; else
// it returns why not, or what has failed.
func (n *newNode) moveOn(ctx context.Context, failed error) (again bool, err error) {
	if failed == nil || ctx.Err() != nil || !n.goesAnywhere() || !errors.Is(failed, model.ErrNoRoom) {
		return false, failed
	}
	n.rooms.fill(n.Placement)
	next, found := n.rooms.other(n.NodePool, n.Placement)
	if !found {
		return false, failed
	}
	if err := n.leavePlacement(ctx); err != nil {
		return false, errors.Join(failed, err)
	}
	n.started, n.seen, n.refused, n.vm = false, nil, nil, ""
	n.move(ctx, next, failed)
	if n.Spec.DHCP() {
		return true, nil
	}
	// Only now, and proven: no VM can use it.
	if err := n.addresses.releaseNode(ctx, n.Node, n.IPPool(), ""); err != nil {
		return false, errors.Join(failed, err)
	}
	return true, nil
}

// goesAnywhere reports whether a node may be built on another placement than the plan's. One
// that has booted may hold data by which it goes on.
func (n *newNode) goesAnywhere() bool {
	return n.NodePool.AnyPlacement && !n.NodePool.LoadBalancer() && !n.resumes
}

// chooseRoom has a node that nothing is known of yet begin on another placement where its own is
// known to have no room. Where a former attempt may have left a VM, its own is tried first.
func (n *newNode) chooseRoom(ctx context.Context) {
	if !n.goesAnywhere() || n.addresses.has(n.Node) || n.wasThere() || n.rooms.has(n.Placement) {
		return
	}
	if next, found := n.rooms.other(n.NodePool, n.Placement); found {
		n.move(ctx, next, errors.New("another node of the pool has found that, in this run, or no host that runs VMs reaches it"))
	}
}

// wasThere reports whether a VM of the node was seen when the run began.
func (n *newNode) wasThere() bool {
	return slices.ContainsFunc(n.World.Facts.Machines, func(m model.Machine) bool { return m.Marker.Node == n.Node })
}

// move gives the node another placement. The marker says which it is, and as long as its pool
// has that one the node stays there.
func (n *newNode) move(ctx context.Context, next model.PlacementRef, cause error) {
	from := n.Placement
	left := n.resolved().ComputeClusterName
	n.Placement = next
	why := fmt.Sprintf("placement %d of %s, in compute cluster %q, has no room for node %s, which is built on placement %d, in %q: %s",
		from.Index+1, n.NodePool.Words(), left, n.Node, next.Index+1, n.resolved().ComputeClusterName, cause)
	n.Progress.Note(ctx, n.Change(), why)
	if count, most := n.rooms.most(n.NodePool, next); most {
		why += fmt.Sprintf(". %d of %d nodes of the control plane are in %q then: without it, etcd has no quorum",
			count, n.NodePool.Count, n.resolved().ComputeClusterName)
	}
	n.warnings.add(model.NewFinding(from.Field(model.FieldComputeCluster), "Node built on another placement",
		"With placement_policy = \"any\": %s. It stays there as long as its pool has that placement.", why))
}

// leavePlacement deletes the VM that has not booted, or proves that there is none: neither a
// clone that failed has left one, nor one of an earlier run is on its way.
func (n *newNode) leavePlacement(ctx context.Context) error {
	clones, err := clonesUnderWay(ctx, n.VCenter, n.Timing)
	if err != nil {
		return err
	}
	if len(clones) > 0 {
		if err := n.changes.watch.ended(ctx, clones); err != nil {
			return err
		}
	}
	survey, err := n.surveyName(ctx)
	if err != nil {
		return err
	}
	for _, m := range survey.Unreadable {
		if m.Name == n.Node && m.Folder == n.request.Folder {
			return errors.New("its VM in vCenter cannot be read now, and stays")
		}
	}
	i := slices.IndexFunc(survey.Machines, func(m model.Machine) bool { return m.UUID == n.uuid().String() })
	if i < 0 {
		return nil
	}
	m := survey.Machines[i]
	if m.PoweredOn || !m.Userdata {
		return fmt.Errorf("its VM %s has booted, and stays", m.Path)
	}
	n.rules.gone(m) // before it is: rules name no VM that is being deleted
	return n.deleteNode(ctx, model.DeleteNode{Machine: m, KeepAddress: true})
}
