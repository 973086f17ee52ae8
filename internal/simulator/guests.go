package simulator

import (
	"net/netip"
)

// guestVM is a machine that was powered on, as its guest sees it.
type guestVM struct {
	ID                string
	Name              string
	UUID              string
	GuestInfo         map[string]string
	Network           string
	Segment           netip.Prefix
	KubernetesVersion string
	Report            func(changes map[string]string)
	SetNetwork        func(ips []netip.Addr, hostname string)
}

// Guest is what a machine's guest is doing.
type Guest struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Phase string `json:"phase"`
	Error string `json:"error,omitempty"`
	Log   string `json:"log,omitempty"`
}

// guestWorld plays the guests and the network between them.
type guestWorld interface {
	ProxyURL() string
	PowerOn(vm guestVM)
	PowerOff(id string)
	Destroyed(id string)
	Guests() []Guest
	Close()
}

// noGuests is a world in which machines have no operating system.
type noGuests struct{}

func (noGuests) ProxyURL() string { return "" }
func (noGuests) PowerOn(guestVM)  {}
func (noGuests) PowerOff(string)  {}
func (noGuests) Destroyed(string) {}
func (noGuests) Guests() []Guest  { return nil }
func (noGuests) Close()           {}

func (s *Simulator) startGuests() error { return nil }
