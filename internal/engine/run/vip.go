package run

import (
	"context"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// vipReleased is how long a new holder of the VIP has to have renewed its Lease until the old
// one has let go of the address: that tries to renew it, fails, and ends.
const vipReleased = bootstrap.VIPRenewDeadline + bootstrap.VIPRetryPeriod

// handOverVIP has another control-plane node hold the VIP before one stops to serve on
// purpose: kube-vip would keep the address on a node whose API server is gone until its Lease
// is over. While both have the address, both serve behind it. Where no other one takes it, the
// run goes on: the VIP then moves when the Lease is over.
func (r *Runner) handOverVIP(ctx context.Context, node string) error {
	if r.Spec.DHCP() { // the endpoint is a load balancer
		return nil
	}
	api, err := r.api.wait(ctx)
	if err != nil {
		return err
	}
	var given, first model.VIP // as it was given away, and as the next holder has renewed it first
	err = poll(ctx, r.Timing, r.Timing.VIPWait, func(ctx context.Context) error {
		vip, err := api.VIP(ctx)
		switch {
		case err != nil:
			return err
		case vip.Holder == node:
			next, err := r.nextHolder(ctx, node)
			if err != nil || next == "" {
				return err
			}
			given = vip // also where the answer is lost
			first = model.VIP{}
			now, err := api.HandOverVIP(ctx, node, next)
			if err != nil {
				return err
			}
			given.Renewed = now.Renewed
			return fmt.Errorf("%s holds the VIP until %s takes it", node, next)
		case given.Holder == "":
			return nil // it did not hold the VIP
		case vip.Renewed.Equal(given.Renewed):
			return fmt.Errorf("%s has not taken the VIP yet", vip.Holder)
		case first.Holder != vip.Holder:
			first = vip
		}
		if vip.Renewed.Sub(first.Renewed) < vipReleased {
			return fmt.Errorf("%s has taken the VIP, and %s is about to let go of it", vip.Holder, node)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		r.api.report(ctx, fmt.Sprintf("the VIP may answer later, for as long as a Lease of kube-vip lasts: no other control-plane node "+
			"took it from %s: %v", node, err))
		return nil
	}
	return err
}

// nextHolder is the control-plane node that takes the VIP from another one: one that this run
// has built, where there is one, so that the VIP moves once in a roll. Empty: no other one
// serves.
func (r *Runner) nextHolder(ctx context.Context, node string) (string, error) {
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return "", err
	}
	var others []string
	for name, n := range nodes {
		if name != node && r.isControlPlane(name) && !n.Cordoned && r.isServing(n) && !r.departed.has(name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	if i := slices.IndexFunc(others, r.made.has); i >= 0 {
		return others[i], nil
	}
	if len(others) == 0 {
		return "", nil
	}
	return others[0], nil
}
