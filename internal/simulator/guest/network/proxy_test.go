package network_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/network"
)

// endpoint counts what the proxy does with it and answers like an echo service
// that waits for the end of the question.
type endpoint struct {
	taken, dropped chan string
}

func newEndpoint() *endpoint {
	return &endpoint{taken: make(chan string, 1), dropped: make(chan string, 1)}
}

func (e *endpoint) Take(client net.Conn) error {
	go func() {
		defer client.Close()
		question, _ := io.ReadAll(client)
		e.taken <- string(question)
		_, _ = io.WriteString(client, "heard "+string(question))
	}()
	return nil
}

func (e *endpoint) Drop() { e.dropped <- "dropped" }

// connect sends a CONNECT with bytes right behind it.
func connect(t *testing.T, proxy *network.Proxy, at, early string) (*http.Response, *net.TCPConn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(proxy.URL(), "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	if _, err := io.WriteString(conn, "CONNECT "+at+" HTTP/1.1\r\nHost: "+at+"\r\n\r\n"+early); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, &http.Request{Method: http.MethodConnect})
	if err != nil {
		t.Fatal(err)
	}
	return response, conn.(*net.TCPConn), reader
}

func newProxy(t *testing.T, reach network.Reach) *network.Proxy {
	t.Helper()
	proxy, err := network.NewProxy(reach, "127.0.0.1:0", network.NewLeases(network.New()).Resolve)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(proxy.Close)
	return proxy
}

func TestProxyHandsOverTheClient(t *testing.T) {
	t.Parallel()
	far := newEndpoint()
	asked := make(chan netip.AddrPort, 1)
	proxy := newProxy(t, func(_ context.Context, at netip.AddrPort) (network.Endpoint, error) {
		asked <- at
		return far, nil
	})
	response, conn, reader := connect(t, proxy, "10.0.0.7:6443", "early ")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status %s", response.Status)
	}
	if at := <-asked; at != netip.MustParseAddrPort("10.0.0.7:6443") {
		t.Errorf("reached for %s", at)
	}
	// The end of one direction leaves the other open.
	_, _ = io.WriteString(conn, "late")
	_ = conn.CloseWrite()
	answer, err := io.ReadAll(reader)
	if err != nil || string(answer) != "heard early late" {
		t.Errorf("answer %q, %v", answer, err)
	}
	if question := <-far.taken; question != "early late" {
		t.Errorf("question %q", question)
	}
}

func TestProxyRefusesWithAStatus(t *testing.T) {
	t.Parallel()
	proxy := newProxy(t, func(context.Context, netip.AddrPort) (network.Endpoint, error) {
		return nil, errors.New("no such endpoint")
	})
	for at, want := range map[string]string{
		"10.0.0.7:6443":    "no such endpoint",
		"node.example:443": "no such host",
	} {
		response, _, _ := connect(t, proxy, at, "")
		text, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusBadGateway || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %q, want 502 with %q", at, response.Status, text, want)
		}
	}
}

func TestReachOfNetwork(t *testing.T) {
	t.Parallel()
	n := network.New()
	at := netip.MustParseAddrPort("10.0.0.7:6443")
	if _, err := n.Reach(t.Context(), at); !errors.Is(err, network.ErrUnreachable) {
		t.Errorf("reach without a listener: %v", err)
	}
	listener, err := n.Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	proxy := newProxy(t, n.Reach)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(conn, conn)
	}()
	response, conn, reader := connect(t, proxy, at.String(), "echo")
	_ = conn.CloseWrite()
	if answer, err := io.ReadAll(reader); response.StatusCode != http.StatusOK || err != nil || string(answer) != "echo" {
		t.Errorf("%s %q %v", response.Status, answer, err)
	}
	// A listener that closes between Reach and Take leaves
	// the connection to the proxy, which closes it.
	open, err := n.Reach(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	if err := open.Take(far); !errors.Is(err, network.ErrUnreachable) {
		t.Errorf("take after the listener's end: %v", err)
	}
}
