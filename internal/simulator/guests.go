package simulator

import (
	"fmt"
	"net/netip"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// Guest is what a machine's guest is doing.
type Guest struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Phase guest.Phase `json:"phase"`
	Error string      `json:"error,omitempty"`
	Log   string      `json:"log,omitempty"`
}

// startGuests makes the world of the guests and the way into its network.
func (s *Simulator) startGuests() error {
	world, err := guest.NewWorld(guest.Options{Now: s.clock.now, BootDelay: s.opts.BootDelay, JoinTimeout: s.opts.JoinTimeout})
	if err != nil {
		return fmt.Errorf("guests: %w", err)
	}
	s.guests = world
	if s.relay, err = startRelay(s.opts.ProxyListen, world.ProxyURL(), s.Stopped); err != nil {
		return fmt.Errorf("proxy into the guest network: %w", err)
	}
	return nil
}

// Guests are the guests of all machines that ever booted and still exist.
func (s *Simulator) Guests() []Guest {
	states := s.guests.Guests()
	guests := make([]Guest, 0, len(states))
	for _, state := range states {
		guests = append(guests, Guest{ID: state.ID, Name: state.Name, Phase: state.Phase, Error: state.Error, Log: state.Log})
	}
	return guests
}

// segmentOf is the prefix of a network, where it is known.
func segmentOf(network string) netip.Prefix { return segments[network] }
