//go:build !linux

package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// World can't exist here.
type World struct{}

var errNotLinux = errors.New("not Linux")

// Check says why machines can't run here.
func Check(Options) error {
	return fmt.Errorf("machines need Linux namespaces and control groups; this is %s", runtime.GOOS)
}

// CheckHost says why machines can't run here.
func CheckHost(string) error { return Check(Options{}) }

// NewWorld fails with what Check says.
func NewWorld(options Options) (*World, error) { return nil, Check(options) }

// MirrorURL is empty here.
func (*World) MirrorURL() string { return "" }

// MirrorCA is empty here.
func (*World) MirrorCA() string { return "" }

// PowerOn does nothing here.
func (*World) PowerOn(guest.VM) {}

// PowerOff does nothing here.
func (*World) PowerOff(string) {}

// Destroyed does nothing here.
func (*World) Destroyed(string) {}

// Guests returns nil on this system.
func (*World) Guests() []guest.State { return nil }

// ProxyURL returns an empty string on this system.
func (*World) ProxyURL() string { return "" }

// Close does nothing here.
func (*World) Close() {}

// Leftovers returns nil on this system.
func Leftovers(...string) []string { return nil }

// Remains returns nil on this system.
func (*World) Remains() []string { return nil }

// Run fails here.
func (*World) Run(context.Context, string, ...string) ([]byte, error) { return nil, errNotLinux }

// Dial fails here.
func (*World) Dial(context.Context, netip.AddrPort) (net.Conn, error) { return nil, errNotLinux }

// Advertise fails here.
func (*World) Advertise(string, netip.Prefix, netip.Addr) error { return errNotLinux }

// Holders returns nil on this system.
func (*World) Holders(netip.Addr) []string { return nil }

// Listen fails here.
func (*World) Listen() (net.Listener, error) { return nil, errNotLinux }
