package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// BootError is a node that did not become a member, with what is known of its guest.
type BootError struct {
	Cluster uuid.UUID
	Node    string
	Why     string
	State   model.VMState
	// Stays says that the node has joined, or may have: it is not built again.
	Stays bool
}

func (e *BootError) Error() string {
	return fmt.Sprintf("node %s %s. %s", e.Node, e.Why, Diagnosis(e.State, e.Stays))
}

// Diagnosis says what the state of a VM means whose guest did not become a node, and
// what to do. One that stays is not built again.
func Diagnosis(s model.VMState, stays bool) string {
	switch {
	case !s.PoweredOn && stays:
		return "Its VM is powered off: see the VM's events in vCenter for the reason. The next apply powers it on." + tail(s)
	case !s.PoweredOn:
		return "Its VM is powered off: see the VM's events in vCenter for the reason. The next apply builds it again." + tail(s)
	case s.Phase != "":
		return fmt.Sprintf("Its guest reported the phase %q last.", s.Phase) + tail(s)
	case s.Silenced:
		return "Its guest may not report how far it came, because the VM's option isolation.tools.setinfo.disable is TRUE: " +
			"see the VM's console and /var/log/cloud-init-output.log in it, or remove the option from the template."
	case !s.ToolsRunning:
		return "The guest tools do not run: the system does not boot, or the template has no open-vm-tools. See the VM's console."
	case s.Userdata:
		return "The system runs and has not read its bootstrap data: cloud-init did not run, or does not use the datasource VMware. " +
			"In the template, install and enable cloud-init, let datasource_list in /etc/cloud/cloud.cfg.d name VMware, " +
			"and run `cloud-init clean` before it is made a template."
	default:
		return "cloud-init has read its bootstrap data, and no phase was reported after that: the network did not come up. " +
			"In the template, remove network configuration that was left (in /etc/netplan, /etc/systemd/network or " +
			"/etc/NetworkManager/system-connections) and `network: {config: disabled}` in /etc/cloud/cloud.cfg.d; " +
			"check the VM's network and its VLAN."
	}
}

// tail is the end of a guest's log, where there is one.
func tail(s model.VMState) string {
	if s.LogTail == "" {
		return ""
	}
	return " The end of its log:\n" + s.LogTail
}

// boot powers the VM on, once the cluster lets the node join, and waits until it has.
func (n *newNode) boot(ctx context.Context) error {
	if !n.First {
		release, err := n.api.admit(ctx, n.NodePool.ControlPlane())
		if err != nil {
			return err
		}
		defer release()
	}
	for {
		if err := n.start(ctx); err != nil {
			return err
		}
		if n.refused == nil {
			return n.waitJoined(ctx, n.seen)
		}
		if err := n.elsewhere(ctx, ctx, n.refused); err != nil {
			return err // it names the VM's path
		}
	}
}

// start powers the VM on, if it was not asked to yet, with what keeps it from other hosts.
func (n *newNode) start(ctx context.Context) error {
	if n.started {
		return nil
	}
	if err := n.rules.admit(ctx, n); err != nil {
		return err
	}
	if err := n.changes.slots.take(ctx, n.turn); err != nil {
		return err
	}
	n.powerOn(ctx)
	n.changes.slots.give()
	return nil
}

// powerOn starts the VM. It has a slot.
func (n *newNode) powerOn(ctx context.Context) {
	start := func(ctx context.Context) (string, error) { return n.VCenter.PowerOn(ctx, n.vm) }
	n.seen, n.refused = n.changes.taskInSlot(ctx, []string{n.vm}, start, &model.TaskState{})
	n.started = true
}

