package run

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// BootError is a node that did not become a member, with what its guest said.
type BootError struct {
	Cluster uuid.UUID
	Node    string
	Phase   string
	Why     string
	Log     string // the tail of the guest's log
}

func (e *BootError) Error() string {
	phase := e.Phase
	if phase == "" {
		phase = "none reported"
	}
	msg := fmt.Sprintf("node %s %s (last phase: %s)", e.Node, e.Why, phase)
	if e.Log == "" {
		return msg + ". The guest reported no log: check that the template has open-vm-tools " +
			"and cloud-init with the VMware datasource, and the VM's console."
	}
	return msg + ". The end of its log:\n" + e.Log
}

// waitJoined waits until a node has booted and joined. The first node of the
// control plane has when the API answers behind the VIP, any other when the API
// knows it.
func (n *newNode) waitJoined(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, n.Timing.BootTimeout)
	defer cancel()
	boot := bootWatch{vm: n.vm, offLimit: n.Timing.RetryBudget, last: BootError{Cluster: n.Spec.ID, Node: n.Node}}
	err := n.changes.watch.until(bounded, model.PollRequest{VMs: []string{n.vm}}, boot.check)
	n.userdata = boot.userdata
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		boot.last.Why = fmt.Sprintf("did not join within %s", n.Timing.BootTimeout)
		return &boot.last
	}
	if err != nil {
		return err
	}
	n.joined = true
	if n.First {
		return n.api.waitFirstReady(ctx)
	}
	return n.api.waitRegistered(ctx, n.Node)
}

// bootWatch follows one VM while it boots.
type bootWatch struct {
	vm       string
	offLimit time.Duration
	last     BootError
	off      time.Time // since when it is powered off, if it is
	userdata bool
}

// check returns true once the guest has reported that it joined.
func (b *bootWatch) check(res *model.PollResult) (bool, error) {
	state, ok := res.VMs[b.vm]
	b.last.Phase = state.Phase
	b.last.Log = state.LogTail
	b.userdata = state.Userdata
	switch {
	case !ok || state.PoweredOn:
		b.off = time.Time{}
	case b.off.IsZero():
		b.off = time.Now()
	}
	switch {
	case res.Gone[b.vm]:
		b.last.Why = "was deleted while it booted"
		return false, &b.last
	case state.Phase == model.PhaseFailed:
		b.last.Why = "failed to join"
		return false, &b.last
	case !b.off.IsZero() && time.Since(b.off) > b.offLimit:
		// After a host's failure high availability takes a moment to start it again.
		b.last.Why = "was powered off while it booted, and stays off"
		return false, &b.last
	default:
		return ok && state.Phase == model.PhaseJoined, nil
	}
}
