package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// waitPostBootstrap waits until the commands have ended that users have run on a node which
// has joined. Only its guest knows of them: one that may not report is not waited for.
func (n *newNode) waitPostBootstrap(ctx context.Context) error {
	if len(n.NodePool.Setup.PostBootstrap) == 0 {
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, n.Timing.BootTimeout)
	defer cancel()
	last := BootError{Cluster: n.Spec.ID, Node: n.Node}
	err := n.changes.watch.until(bounded, model.PollRequest{VMs: []string{n.vm}}, func(res *model.PollResult) (bool, error) {
		state, ok := res.VMs[n.vm]
		if ok {
			last.State = state
		}
		switch {
		case res.Gone[n.vm]:
			last.Why = "has joined, and was deleted while its post_bootstrap ran"
			return false, &last
		case state.Phase == model.PhasePostFailed || state.Phase == model.PhaseFailed:
			last.Why = "has joined, and a command of post_bootstrap failed. The node stays a member of the cluster, and " +
				"tries the command again at its next boot; with other commands, or named in replace_nodes, it is built anew"
			return false, &last
		}
		return state.Phase == model.PhaseJoined || state.Silenced, nil
	})
	if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		last.Why = fmt.Sprintf("has joined, and did not report within %s that its post_bootstrap has ended", n.Timing.BootTimeout)
		return &last
	}
	return err
}
