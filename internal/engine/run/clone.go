package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// clone makes the VM, or finds the one that an earlier attempt has made or is still
// making.
func (n *newNode) clone(ctx, queued context.Context) error {
	defer func() { n.vms.Store(n.Node, n.vm) }()
	if err := n.record.builtVM(ctx, n.Node); err != nil {
		return err
	}
	var conflict nameConflict
	for {
		err := n.cloneInTurn(ctx, queued)
		if err == nil {
			n.rules.made(n)
			return nil
		}
		if !errors.Is(err, model.ErrExists) {
			return fmt.Errorf("clone %s: %w", n.request.Template.Path, err)
		}
		conflict.cause = err
		if err := n.adopt(queued, &conflict); err != nil {
			return err
		}
		if n.vm != "" {
			n.rules.made(n)
			return nil
		}
	}
}

// cloneInTurn makes the VM when it is this node's turn. The first node has nothing to
// wait for, unless it has a host group: it is powered on in the same turn, so that no clone
// of another node comes between.
func (n *newNode) cloneInTurn(ctx, queued context.Context) error {
	turn := cloneOfWorker
	if n.NodePool.ControlPlane() || n.NodePool.LoadBalancer() {
		turn = cloneOfControlPlane
	}
	if err := n.changes.slots.take(queued, turn); err != nil {
		return err
	}
	defer n.changes.slots.give()
	if cause := n.rooms.lacks(n.Placement); cause != nil && n.goesAnywhere() && n.rooms.haveOther(n.NodePool) {
		return cause
	}
	var state model.TaskState
	_, err := n.changes.taskInSlot(ctx, nil, func(ctx context.Context) (string, error) {
		if queued.Err() != nil {
			return "", context.Cause(queued)
		}
		n.tried = true
		task, err := n.VCenter.Clone(ctx, n.request)
		if n.asked != nil {
			n.asked()
		}
		return task, err
	}, &state)
	if err != nil {
		if errors.Is(err, model.ErrNoRoom) {
			n.rooms.fill(n.Placement, err) // before the next node has its turn
		}
		return err
	}
	n.vm = state.VM
	if n.First && !n.rules.joins(n) {
		n.powerOn(ctx)
	}
	return nil
}

// nameConflict is a clone that was refused because its name is taken.
type nameConflict struct {
	cause error
	since time.Time // when nothing was seen any more that may hold the name
}

// adopt finds the VM of an earlier attempt whose answer was lost. A real vCenter holds
// the name from the start of a clone, and shows the VM only later: while clones are
// under way that this process has not started, one of them may be it, and they are
// waited for. A VM of that name that is not ours stays untouched. Without an error and
// without a VM the name may be free by now.
func (n *newNode) adopt(ctx context.Context, conflict *nameConflict) error {
	for {
		// Before the VMs: what ends in between is seen among them.
		clones, err := clonesUnderWay(ctx, n.VCenter, n.Timing)
		if err != nil {
			return err
		}
		survey, err := n.surveyName(ctx)
		if err != nil {
			return err
		}
		found, err := n.adoptFrom(survey, conflict.cause)
		if err != nil {
			return err
		}
		if found != nil {
			return n.takeOver(ctx, found, survey.NICs)
		}
		if len(clones) > 0 {
			conflict.since = time.Time{}
			if err := n.changes.watch.ended(ctx, clones); err != nil {
				return err
			}
			continue
		}
		if conflict.since.IsZero() {
			conflict.since = time.Now()
		}
		if time.Since(conflict.since) > n.Timing.RetryBudget {
			return fmt.Errorf("a VM with this name is being made, as by a run that was interrupted, and for %s nothing has come of it; "+
				"apply again once its task in vCenter has ended: %w", n.Timing.RetryBudget, conflict.cause)
		}
		if err := sleep(ctx, n.Timing.MaxTick); err != nil {
			return err
		}
		here := func(m model.UnreadableVM) bool { return m.Name == n.Node && m.Folder == n.request.Folder }
		if !slices.ContainsFunc(survey.Unreadable, here) {
			return nil
		}
	}
}

// surveyName reads the cluster's machines, and who else holds the node's name.
func (n *newNode) surveyName(ctx context.Context) (survey *model.Survey, err error) {
	err = retry(ctx, n.Timing, func(ctx context.Context) error {
		survey, err = n.VCenter.Survey(ctx, model.SurveyRequest{Cluster: n.Spec.ID, Folder: n.request.Folder, Name: n.Node})
		return err
	})
	return survey, err
}

// takeOver makes a VM that an earlier attempt has made the node's. Where it has not
// booted yet its documents are written anew: the token of an earlier run may expire
// before it does. One that was built otherwise, and that has not booted either, is
// deleted, and cloned again.
func (n *newNode) takeOver(ctx context.Context, m *model.Machine, nics map[string][]model.NIC) error {
	unbooted := !m.PoweredOn && m.Userdata
	same := m.Marker == n.request.Marker
	switch {
	case same && m.PoweredOn:
		n.ran = true
		n.vm = m.Ref
		return nil
	case !unbooted:
		return fmt.Errorf("the VM %s is of an earlier attempt and has booted; apply again, and it is built anew", m.Path)
	case !same:
		return n.deleteFormer(ctx, *m)
	}
	n.mac = macOf(nics, m.UUID, n.mac)
	documents, err := n.guestinfo(ctx)
	if err != nil {
		return err
	}
	err = n.changes.task(ctx, func(ctx context.Context) (string, error) {
		return n.VCenter.SetGuestInfo(ctx, m.Ref, documents)
	})
	if err == nil {
		n.vm = m.Ref
	}
	return err
}

// deleteFormer deletes a VM of the node that was built otherwise. The address that the node has
// now is its successor's.
func (n *newNode) deleteFormer(ctx context.Context, m model.Machine) error {
	if err := n.deleteNode(ctx, model.DeleteNode{Machine: m, KeepAddress: true}); err != nil {
		return err
	}
	if n.Spec.DHCP() {
		return n.backends.forget(ctx, n.Node)
	}
	return n.addresses.releaseNode(ctx, n.Node, n.IPPool(), m.Path)
}

// adoptFrom finds the VM that is this node's; nil where there is none. It fails where
// the name is another VM's.
func (n *newNode) adoptFrom(survey *model.Survey, cause error) (*model.Machine, error) {
	for i := range survey.Machines {
		if survey.Machines[i].UUID == n.uuid().String() {
			return &survey.Machines[i], nil
		}
	}
	switch other := survey.HolderOf; {
	case survey.Holder == "":
		return nil, nil
	case other == nil:
		return nil, fmt.Errorf("the VM %s, which Gantry did not make, has this name; rename or remove it: %w", survey.Holder, cause)
	default:
		return nil, fmt.Errorf("the VM %s has this name, and is node %q of another cluster or gateway of Gantry's, with the id %s: "+
			"choose another folder or another name_template, with {cluster}, for one of the two: %w",
			survey.Holder, other.Node, other.Cluster, cause)
	}
}
