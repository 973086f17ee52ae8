package etcd

import (
	"net"
	"sync"
)

// links are the connections of a member's clients. They outlive nothing: a connection
// that the server never finished with would hold up its end.
type links struct {
	mu      sync.Mutex
	open    map[*link]bool
	dead    bool
	hanging chan struct{} // closed when the clients may go on; nil while they may
}

// link is one connection, of which nothing arrives while the member hangs.
type link struct {
	net.Conn
	of *links
}

func (l *links) add(conn net.Conn) net.Conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	added := &link{Conn: conn, of: l}
	if l.dead {
		conn.Close()
		return added
	}
	if l.open == nil {
		l.open = map[*link]bool{}
	}
	l.open[added] = true
	return added
}

func (l *links) cut() {
	l.hang(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	for open := range l.open {
		open.Conn.Close()
	}
	l.open = nil
}

func (l *links) hang(hanging bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case hanging && l.hanging == nil:
		l.hanging = make(chan struct{})
	case !hanging && l.hanging != nil:
		close(l.hanging)
		l.hanging = nil
	}
}

func (l *links) wait() {
	l.mu.Lock()
	hanging := l.hanging
	l.mu.Unlock()
	if hanging != nil {
		<-hanging
	}
}

// Read returns what the member said, once it does not hang.
func (c *link) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.of.wait()
	return n, err
}

// Close closes the connection.
func (c *link) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}
