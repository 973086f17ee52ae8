package simulator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// Calls returns the counts of vCenter calls since the start or ResetCalls.
func (s *Simulator) Calls() Calls { return s.front.snapshot() }

// ResetCalls starts counting anew.
func (s *Simulator) ResetCalls() { s.front.reset() }

// AddFault puts a rule in force.
func (s *Simulator) AddFault(f Fault) error { return s.rules.add(f) }

// ClearFaults ends all rules.
func (s *Simulator) ClearFaults() { s.rules.clear() }

// Faults lists the rules that may still hit something.
func (s *Simulator) Faults() []Fault { return s.rules.list() }

// StopAfter lets k-1 more vCenter calls through and closes the connection of
// the k-th and of every one after it until Resume, as if the client had died
// before its k-th call. The way into the guest network closes with it.
func (s *Simulator) StopAfter(k int) {
	s.front.stopAfter(k)
	if k <= 1 {
		s.relay.cut()
	}
}

// Resume lets calls through again.
func (s *Simulator) Resume() { s.front.resume() }

// Stopped reports whether StopAfter has come into force.
func (s *Simulator) Stopped() bool { return s.front.stopped() }

// SetLatency changes what is added to every vCenter call.
func (s *Simulator) SetLatency(d time.Duration) { s.front.setLatency(d) }

// SetTaskDuration changes how long a task runs at least, by vCenter's clock.
func (s *Simulator) SetTaskDuration(d time.Duration) { s.taskDuration.Store(int64(d)) }

// SetCloneDuration changes what a clone takes beyond that.
func (s *Simulator) SetCloneDuration(d time.Duration) { s.cloneDuration.Store(int64(d)) }

// ClonesUnderWay counts the clones that have begun and not ended.
func (s *Simulator) ClonesUnderWay() int { return int(s.clones.Load()) }

// AdvanceClock moves vCenter's clock. Tasks whose time is over then end.
func (s *Simulator) AdvanceClock(d time.Duration) {
	s.clock.advance(d)
	if w, ok := s.guests.(*guest.World); ok {
		w.Pass(d)
	}
}

// Now returns vCenter's time.
func (s *Simulator) Now() time.Time { return s.clock.now() }

// Sessions counts the open sessions.
func (s *Simulator) Sessions() Sessions { return s.sessions.live(s.soapKeys()) }

// ExpireSessions ends all sessions, as idle time does.
func (s *Simulator) ExpireSessions() {
	s.sessions.expire(s.soapKeys())
	s.collectors.clear()
}

// Restart acts as a restart of vCenter: all sessions end and finished
// tasks are forgotten.
func (s *Simulator) Restart() {
	s.ExpireSessions()
	s.ForgetTasks()
}

// SetRegistry has an image registry, by the host of its URLs, let one user in from now on. It does
// nothing where the guests run real Kubernetes.
func (s *Simulator) SetRegistry(host string, r guest.Registry) {
	if imitations, ok := s.guests.(*guest.World); ok {
		imitations.SetRegistry(host, r)
	}
}

// HideTag makes a tag unreadable: lists leave it out, but its id and name stay
// taken. It is named by its id or its name. It reports whether the tag exists.
func (s *Simulator) HideTag(tag string) bool { return s.tags.hide(tag) }

// CopyCategory adds a second tag category of a name, as a vCenter in linked mode does
// with one that another vCenter made. It returns its id, and false where there is none
// of the name.
func (s *Simulator) CopyCategory(name string) (string, bool) { return s.tags.copyCategory(name) }

// ChangeLease has the simulated server of DHCP give a machine another address from its next
// boot on, the next that is free where none is named. It is named by its managed object id.
func (s *Simulator) ChangeLease(id string, to netip.Addr) error {
	imitations, ok := s.guests.(*guest.World)
	if !ok {
		return errors.New("machines with real Kubernetes have their leases from a server of their own")
	}
	return imitations.ChangeLease(id, to)
}

// LimitLeases bounds how many leases a network of imitations has; a negative number is no
// bound. A machine that gets none waits.
func (s *Simulator) LimitLeases(network string, leases int) {
	if imitations, ok := s.guests.(*guest.World); ok {
		imitations.LimitLeases(network, leases)
	}
}

// WaitGuests waits until no guest is on its way to another phase, or ctx ends.
func (s *Simulator) WaitGuests(ctx context.Context, settled func([]Guest) bool) error {
	for {
		if settled(s.Guests()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("guests did not settle: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
}
