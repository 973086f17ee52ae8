package network

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// Proxy is an HTTP CONNECT proxy on loopback into a simulated network.
type Proxy struct {
	reach  Reach
	lookup Lookup
	server *http.Server
	url    string
	served sync.WaitGroup
}

// Lookup is what DNS says of a host in a simulated network.
type Lookup func(host string) (netip.Addr, error)

// Reach opens an endpoint of a simulated network for one client, or returns why
// it is unreachable.
type Reach func(ctx context.Context, at netip.AddrPort) (Endpoint, error)

// Endpoint is what a Reach opened. One of its methods is called, once.
type Endpoint interface {
	// Take hands the client's connection over; the endpoint closes it, unless it
	// fails.
	Take(client net.Conn) error
	// Drop reports that the client has disconnected.
	Drop()
}

// NewProxy listens on a host:port of this machine; port 0 picks a free one.
func NewProxy(reach Reach, listen string, lookup Lookup) (*Proxy, error) {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the proxy into the simulated network: %w", err)
	}
	p := &Proxy{reach: reach, lookup: lookup, url: "http://" + l.Addr().String()}
	p.server = &http.Server{
		Handler:           p,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	p.served.Go(func() { _ = p.server.Serve(l) })
	return p, nil
}

// URL returns the value for HTTPS_PROXY or a proxy-url.
func (p *Proxy) URL() string { return p.url }

// Close stops the proxy. Connections that reached a guest are the guest's.
func (p *Proxy) Close() {
	_ = p.server.Close()
	p.served.Wait()
}

// ServeHTTP serves CONNECT requests for addresses of the simulated network.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "this proxy leads into the simulated network: CONNECT only", http.StatusMethodNotAllowed)
		return
	}
	at, err := p.resolve(r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	// Asked before the connection is taken over, so that the refusal is still an
	// HTTP status.
	endpoint, err := p.reach(r.Context(), at)
	if err != nil {
		http.Error(w, fmt.Sprintf("dial tcp %s: connect: %v", at, err), http.StatusBadGateway)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		endpoint.Drop()
		http.Error(w, "this connection can't be handed over", http.StatusInternalServerError)
		return
	}
	_ = conn.SetDeadline(time.Time{})
	if _, err := io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		endpoint.Drop()
		_ = conn.Close()
		return
	}
	if err := endpoint.Take(&handedOver{Conn: conn, early: buffered.Reader}); err != nil {
		_ = conn.Close()
	}
}

// resolve looks the host of a host:port up.
func (p *Proxy) resolve(hostPort string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not a host with a port", hostPort)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is not a port", port)
	}
	address, err := p.lookup(host)
	return netip.AddrPortFrom(address, uint16(number)), err
}

// handedOver is a connection whose first bytes the proxy may have read already.
type handedOver struct {
	net.Conn
	early *bufio.Reader
}

func (c *handedOver) Read(b []byte) (int, error) {
	if c.early != nil {
		if c.early.Buffered() > 0 {
			return c.early.Read(b)
		}
		c.early = nil
	}
	return c.Conn.Read(b)
}

// CloseWrite ends one direction: the peer reads the end, and may still write.
func (c *handedOver) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
