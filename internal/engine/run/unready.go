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
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	err = poll(ctx, r.Timing, r.Timing.ReadyWait, func(ctx context.Context) error {
		members, err := api.EtcdMembers(ctx)
		if err != nil {
			return err
		}
		if err := plan.MayTakeOut(members, name); err != nil {
			return fmt.Errorf("%s stays a member of etcd: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Where its member leads and cannot hand over, the others elect another one.
	_ = r.moveLeader(ctx, name)
	if err := r.drain(ctx, name, s); err != nil {
		return err
	}
	return r.leaveUnserving(ctx, name)
}
