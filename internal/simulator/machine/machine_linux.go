package machine

import (
	"context"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// machine is a VM from its first power-on to its destruction. Its fields belong
// to World.mu unless they say else.
type machine struct {
	world   *World
	vm      guest.VM
	dir     string         // constant
	console *console       // has a lock of its own
	tools   *callbackQueue // likewise
	// after is a destroyed machine with the same id: what is in dir is its.
	after *machine
	// gone is closed when the machine has been destroyed.
	gone chan struct{}

	phase     guest.Phase // as the guest reported it last
	failure   string      // likewise
	broken    string      // why there is no first process, though the machine is on
	guestinfo map[string]string
	own       map[string]bool // the keys that the guest has set since it booted
	cycle     *cycle          // nil while the machine is off
	last      *cycle          // the present power cycle, or the one before
}

// cycle is the time from a power-on to the next power-off.
type cycle struct {
	ctx  context.Context
	halt context.CancelFunc
	// before is the power cycle before this one.
	before *cycle
	// done is closed when nothing of the cycle runs any more.
	done chan struct{}

	// Of a running first process; belong to World.mu.
	pid   int
	space *os.File // its network namespace
}

func newMachine(w *World, vm guest.VM, after *machine) *machine {
	m := &machine{
		world:   w,
		dir:     filepath.Join(w.home, vm.ID),
		console: &console{},
		tools:   newCallbackQueue(),
		after:   after,
		gone:    make(chan struct{}),
		phase:   guest.PhaseBooting,
	}
	w.running.Go(func() { m.tools.run(w.ctx) })
	return m
}

// boot starts a power cycle. World.mu is held.
func (m *machine) boot(vm guest.VM) {
	m.vm = vm
	m.broken = ""
	m.guestinfo = maps.Clone(vm.GuestInfo)
	if m.guestinfo == nil {
		m.guestinfo = map[string]string{}
	}
	m.own = map[string]bool{}
	ctx, halt := context.WithCancel(m.world.ctx)
	c := &cycle{ctx: ctx, halt: halt, before: m.last, done: make(chan struct{})}
	m.cycle = c
	m.last = c
	m.world.running.Go(func() { m.live(c, vm) })
}

// halt ends the present power cycle, if there is one; its end is still to come.
// World.mu is held.
func (m *machine) halt() *cycle {
	c := m.cycle
	if c != nil {
		c.halt()
		m.cycle = nil
	}
	return m.last
}

// stopCallbacks ends the callbacks, which outlive power cycles.
func (m *machine) stopCallbacks() { m.tools.stop() }

// live runs a power cycle from beginning to end.
func (m *machine) live(c *cycle, vm guest.VM) {
	defer close(c.done)
	if c.before != nil {
		<-c.before.done
		c.before = nil
	}
	if m.after != nil {
		<-m.after.gone
		m.after = nil
	}
	if c.ctx.Err() != nil {
		return
	}
	m.console.printf("[host] %s (%s) is powered on", vm.Name, vm.ID)
	if warning := crowded(m.world.on()); warning != "" {
		m.console.printf("[host] %s", warning)
	}
	err := m.run(c, vm)
	if c.ctx.Err() != nil {
		m.console.printf("[host] %s is powered off", vm.Name)
		return
	}
	// It is on, and dead. A real one would show a panic on its console and leave
	// its waiters to a timeout; the simulation says it at once.
	m.console.printf("[host] %v", err)
	m.world.mu.Lock()
	m.broken = err.Error()
	m.world.mu.Unlock()
	m.report(c, map[string]string{keyPhase: string(guest.PhaseFailed), keyLog: err.Error()})
}

// Keys of guestinfo that a machine reports in.
const (
	keyPhase = "guestinfo.gantry.phase"
	keyLog   = "guestinfo.gantry.log"
)

// set takes a change that the guest makes to its guestinfo.
func (m *machine) set(c *cycle, key, value string) {
	m.world.mu.Lock()
	if c.ctx.Err() != nil { // the request comes after its end
		m.world.mu.Unlock()
		return
	}
	m.guestinfo[key] = value
	m.own[key] = true
	if key == keyPhase {
		m.phase = guest.Phase(value)
	}
	m.failure = ""
	if m.phase == guest.PhaseFailed || m.phase == guest.PhasePostFailed {
		m.failure = lastLine(m.guestinfo[keyLog])
	}
	m.world.mu.Unlock()
	m.report(c, map[string]string{key: value})
}

// report passes changes to the VM.
func (m *machine) report(c *cycle, changes map[string]string) {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	if report := m.vm.Report; report != nil {
		m.tools.enqueue(c.ctx, func() { report(changes) })
	}
}

// get returns a value of guestinfo, as it is by now where the guest has not set it itself. An
// empty one is not set: so vCenter has it.
func (m *machine) get(key string) (string, bool) {
	m.world.mu.Lock()
	value := m.guestinfo[key]
	read := m.vm.Read
	if m.own[key] {
		read = nil
	}
	m.world.mu.Unlock()
	if read != nil {
		value = read(key)
	}
	return value, value != ""
}

// networkReported passes the report of the guest tools to the VM.
func (m *machine) networkReported(c *cycle, reported wire.Network) error {
	addresses := make([]netip.Addr, 0, len(reported.Addresses))
	for _, text := range reported.Addresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return err
		}
		addresses = append(addresses, address)
	}
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	if setNetwork := m.vm.SetNetwork; setNetwork != nil {
		m.tools.enqueue(c.ctx, func() { setNetwork(addresses, reported.Hostname) })
	}
	return nil
}

// Managed object references are tame; what is not would leave the home directory.
var safeID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
