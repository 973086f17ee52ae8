package simulator

import (
	"io"
	"net"
	"net/url"
	"sync"
)

// relay is the way to the proxy of the guest network. It closes while vCenter
// refuses calls: a client that is dead for the one is dead for the other.
type relay struct {
	listener net.Listener
	target   string
	stopped  func() bool

	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
	wg     sync.WaitGroup
}

func startRelay(listen, proxyURL string, stopped func() bool) (*relay, error) {
	target, err := url.Parse(proxyURL)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, err
	}
	r := &relay{listener: listener, target: target.Host, stopped: stopped, conns: make(map[net.Conn]struct{})}
	r.wg.Go(r.accept)
	return r, nil
}

func (r *relay) url() string { return "http://" + r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.wg.Go(func() { r.forward(conn) })
	}
}

func (r *relay) forward(client net.Conn) {
	defer r.untrack(client)
	if !r.track(client) {
		return
	}
	guest, err := net.Dial("tcp", r.target)
	if err != nil {
		return
	}
	defer r.untrack(guest)
	if !r.track(guest) {
		return
	}
	done := make(chan struct{}, 2)
	pipe := func(dst, src net.Conn) {
		_, _ = io.Copy(dst, src)
		if half, ok := dst.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		done <- struct{}{}
	}
	go pipe(guest, client)
	go pipe(client, guest)
	<-done
	<-done
}

func (r *relay) track(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || r.stopped() {
		return false
	}
	r.conns[conn] = struct{}{}
	return true
}

func (r *relay) untrack(conn net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, conn)
	_ = conn.Close()
}

// cut closes all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		_ = conn.Close()
	}
}

func (r *relay) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	_ = r.listener.Close()
	r.cut()
	r.wg.Wait()
}
