package machine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// World is the machines of one simulated datacenter and their network. Its
// methods may be called concurrently.
type World struct {
	options  Options
	name     string // of its directory and its control group
	home     string
	groups   hierarchies
	fabric   *fabric
	registry *http.Server
	mirrorCA string // of the registry, where it has a Mirror
	proxy    *network.Proxy
	passages passages
	ctx      context.Context
	cancel   context.CancelFunc
	running  sync.WaitGroup
	close    func()

	mu       sync.Mutex
	closed   bool
	machines map[string]*machine
	// dying are machines that were destroyed and are not quite gone: another with
	// the same id waits for that.
	dying map[string]*machine
}

// NewWorld sweeps what dead Worlds left, and makes a network without machines.
// It fails where Check does. What can't be swept does no harm: Leftovers
// lists it.
func NewWorld(options Options) (*World, error) {
	if err := Check(options); err != nil {
		return nil, err
	}
	options, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	groups, err := findHierarchies()
	if err != nil {
		return nil, err
	}
	sweep(groups, options.Home)
	w := &World{options: options, groups: groups, machines: map[string]*machine{}, dying: map[string]*machine{}}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	w.close = sync.OnceFunc(w.shutdown)
	if err := w.open(); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// open makes all that Close unmakes.
func (w *World) open() (err error) {
	if w.name, err = ownerName(w.options.Home); err != nil {
		return err
	}
	if w.home, err = filepath.Abs(filepath.Join(w.options.Home, w.name)); err != nil {
		return err
	}
	if err := os.Mkdir(w.home, 0o700); err != nil {
		return err
	}
	if err := w.groups.create(w.name); err != nil {
		return err
	}
	if w.fabric, err = newFabric(); err != nil {
		return err
	}
	images, err := registry.New(registry.Options{Binaries: w.options.Binaries, Guest: w.options.Guest})
	if err != nil {
		return err
	}
	if err := w.serve(images); err != nil {
		return fmt.Errorf("registry of images: %w", err)
	}
	w.proxy, err = network.NewProxy(w.reach, w.options.ProxyListen, w.resolve)
	return err
}

// ProxyURL returns the HTTP CONNECT proxy into the network of the machines.
func (w *World) ProxyURL() string { return w.proxy.URL() }

// Close kills every machine and removes all that the World has made. It must not
// be called from within Report or SetNetwork.
func (w *World) Close() { w.close() }

func (w *World) shutdown() {
	w.mu.Lock()
	w.closed = true
	for _, m := range w.machines {
		m.halt()
	}
	w.mu.Unlock()
	w.cancel()
	if w.proxy != nil {
		w.proxy.Close()
	}
	w.passages.close()
	if w.registry != nil {
		_ = w.registry.Close()
	}
	w.running.Wait()
	if w.fabric != nil {
		w.fabric.endLeases()
		w.fabric.close()
	}
	if w.name == "" {
		return
	}
	// What can't be removed is found by Leftovers, and by the next World.
	_ = w.groups.remove(patience, w.name)
	if w.home != "" {
		_ = removeTree(w.home)
	}
	disown(w.name)
}

// patience is how long a killed process may take to go.
const patience = 20 * time.Second

// PowerOn boots a VM in the background. A machine that is on stays as it is; one
// that has booted before comes back with what is on its disk.
func (w *World) PowerOn(vm guest.VM) {
	if w.options.Tamper != nil {
		vm = tampered(vm, w.options.Tamper(vm))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	m := w.machines[vm.ID]
	if m == nil {
		m = newMachine(w, vm, w.dying[vm.ID])
		w.machines[vm.ID] = m
	}
	if m.cycle == nil {
		m.boot(vm)
	}
}

// tampered has the guest read what was changed of its guestinfo, and not what vCenter has by
// now.
func tampered(vm, changed guest.VM) guest.VM {
	if read := changed.Read; read != nil {
		changed.Read = func(key string) string {
			if value := changed.GuestInfo[key]; value != vm.GuestInfo[key] {
				return value
			}
			return read(key)
		}
	}
	return changed
}

// PowerOff kills a machine and returns when nothing of it runs any more. Its disk
// stays. Others notice as they would of a real one: it just doesn't answer.
func (w *World) PowerOff(id string) {
	w.mu.Lock()
	m := w.machines[id]
	var last *cycle
	if m != nil {
		last = m.halt()
	}
	w.mu.Unlock()
	if last != nil {
		<-last.done
	}
}

// Destroyed kills a machine and removes its disk.
func (w *World) Destroyed(id string) {
	w.mu.Lock()
	m := w.machines[id]
	if m == nil || w.closed {
		w.mu.Unlock()
		return
	}
	m.halt()
	last := m.last
	delete(w.machines, id)
	w.dying[id] = m
	w.running.Add(1)
	w.mu.Unlock()
	defer w.running.Done()
	<-last.done
	m.stopCallbacks()
	if err := removeTree(m.dir); err != nil {
		m.console.printf("[host] %v", err)
	}
	close(m.gone)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dying[id] == m {
		delete(w.dying, id)
	}
}

// on counts the machines that are powered on.
func (w *World) on() (count int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, m := range w.machines {
		if m.cycle != nil {
			count++
		}
	}
	return count
}

// Guests returns all machines whose disk exists, by name.
func (w *World) Guests() []guest.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	states := make([]guest.State, 0, len(w.machines))
	for _, m := range w.machines {
		state := guest.State{
			ID:    m.vm.ID,
			Name:  m.vm.Name,
			Phase: m.phase,
			Error: m.failure,
			Log:   m.console.String(),
		}
		switch {
		case m.cycle == nil:
			state.Phase = guest.PhaseOff
		case m.broken != "":
			state.Phase = guest.PhaseFailed
			state.Error = m.broken
		}
		states = append(states, state)
	}
	slices.SortFunc(states, func(a, b guest.State) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return states
}

// serve opens the registry at the addresses where machines expect it.
func (w *World) serve(images http.Handler) error {
	w.registry = &http.Server{Handler: images, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent}
	serve := w.registry.Serve
	if w.options.Mirror != nil {
		if err := w.behindMirror(w.registry); err != nil {
			return err
		}
		serve = func(l net.Listener) error { return w.registry.ServeTLS(l, "", "") }
	}
	for _, address := range w.fabric.registry {
		if w.options.Mirror != nil {
			address = netip.AddrPortFrom(address.Addr(), wire.MirrorPort)
		}
		listener, err := w.fabric.listen(address.String())
		if err != nil {
			return err
		}
		w.running.Go(func() {
			if err := serve(listener); !errors.Is(err, http.ErrServerClosed) {
				_ = listener.Close()
			}
		})
	}
	return nil
}
