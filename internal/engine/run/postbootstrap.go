package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// waitPostBootstrap waits until the commands have ended that users have run on a node which
// has joined.
func (n *newNode) waitPostBootstrap(ctx context.Context) error {
	if len(n.NodePool.Setup.PostBootstrap) == 0 {
		return nil
	}
	return n.commandsEnd(ctx, n.vm, n.Node, nextRestart, false)
}

// What comes after a command has failed, and after it has failed again.
const (
	nextRestart = "The next apply restarts it once, so that it tries the command again; with other commands, or named in " +
		"replace_nodes, it is built anew"
	nextNothing = "It was restarted, and is not again: change the commands, or name it in replace_nodes, and it is built anew. " +
		"Or give it what the command lacks, and restart its VM"
)

// commandsEnd waits until a node's commands have ended. Only its guest knows of them: one that
// may not report is not waited for. A failure that is stale was there before the power was on:
// it is not believed until the guest has shown that it reports anew.
func (r *Runner) commandsEnd(ctx context.Context, vm, node, next string, stale bool) error {
	bounded, cancel := context.WithTimeout(ctx, r.Timing.BootTimeout)
	defer cancel()
	last := BootError{Cluster: r.Spec.ID, Node: node, Stays: true}
	err := r.changes.watch.until(bounded, model.PollRequest{VMs: []string{vm}}, func(res *model.PollResult) (bool, error) {
		state, ok := res.VMs[vm]
		if ok {
			last.State = state
		}
		failed := state.Phase == model.PhasePostFailed || state.Phase == model.PhaseFailed
		stale = stale && (failed || !ok)
		switch {
		case res.Gone[vm]:
			last.Why = "has joined, and was deleted while its post_bootstrap ran"
			return false, &last
		case failed && !stale:
			last.Why = "has joined, and a command of post_bootstrap failed. The node stays a member of the cluster. " + next
			return false, &last
		}
		return state.Phase == model.PhaseJoined || state.Silenced, nil
	})
	if err != nil && ctx.Err() == nil && errors.Is(bounded.Err(), context.DeadlineExceeded) {
		last.Why = fmt.Sprintf("has joined, and did not report within %s that its post_bootstrap has ended", r.Timing.BootTimeout)
		return &last
	}
	return err
}

// restartNode has a node try again what failed of its post_bootstrap. However that ends, the
// node takes pods again.
func (r *Runner) restartNode(ctx context.Context, s model.RestartNode) error {
	err := r.restart(ctx, s)
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), uncordonWithin)
	defer cancel()
	return errors.Join(err, retry(own, r.Timing, func(ctx context.Context) error {
		return r.uncordonNode(ctx, model.UncordonNode{Node: s.Machine.Marker.Node})
	}))
}

// uncordonWithin bounds how long a run that ends takes to have a node take pods again. Where
// it does not, the next plan does.
const uncordonWithin = 15 * time.Second

// noteRestart records a restart that was in vain, so that it is not repeated unasked.
func (r *Runner) noteRestart(ctx context.Context, s model.RestartNode, err error) error {
	var again *CommandError
	if ctx.Err() != nil || !errors.As(err, &again) {
		return err
	}
	return errors.Join(err, r.record.restarted(ctx, s.Machine.Marker))
}

func (r *Runner) restart(ctx context.Context, s model.RestartNode) error {
	m := s.Machine
	name := m.Marker.Node
	if m.Marker.ControlPlane() {
		// It is not in the middle of a renewal, and no other one restarts its static pods meanwhile.
		if err := r.holdRenewals(ctx, ""); err != nil {
			return err
		}
	}
	others, err := r.othersServe(ctx, m)
	if err != nil {
		return err
	}
	if others { // etcd keeps its quorum while this member is away
		if err := r.prepareDrain(ctx, name); err != nil {
			return err
		}
	}
	if err := r.drainBy(ctx, name, s.DrainTimeout, model.API.DrainToRestart); err != nil {
		return err
	}
	if others { // that took long: the quorum is judged anew, and the leader may be back
		if err := r.handOverVIP(ctx, name); err != nil {
			return err
		}
		if err := r.prepareDrain(ctx, name); err != nil {
			return err
		}
	}
	if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOff(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("power off %s: %w", m.Path, err)
	}
	off, err := r.changes.watch.vm(ctx, m.Ref, false)
	if err != nil {
		return err
	}
	if err := r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.PowerOn(ctx, m.Ref) }); err != nil {
		return fmt.Errorf("power on %s: %w", m.Path, err)
	}
	// It counts as Ready for a while after its power is gone: that it is back shows after it
	// has reported.
	err = r.commandsEnd(ctx, m.Ref, name, nextNothing, off.Phase != "")
	if ctx.Err() != nil {
		return err
	}
	back := r.waitBack(ctx, m)
	if others && ctx.Err() == nil {
		back = errors.Join(back, r.waitMember(ctx, name))
	}
	var again *BootError
	if back == nil && errors.As(err, &again) {
		return &CommandError{err}
	}
	return errors.Join(err, back)
}

// CommandError is a command of post_bootstrap that failed again on a node which is back and
// well: nothing else has to wait for that.
type CommandError struct{ Err error }

func (e *CommandError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *CommandError) Unwrap() error { return e.Err }

// endsStage reports whether a failure of a step keeps the others of its stage from being begun.
func endsStage(err error) bool {
	var command *CommandError
	return !errors.As(err, &command)
}

// stops reports whether a failure of a step keeps rollouts from being begun.
func stops(err error) bool {
	var waited *NotReadyError
	return endsStage(err) && !errors.As(err, &waited)
}

// othersServe reports whether a node is of a control plane that has others now: those that
// this run has added count.
func (r *Runner) othersServe(ctx context.Context, m model.Machine) (bool, error) {
	if !m.Marker.ControlPlane() {
		return false, nil
	}
	nodes, err := r.api.recentNodes(ctx, 0)
	if err != nil {
		return false, err
	}
	for name := range nodes {
		if name != m.Marker.Node && r.isControlPlane(name) {
			return true, nil
		}
	}
	return false, nil
}
