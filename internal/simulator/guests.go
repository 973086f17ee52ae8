package simulator

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// Guest is what a machine's guest is doing.
type Guest struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Phase guest.Phase `json:"phase"`
	Error string      `json:"error,omitempty"`
	Log   string      `json:"log,omitempty"`
}

// guests are what boots in the machines: strict imitations or the real thing.
type guests interface {
	PowerOn(vm guest.VM)
	PowerOff(id string)
	Destroyed(id string)
	Guests() []guest.State
	// ProxyURL is the HTTP CONNECT proxy into the network of the guests.
	ProxyURL() string
	Close()
}

// startGuests makes the world of the guests and the way into its network.
func (s *Simulator) startGuests() (err error) {
	if s.opts.Real != nil {
		s.guests, err = machine.NewWorld(*s.opts.Real)
	} else {
		s.guests, err = guest.NewWorld(guest.Options{
			Now:         s.clock.now,
			BootDelay:   s.opts.BootDelay,
			JoinTimeout: s.opts.JoinTimeout,
			PodDelay:    cmp.Or(s.opts.PodDelay, 50*time.Millisecond),
			AtJoin:      s.opts.AtJoin,
			Cloud:       cloud{s},
		})
	}
	if err != nil {
		s.guests = nil // and not an interface around nil
		return fmt.Errorf("guests: %w", err)
	}
	if s.relay, err = startRelay(s.opts.ProxyListen, s.guests.ProxyURL(), s.Stopped); err != nil {
		return fmt.Errorf("proxy into the guest network: %w", err)
	}
	return nil
}

// Machines returns the guests that run real Kubernetes; nil where they are imitations.
func (s *Simulator) Machines() *machine.World {
	world, _ := s.guests.(*machine.World)
	return world
}

// Guests returns the guests of all machines that ever booted and still exist.
func (s *Simulator) Guests() []Guest {
	states := s.guests.Guests()
	guests := make([]Guest, 0, len(states))
	for _, state := range states {
		guests = append(guests, Guest{
			ID:    state.ID,
			Name:  state.Name,
			Phase: state.Phase,
			Error: state.Error,
			Log:   state.Log,
		})
	}
	return guests
}

// History returns what the guests have done once and for all; nothing where they run real
// Kubernetes.
func (s *Simulator) History() guest.History {
	imitations, ok := s.guests.(*guest.World)
	if !ok {
		return guest.History{}
	}
	return imitations.History()
}

// segmentOf returns the prefix of a network, where it is known.
func segmentOf(network string) netip.Prefix { return segments[network] }
