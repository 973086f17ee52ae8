package run

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// prepareControlPlane makes etcd ready for another member, before the node is built: what
// no node carries is removed, since it counts for the quorum and stands in the way of the
// join. A node is replaced only where all others are well.
func (r *Runner) prepareControlPlane(ctx context.Context, s model.CreateNode) error {
	if s.First || !s.NodePool.ControlPlane() {
		return nil
	}
	if err := r.holdRenewals(ctx, ""); err != nil {
		return err
	}
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		if err := r.removeOrphanMembers(ctx); err != nil || !s.Rollout {
			return err
		}
		return r.mayReplace(ctx, r.cordoned(ctx, s.Replaces))
	})
}

// cordoned is the predecessor of a node where an earlier run has begun to delete it: it need
// not be well, and may be no member any more. Empty: it serves, and has to be well.
func (r *Runner) cordoned(ctx context.Context, predecessor string) string {
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil || !nodes[predecessor].Cordoned {
		return ""
	}
	return predecessor
}

// removeOrphanMembers removes the members of etcd that no node carries: those that were
// added and never started, as by a join that failed, and those of nodes that are gone, or
// about to go without having served.
func (r *Runner) removeOrphanMembers(ctx context.Context) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return err
	}
	members, err := api.EtcdMembers(ctx)
	if err != nil {
		return err
	}
	orphans := plan.OrphanMembers(members, func(node string) bool {
		if r.departed.has(node) {
			return false
		}
		// A member that answers has a machine, whatever the API and vCenter show of it.
		_, known := nodes[node]
		return known || r.mayHaveMachine(node) || memberOf(members, node).Healthy()
	})
	for _, orphan := range orphans {
		if joining := r.withoutMember(nodes, members); orphan.Name == "" && len(joining) > 0 {
			return fmt.Errorf("a member of etcd has no name yet, and these nodes are no members yet: %s", model.Listed(joining))
		}
		if err := plan.MayRemoveMember(members, orphan.ID); err != nil {
			return err
		}
		if err := api.RemoveEtcdMember(ctx, orphan.ID); err != nil {
			return fmt.Errorf("remove a member of etcd that no node carries: %w", err)
		}
		members = slices.DeleteFunc(members, func(m model.EtcdMember) bool { return m.ID == orphan.ID })
	}
	return nil
}

// mayHaveMachine reports whether vCenter shows a node's VM, or does not say that it is gone.
func (r *Runner) mayHaveMachine(node string) bool {
	facts := &r.World.Facts
	return hasMachine(facts, node) || slices.Contains(facts.Unreadable, node) ||
		slices.ContainsFunc(facts.Unseen, func(m model.UnseenMachine) bool { return m.Node == node })
}

// withoutMember are the control-plane nodes that serve and are no members of etcd: each may
// be joining now. One that Drain has cordoned has left it.
func (r *Runner) withoutMember(nodes map[string]model.KubeNode, members []model.EtcdMember) []string {
	var names []string
	for name, node := range nodes {
		if r.isControlPlane(name) && node.Ready && !node.Cordoned && !r.departed.has(name) && memberOf(members, name) == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r *Runner) isControlPlane(name string) bool {
	return r.record.names().Ordinal(model.ControlPlanePool, name) > 0
}

func memberOf(members []model.EtcdMember, node string) *model.EtcdMember {
	i := slices.IndexFunc(members, func(m model.EtcdMember) bool { return m.Name == node })
	if i < 0 {
		return nil
	}
	return &members[i]
}

// mayReplace returns why no control-plane node may be replaced now: every one has to be
// well, its static pods and its member of etcd, and none is to be on its way out. What is
// said of the node that is about to go does not count; empty: none is.
func (r *Runner) mayReplace(ctx context.Context, leaving string) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return err
	}
	var staying, wrong []string
	for name, node := range nodes {
		switch {
		case !r.isControlPlane(name) || name == leaving:
			continue
		case node.Cordoned:
			wrong = append(wrong, name+" (is being deleted)")
		case !r.isServing(node):
			wrong = append(wrong, fmt.Sprintf("%s (%s)", name, r.notServing(node)))
		}
		staying = append(staying, name)
	}
	slices.Sort(staying)
	pods, err := api.ControlPlanePods(ctx)
	if err != nil {
		return err
	}
	wrong = append(wrong, plan.UnreadyPods(staying, pods)...)
	slices.Sort(wrong)
	if len(wrong) > 0 {
		return fmt.Errorf("no control-plane node is replaced as long as these are not well: %s", model.Listed(wrong))
	}
	members, err := api.EtcdMembers(ctx)
	if err != nil {
		return err
	}
	orphans := plan.OrphanMembers(members, func(node string) bool { return node == leaving || slices.Contains(staying, node) })
	if len(orphans) > 0 {
		return fmt.Errorf("etcd has %d members that no control-plane node carries", len(orphans))
	}
	return plan.MayReplace(members, staying)
}

// departed are the control-plane nodes that this run has taken away, or is about to.
type departed struct {
	mu    sync.Mutex
	nodes map[string]bool
}

func (d *departed) add(node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nodes == nil {
		d.nodes = map[string]bool{}
	}
	d.nodes[node] = true
}

func (d *departed) forget(node string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.nodes, node)
}

func (d *departed) has(node string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes[node]
}

// leaveUnserving takes a node out of etcd whose VM is gone, or that never joined, so that
// it does not serve: under whatever name its member is.
func (r *Runner) leaveUnserving(ctx context.Context, node string) error {
	r.departed.add(node)
	return poll(ctx, r.Timing, r.Timing.ReadyWait, r.removeOrphanMembers)
}

// waitMember waits until a control-plane node that has joined is a healthy member of etcd
// that votes.
func (r *Runner) waitMember(ctx context.Context, node string) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		members, err := api.EtcdMembers(ctx)
		if err != nil {
			return err
		}
		member := memberOf(members, node)
		switch {
		case member == nil:
			return fmt.Errorf("node %s has joined and is no member of etcd", node)
		case !member.Healthy():
			return fmt.Errorf("node %s has joined, and its member of etcd is not healthy: %s", node, member.Error)
		case member.Learner:
			return fmt.Errorf("node %s has joined, and its member of etcd does not vote yet", node)
		}
		return nil
	})
}

// prepareDrain makes a control-plane node ready to be drained: all others are well, and the
// leader of etcd is among them.
func (r *Runner) prepareDrain(ctx context.Context, node string) error {
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		if err := r.mayReplace(ctx, node); err != nil {
			return err
		}
		return r.moveLeader(ctx, node)
	})
}

func (r *Runner) moveLeader(ctx context.Context, node string) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	if err := api.MoveEtcdLeader(ctx, node); err != nil {
		return fmt.Errorf("move the leader of etcd away from %s: %w", node, err)
	}
	return nil
}

// leaveEtcd takes a node that was drained out of etcd, through the member of another one.
// The drain may have taken long: the quorum is judged anew, and the leader may be back.
func (r *Runner) leaveEtcd(ctx context.Context, node string) error {
	r.departed.add(node)
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		members, err := api.EtcdMembers(ctx)
		if err != nil {
			return err
		}
		member := memberOf(members, node)
		if member == nil {
			return nil
		}
		if err := plan.MayRemove(members, node, true); err != nil {
			return fmt.Errorf("%s stays a member of etcd: %w", node, err)
		}
		if err := r.moveLeader(ctx, node); err != nil {
			return err
		}
		if err := api.RemoveEtcdMember(ctx, member.ID); err != nil {
			return fmt.Errorf("remove %s from etcd: %w", node, err)
		}
		return nil
	})
}
