package guest

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
)

const (
	keyBackends = "guestinfo.gantry.backends"
	keyApplied  = "guestinfo.gantry.backends.applied"
)

// balancer is HAProxy on a load balancer: it hands connections to the API servers in its list
// that are ready and that its authority has signed.
type balancer struct {
	world    *World
	listener *network.Listener

	mu       sync.Mutex // after World.mu
	backends []netip.AddrPort
	ca       *x509.Certificate
	next     int // whose turn it is
	sessions map[*session]bool
	closed   bool
}

// session is a connection that was handed to a backend. It lives on when that leaves the
// list, and ends with the machine.
type session struct {
	net.Conn
	balancer *balancer
}

func (s *session) Close() error {
	s.balancer.mu.Lock()
	delete(s.balancer.sessions, s)
	s.balancer.mu.Unlock()
	return s.Conn.Close()
}

// CloseWrite ends one direction.
func (s *session) CloseWrite() error {
	if half, ok := s.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// balance is the script of a load balancer, which ends with the machine.
func (g *guest) balance(ctx context.Context, inst *cloudinit.Instance) error {
	documents, err := readBalancer(inst)
	if err != nil {
		return err
	}
	g.log("+ crictl pull %s", documents.image)
	if err := g.pull(inst, documents.image, sandbox(inst)); err != nil {
		return err
	}
	reported := ""
	for {
		if g.hung() {
			<-ctx.Done()
			return errOff
		}
		wanted := g.receive()
		switch {
		case wanted == "" && reported == "":
			reported = "nothing"
			g.set(ctx, PhaseWaiting, nil)
		case wanted != "" && wanted != reported:
			if err := g.apply(ctx, documents, wanted); err != nil {
				return err
			}
			reported = wanted
			g.report(ctx, map[string]string{keyApplied: wanted})
			g.set(ctx, PhaseServing, nil)
		}
		if !sleep(ctx, pollInterval) {
			return errOff
		}
	}
}

// hung reports whether nothing runs on the machine any more.
func (g *guest) hung() bool {
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	return g.hangs
}

// addressList is what the script takes for a list of backends.
var addressList = regexp.MustCompile(`^\d{1,3}(\.\d{1,3}){3}(,\d{1,3}(\.\d{1,3}){3})*$`)

// receive returns the backends that the machine has on its disk, after it has looked for new
// ones. What is no list changes nothing.
func (g *guest) receive() string {
	g.world.mu.Lock()
	vm := g.vm // the power may have been off and be back on by now
	g.world.mu.Unlock()
	value := vm.GuestInfo[keyBackends]
	if vm.Read != nil {
		value = vm.Read(keyBackends)
	}
	value = strings.Join(strings.Fields(value), "")
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if value != "" && value != g.disk.backends && addressList.MatchString(value) {
		g.console.Print("the backends are " + value)
		g.disk.backends = value
	}
	return g.disk.backends
}

// apply has HAProxy run by a list of backends, and starts it with the first.
func (g *guest) apply(ctx context.Context, documents *balancerDocuments, list string) error {
	config, ca, err := documents.configuration(list)
	if err != nil {
		return err
	}
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	if ctx.Err() != nil {
		return errOff
	}
	if g.balancer == nil {
		at := netip.AddrPortFrom(g.addresses[0], config.Bind.Port())
		listener, err := g.world.network.Listen(at)
		if err != nil {
			return fmt.Errorf("haproxy: cannot bind socket: %w", err)
		}
		b := &balancer{world: g.world, listener: listener, sessions: map[*session]bool{}}
		g.balancer = b
		g.world.running.Go(b.serve)
	}
	g.balancer.mu.Lock()
	defer g.balancer.mu.Unlock()
	g.balancer.backends = config.Backends
	g.balancer.ca = ca
	return nil
}

func (b *balancer) serve() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.world.running.Go(func() { b.forward(client) })
	}
}

// forward hands a connection to a backend that is ready, and to another one where that does
// not take it. Without any it is closed.
func (b *balancer) forward(client net.Conn) {
	s := &session{Conn: client, balancer: b}
	b.mu.Lock()
	closed := b.closed
	b.sessions[s] = true
	b.mu.Unlock()
	if !closed {
		for _, at := range b.ready() {
			if b.world.network.Hand(b.world.ctx, at, s) == nil {
				return
			}
		}
	}
	_ = s.Close()
}

// ready are the backends that answer /readyz by a certificate of the cluster's authority, in
// turn.
func (b *balancer) ready() []netip.AddrPort {
	b.world.mu.Lock()
	defer b.world.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	var found []netip.AddrPort
	for _, at := range b.backends {
		if c := b.world.servedAt(at); c != nil && c.ca.Certificate.Equal(b.ca) && c.healthy() == nil {
			found = append(found, at)
		}
	}
	if len(found) > 0 {
		b.next++
		turn := b.next % len(found)
		found = slices.Concat(found[turn:], found[:turn])
	}
	return found
}

// servedAt returns the cluster of the API server at an address; nil: there is none. World.mu
// is held.
func (w *World) servedAt(at netip.AddrPort) *cluster {
	i := slices.IndexFunc(w.clusters, func(c *cluster) bool { return c.servesAt(at) })
	if i < 0 {
		return nil
	}
	return w.clusters[i]
}

// balancedAt returns the cluster that a load balancer at an address leads to; nil: none does.
// It takes World.mu.
func (w *World) balancedAt(at netip.AddrPort) *cluster {
	w.mu.Lock()
	var b *balancer
	for _, g := range w.guests {
		if g.balancer != nil && g.halt != nil && slices.Contains(g.addresses, at.Addr()) {
			b = g.balancer
		}
	}
	w.mu.Unlock()
	if b == nil {
		return nil
	}
	for _, backend := range b.ready() {
		w.mu.Lock()
		c := w.servedAt(backend)
		w.mu.Unlock()
		if c != nil {
			return c
		}
	}
	return nil
}

// close ends HAProxy with its machine. World.mu is held.
func (b *balancer) close() {
	if b == nil {
		return
	}
	_ = b.listener.Close()
	b.mu.Lock()
	b.closed = true
	sessions := b.sessions
	b.sessions = map[*session]bool{}
	b.mu.Unlock()
	for s := range sessions {
		_ = s.Conn.Close()
	}
}
