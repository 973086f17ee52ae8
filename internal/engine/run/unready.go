package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// inOrder is the order of steps that take several nodes out of etcd which are not Ready. As
// long as the members are not known, it does not matter: then none goes.
func (r *Runner) inOrder(ctx context.Context, steps []model.Step) []model.Step {
	several := 0
	for _, step := range steps {
		if s, ok := step.(model.DeleteNode); ok && s.TakenOutUnready() {
			several++
		}
	}
	if several < 2 {
		return steps
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return steps
	}
	members, err := api.EtcdMembers(ctx)
	if err != nil {
		return steps
	}
	return plan.SickMembersFirst(steps, members)
}

// takeOutUnready takes a control-plane node that is not Ready out of its cluster, where the
// others keep the quorum of etcd without it: that is judged before its pods are evicted, and
// again when its member goes.
func (r *Runner) takeOutUnready(ctx context.Context, s model.DeleteNode) error {
	name := s.Machine.Marker.Node
	if err := r.onceMayTakeOut(ctx, name, func(model.API, *model.EtcdMember) error { return nil }); err != nil {
		return err
	}
	// Where its member leads and cannot hand over, the others elect another one.
	_ = r.moveLeader(ctx, name)
	if err := r.drain(ctx, name, s); err != nil {
		return err
	}
	if err := r.handOverVIP(ctx, name); err != nil {
		return err
	}
	err := r.onceMayTakeOut(ctx, name, func(api model.API, member *model.EtcdMember) error {
		if member == nil {
			return nil
		}
		return api.RemoveEtcdMember(ctx, member.ID)
	})
	if err != nil {
		return err
	}
	r.departed.add(name)
	return nil
}

// onceMayTakeOut does something with the member of a node that is not Ready, or with none,
// once the others keep their quorum without it.
func (r *Runner) onceMayTakeOut(ctx context.Context, node string, do func(model.API, *model.EtcdMember) error) error {
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	return poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		members, err := api.EtcdMembers(ctx)
		if err != nil {
			return err
		}
		if err := plan.MayTakeOut(members, node); err != nil {
			return fmt.Errorf("%s stays a member of etcd: %w", node, err)
		}
		if err := do(api, memberOf(members, node)); err != nil {
			return fmt.Errorf("remove %s from etcd: %w", node, err)
		}
		return nil
	})
}
