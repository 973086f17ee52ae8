package etcd

import (
	"fmt"
	"io"
	"net"
	"sync"
)

// relay is where the peers of a member reach it, for as long as the cluster exists:
// a port that was given up while the machine is off could be another process's by the
// time that it is on again.
type relay struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex
	target string // where the member listens; empty while there is none
	conns  map[net.Conn]bool
}

func newRelay() (*relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("address of an etcd member: %w", err)
	}
	r := &relay{listener: listener, conns: map[net.Conn]bool{}}
	r.running.Go(r.accept)
	return r, nil
}

func (r *relay) url() string { return "https://" + r.listener.Addr().String() }

// connect leads to a member from now on; with an empty target to none, and every
// connection to the one before is cut.
func (r *relay) connect(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
	for conn := range r.conns {
		conn.Close()
	}
	clear(r.conns)
}

func (r *relay) close() {
	r.listener.Close()
	r.connect("")
	r.running.Wait()
}

func (r *relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if err != nil {
			return
		}
		if !r.admit(conn) {
			conn.Close()
		}
	}
}

// admit joins a connection to the member.
func (r *relay) admit(near net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.target == "" {
		return false
	}
	far, err := net.Dial("tcp", r.target) // on this host: answers at once
	if err != nil {
		return false
	}
	r.conns[near] = true
	r.conns[far] = true
	r.running.Go(func() { r.copy(near, far) })
	r.running.Go(func() { r.copy(far, near) })
	return true
}

func (r *relay) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from) // ends when either side does
	from.Close()
	to.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, from)
	delete(r.conns, to)
}