// waitJoined waits until a node is a member of the cluster. That is for the cluster's
// API to say: the guest may not be able to report. What the guest and its VM show
// meanwhile ends a wait early and says why it was in vain. It begins with what was seen
// when the VM was powered on.
func (n *newNode) waitJoined(ctx context.Context, seen *model.PollResult) error {
	bounded, cancel := context.WithTimeout(ctx, n.Timing.BootTimeout)
	defer cancel()
	joined := make(chan error, 1)
	go func() { joined <- n.api.waitJoined(bounded, n.CreateNode, n.resumes) }()

	boot := bootWatch{vm: n.vm, timing: n.Timing, began: time.Now(), resumes: n.resumes}
	boot.last = BootError{Cluster: n.Spec.ID, Node: n.Node, Stays: n.resumes}
	var gaveUp error
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if _, gaveUp = boot.check(seen); gaveUp == nil {
			gaveUp = n.changes.watch.meanwhile(bounded, model.PollRequest{VMs: []string{n.vm}}, func(res *model.PollResult) (bool, error) {
				noteGuest(ctx, res.VMs[n.vm].Phase)
				return boot.check(res)
			})
		}
	}()

	announced := n.announce(bounded)
	var err, silent error
	select {
	case err = <-announced.failed:
		cancel()
		if silent = <-joined; silent == nil {
			err = errors.Join(err, n.recordJoined(ctx))
		}
		<-watched
	case silent = <-joined:
		if err = silent; err == nil {
			err = n.recordJoined(ctx)
		}
		if err == nil {
			err = announced.wait(bounded)
		}
		cancel()
		<-watched // the state of the guest stands still from here
	case <-watched:
		err = gaveUp
		cancel()
		if silent = <-joined; silent == nil {
			err = n.recordJoined(ctx) // it was a member by then
		}
	}
	n.joined = !boot.done.IsZero()
	return n.outcome(ctx, &boot, err, silent)
}

// outcome is why a node did not join: that the API has not heard of it, where the guest says
// nothing that explains it.
func (n *newNode) outcome(ctx context.Context, boot *bootWatch, err, silent error) error {
	switch {
	case err == nil, silent == nil && ctx.Err() == nil:
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case boot.silent:
		boot.last.Why = "reports that it has joined, and " + silent.Error()
		return errors.Join(&boot.last, n.recordServes(ctx))
	case time.Since(boot.began) >= n.Timing.BootTimeout:
		boot.last.Why = fmt.Sprintf("did not join within %s: %v", n.Timing.BootTimeout, silent)
		return &boot.last
	default:
		return err
	}
}

// recordJoined records that a control-plane node has joined, as soon as it has, and before
// the load balancer is waited for: it is a member of etcd from there on, and never built
// again, however this run ends.
func (n *newNode) recordJoined(ctx context.Context) error {
	if !n.NodePool.ControlPlane() {
		return nil
	}
	return n.record.joined(ctx, n.Node)
}

// recordServes records that the first node of a restore reports that it has joined, although
// the API does not say so from here: it may serve, and once it is off nothing else tells.
func (n *newNode) recordServes(ctx context.Context) error {
	if !n.First || n.Spec.Restore == nil {
		return nil
	}
	return n.recordJoined(ctx)
}

// bootWatch follows one VM while it boots.
type bootWatch struct {
	vm     string
	timing model.Timing
	last   BootError
	began  time.Time
	off    time.Time // since when it is powered off, if it is
	done   time.Time // since when the guest says that it has joined
	silent bool      // and the API does not say so in its time

	resumes bool      // it has booted before
	failed  time.Time // since when the guest says that it failed
}

// check returns an error once there is no use in waiting any longer.
func (b *bootWatch) check(res *model.PollResult) (bool, error) {
	state, ok := res.VMs[b.vm]
	if ok {
		b.last.State = state
	}
	since(&b.off, ok && !state.PoweredOn)
	since(&b.done, model.HasJoined(state.Phase))
	since(&b.failed, state.Phase == model.PhaseFailed || state.Phase == model.PhaseInitFailed)
	switch {
	case res.Gone[b.vm]:
		b.last.Why = "was deleted while it booted"
		return false, &b.last
	case !b.failed.IsZero() && (!b.resumes || time.Since(b.failed) > b.timing.APITimeout):
		// Where kubeadm init began before, the guest gives up at once, and the API server
		// starts beside that.
		b.last.Why = "failed to join"
		return false, &b.last
	case !b.off.IsZero() && time.Since(b.off) > b.timing.OffLimit:
		// After a host's failure high availability takes a moment to start it again.
		b.last.Why = "was powered off while it booted, and stays off"
		return false, &b.last
	case !b.done.IsZero() && time.Since(b.done) > b.timing.APITimeout:
		b.silent = true
		return false, &b.last
	default:
		return false, nil
	}
}

// since notes since when something holds.
func since(at *time.Time, holds bool) {
	switch {
	case !holds:
		*at = time.Time{}
	case at.IsZero():
		*at = time.Now()
	}
}
