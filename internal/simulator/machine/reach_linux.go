package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
)

// Dial connects to an address in the network of the machines, from its router.
func (w *World) Dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	return w.fabric.dial(ctx, to.String())
}

// Listen listens on a port of the router in the network of the machines.
func (w *World) Listen() (net.Listener, error) {
	return w.fabric.listen(netip.AddrPortFrom(w.fabric.registry[0].Addr(), 0).String())
}

// dialTimeout is what a proxy grants: the kernel gives up on a neighbour that
// does not answer after three seconds, on one that drops packets after minutes.
const dialTimeout = 10 * time.Second

func (w *World) reach(ctx context.Context, at netip.AddrPort) (network.Endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	stop := context.AfterFunc(w.ctx, cancel)
	defer stop()
	far, err := w.Dial(ctx, at)
	if err != nil {
		var code syscall.Errno
		if errors.As(err, &code) {
			return nil, code // the proxy says the rest
		}
		return nil, err
	}
	return &passage{world: w, far: far.(*net.TCPConn)}, nil
}

// passage is a connection into the network that waits for its other half.
type passage struct {
	world *World
	far   *net.TCPConn
}

// Drop implements network.Endpoint.
func (p *passage) Drop() { _ = p.far.Close() }

// Take implements network.Endpoint.
func (p *passage) Take(client net.Conn) error {
	near, ok := client.(half)
	if !ok {
		p.Drop()
		return fmt.Errorf("a %T can't be closed in one direction", client)
	}
	if !p.world.passages.add(near, p.far) {
		p.Drop()
		return net.ErrClosed
	}
	return nil
}

// half is a connection that can end in one direction.
type half interface {
	net.Conn
	CloseWrite() error
}

// passages copy between two connections each, until both are at their end.
type passages struct {
	mu      sync.Mutex
	closed  bool
	open    map[net.Conn]bool
	running sync.WaitGroup
}

func (p *passages) add(near, far half) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	if p.open == nil {
		p.open = map[net.Conn]bool{}
	}
	p.open[near], p.open[far] = true, true
	p.running.Go(func() {
		defer p.drop(near, far)
		var both sync.WaitGroup
		both.Go(func() { pour(near, far) })
		both.Go(func() { pour(far, near) })
		both.Wait()
	})
	return true
}

// pour copies one direction. An end is passed on as one; an error ends both.
func pour(to, from half) {
	_, err := io.Copy(to, from)
	if err == nil {
		err = to.CloseWrite()
	}
	if err != nil {
		_ = to.Close()
		_ = from.Close()
	}
}

func (p *passages) drop(conns ...net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		_ = conn.Close()
		delete(p.open, conn)
	}
}

// close ends all of them and waits.
func (p *passages) close() {
	p.mu.Lock()
	p.closed = true
	for conn := range p.open {
		_ = conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}
