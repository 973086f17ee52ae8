package run

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// cloneAnywhere clones on the first placement of the pool, from the node's own on, that has room.
// The node is prepared for its own.
func (n *newNode) cloneAnywhere(ctx, queued context.Context) error {
	return n.elsewhere(ctx, queued, n.clone(ctx, queued))
}

// elsewhere makes the VM on another placement where it failed for want of room.
func (n *newNode) elsewhere(ctx, queued context.Context, failed error) error {
	for failed != nil {
		if again, err := n.moveOn(ctx, failed); !again {
			return errors.Join(n.lacked, err)
		}
		if failed = n.prepare(queued); failed == nil {
			failed = n.clone(ctx, queued)
		}
	}
	return nil
}

// moveOn reports whether what failed for want of room is to be tried on another placement; else
// it returns why not, or what has failed.
func (n *newNode) moveOn(ctx context.Context, failed error) (again bool, err error) {
	if ctx.Err() != nil || !n.goesAnywhere() || !n.lacksRoom(failed) {
		return false, failed
	}
	n.rooms.fill(n.Placement, failed)
	next, found := n.rooms.other(n.NodePool, n.Placement)
	if !found {
		return false, failed
	}
	if err := n.move(ctx, next, failed); err != nil {
		return false, errors.Join(failed, err)
	}
	return true, nil
}

// lacksRoom reports whether that is what has failed. Of a node that has moved it is, too, that the
// IP pool there has no address left.
func (n *newNode) lacksRoom(failed error) bool {
	var exhausted *ledger.ExhaustedError
	return errors.Is(failed, model.ErrNoRoom) || n.lacked != nil && errors.As(failed, &exhausted)
}

// goesAnywhere reports whether a node may be built on another placement than the plan's. One
// that may have booted may hold what it goes on with, as the first node of a restore does.
func (n *newNode) goesAnywhere() bool {
	restored := n.First && n.Spec.Restore != nil && n.wasThere()
	return n.NodePool.AnyPlacement && !n.NodePool.LoadBalancer() && !n.resumes && !n.ran && !restored
}

// wasThere reports whether a VM of the node was seen when the run began.
func (n *newNode) wasThere() bool {
	return slices.ContainsFunc(n.World.Facts.Machines, func(m model.Machine) bool { return m.Marker.Node == n.Node })
}

// begun reports whether an earlier attempt may have left something of the node.
func (n *newNode) begun() bool {
	facts := &n.World.Facts
	claimed := slices.ContainsFunc(facts.Claims, func(c model.Claim) bool { return c.Owner == n.Node })
	return claimed || n.wasThere() || facts.Pending(n.NodePool.Name, n.Ordinal)
}

// chooseRoom has a node begin on another placement where its own is known to have no room. Where
// an earlier attempt has left something, its own is tried first, if it can be.
func (n *newNode) chooseRoom(ctx context.Context) error {
	cause := n.rooms.lacks(n.Placement)
	if cause == nil || !n.goesAnywhere() || n.begun() && plan.Usable(n.resolved()) {
		return nil
	}
	next, found := n.rooms.other(n.NodePool, n.Placement)
	if !found {
		return nil
	}
	return n.move(ctx, next, cause)
}

// move gives the node another placement, and nothing of it is left on the former one. The marker
// says which it is, and as long as its pool has that one the node stays there.
func (n *newNode) move(ctx context.Context, next model.PlacementRef, cause error) error {
	vm := ""
	if n.tried || n.begun() {
		var err error
		if vm, err = n.leavePlacement(ctx); err != nil {
			return err
		}
	}
	from := n.Placement
	left := n.resolved().ComputeClusterName
	n.Placement = next
	n.started, n.seen, n.refused, n.vm = false, nil, nil, ""
	why := fmt.Sprintf("placement %d of %s, in compute cluster %q, has no room for node %s, which goes to placement %d, in %q: %s",
		from.Index+1, n.NodePool.Words(), left, n.Node, next.Index+1, n.resolved().ComputeClusterName, cause)
	n.lacked = errors.Join(n.lacked, errors.New(why))
	n.Progress.Note(ctx, n.Change(), why)
	if n.Spec.DHCP() {
		return nil
	}
	// Only now, and proven: no VM can use it.
	return n.addresses.releaseNode(ctx, n.Node, n.IPPool(), vm)
}

// leavePlacement deletes the VM that has not booted and returns its path, or proves that there is
// none: neither a clone that failed has left one, nor one of an earlier run is on its way.
func (n *newNode) leavePlacement(ctx context.Context) (path string, err error) {
	if n.World.Facts.Pending(n.NodePool.Name, n.Ordinal) {
		if err := n.waitClones(ctx); err != nil {
			return "", err
		}
	}
	if n.request.Folder, err = n.folder(ctx); err != nil {
		return "", err
	}
	survey, err := n.surveyName(ctx)
	if err != nil {
		return "", err
	}
	for _, m := range survey.Unreadable {
		if m.Name == n.Node && m.Folder == n.request.Folder {
			return "", errors.New("its VM in vCenter cannot be read now, and stays")
		}
	}
	i := slices.IndexFunc(survey.Machines, func(m model.Machine) bool { return m.UUID == n.uuid().String() })
	if i < 0 {
		return "", nil
	}
	m := survey.Machines[i]
	if m.PoweredOn || !m.Userdata {
		return "", fmt.Errorf("its VM %s has booted, and stays", m.Path)
	}
	n.rules.gone(m) // before it is: rules name no VM that is being deleted
	return m.Path, n.deleteNode(ctx, model.DeleteNode{Machine: m, KeepAddress: true})
}

// waitClones waits for clones that this process has not started: one of them may be the node's.
func (n *newNode) waitClones(ctx context.Context) error {
	clones, err := clonesUnderWay(ctx, n.VCenter, n.Timing)
	if err != nil || len(clones) == 0 {
		return err
	}
	return n.changes.watch.ended(ctx, clones)
}

// tellElsewhere warns of a node that has joined on another placement than the plan's.
func (n *newNode) tellElsewhere() {
	if n.lacked == nil {
		return
	}
	where := ""
	if count, most := n.rooms.most(n.NodePool, n.Placement); most {
		where = fmt.Sprintf(" %d of %d nodes of the control plane are in compute cluster %q now: without it, etcd has no quorum.",
			count, n.NodePool.Count, n.resolved().ComputeClusterName)
	}
	n.warnings.add(model.NewFinding(n.Placement.Field(model.FieldComputeCluster), "Node built on another placement",
		"With placement_policy = \"any\": %s. Node %s stays on placement %d as long as its pool has that.%s",
		n.lacked, n.Node, n.Placement.Index+1, where))
}
