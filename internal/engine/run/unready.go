package run

import (
	"context"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

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
		if err := plan.MayRemove(members, name, false); err != nil {
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
