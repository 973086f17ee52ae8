// Package network is the simulated network that guests live in: addresses that
// are held or free, endpoints that listen on them, and an HTTP
// CONNECT proxy on loopback that leads in from outside.
package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// ErrUnreachable is the error of a connection to an endpoint where no server
// listens. A real network would answer some of them with silence; the
// simulation refuses at once so that tests don't wait.
var ErrUnreachable = errors.New("no route to host")

// InUseError names the holder of an address that was claimed a second time.
type InUseError struct {
	Address netip.Addr
	Holder  string
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("address %s is in use by %s", e.Address, e.Holder)
}

// Network records the holders of addresses and the listeners.
type Network struct {
	mu        sync.Mutex
	holders   map[netip.Addr]string
	listeners map[netip.AddrPort]*Listener
}

// New returns an empty network.
func New() *Network {
	return &Network{holders: map[netip.Addr]string{}, listeners: map[netip.AddrPort]*Listener{}}
}

// Claim gives an address to a holder, or fails with *InUseError. Claiming an
// address that one holds already is fine.
func (n *Network) Claim(addr netip.Addr, holder string) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if other, taken := n.holders[addr]; taken && other != holder {
		return &InUseError{Address: addr, Holder: other}
	}
	n.holders[addr] = holder
	return nil
}

// Release gives an address back; one that another holder has is left alone.
func (n *Network) Release(addr netip.Addr, holder string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.holders[addr] == holder {
		delete(n.holders, addr)
	}
}

// Holder returns the holder of an address.
func (n *Network) Holder(addr netip.Addr) (string, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	holder, ok := n.holders[addr]
	return holder, ok
}

// Listen opens an endpoint. Its connections are those that Dial and the proxy
// deliver.
func (n *Network) Listen(at netip.AddrPort) (*Listener, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.listeners[at]; taken {
		return nil, fmt.Errorf("listen tcp %s: address already in use", at)
	}
	l := &Listener{network: n, at: at, conns: make(chan net.Conn), done: make(chan struct{})}
	n.listeners[at] = l
	return l, nil
}

// Dial connects to an endpoint from inside the simulated network.
func (n *Network) Dial(ctx context.Context, at netip.AddrPort) (net.Conn, error) {
	near, far := net.Pipe()
	if err := n.deliver(ctx, at, far); err != nil {
		_ = near.Close()
		_ = far.Close()
		return nil, fmt.Errorf("dial tcp %s: connect: %w", at, err)
	}
	return near, nil
}

// Reach opens an endpoint for a proxy. The client's connection itself goes to
// the guest and no bytes are copied, so it dies exactly when the guest closes it.
func (n *Network) Reach(_ context.Context, at netip.AddrPort) (Endpoint, error) {
	if !n.listening(at) {
		return nil, ErrUnreachable
	}
	return &pendingEndpoint{network: n, at: at}, nil
}

// pendingEndpoint is an endpoint that was open when a client connected.
type pendingEndpoint struct {
	network *Network
	at      netip.AddrPort
}

func (d *pendingEndpoint) Take(client net.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return d.network.deliver(ctx, d.at, client)
}

func (*pendingEndpoint) Drop() {}

// deliver passes a connection to the listener.
func (n *Network) deliver(ctx context.Context, at netip.AddrPort, conn net.Conn) error {
	n.mu.Lock()
	l := n.listeners[at]
	n.mu.Unlock()
	if l == nil {
		return ErrUnreachable
	}
	select {
	case l.conns <- conn:
		return nil
	case <-l.done:
		return ErrUnreachable
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hand passes on a connection that another machine has accepted.
func (n *Network) Hand(ctx context.Context, at netip.AddrPort, conn net.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return n.deliver(ctx, at, conn)
}

// listening reports whether an endpoint has a listener.
func (n *Network) listening(at netip.AddrPort) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.listeners[at] != nil
}

// Listener is an endpoint in the simulated network.
type Listener struct {
	network *Network
	at      netip.AddrPort
	conns   chan net.Conn
	done    chan struct{}
	once    sync.Once
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close stops listening. Connections that were accepted live on.
func (l *Listener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		if l.network.listeners[l.at] == l {
			delete(l.network.listeners, l.at)
		}
		l.network.mu.Unlock()
		close(l.done)
	})
	return nil
}

// Addr returns the simulated endpoint.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }
