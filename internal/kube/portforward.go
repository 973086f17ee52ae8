package kube

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/transport/websocket"
	streaming "k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/gantry/terraform-provider-gantry/internal/printable"
)

// tunnelPrefix is that of the sub-protocols that carry SPDY in a WebSocket.
const tunnelPrefix = "SPDY/3.1+"

// forward connects to a port of a pod through the API, as kubectl port-forward does: in
// a WebSocket, and by SPDY where something on the way does not let one through.
func (a *api) forward(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	at := a.clients.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	streams, err := upgradeWebSocket(ctx, a.config, at)
	if streaming.IsUpgradeFailure(err) || streaming.IsHTTPSProxyError(err) {
		streams, err = upgradeSPDY(ctx, a.config, at)
	}
	if err != nil {
		return nil, err
	}
	conn, err := newPortConn(ctx, streams, port)
	if err != nil {
		streams.Close()
		return nil, err
	}
	return conn, nil
}

func upgradeWebSocket(ctx context.Context, config *rest.Config, at *url.URL) (streaming.Connection, error) {
	transport, holder, err := websocket.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	upgraded, err := websocket.Negotiate(transport, holder, request, tunnelPrefix+portforward.PortForwardProtocolV1Name)
	if err != nil {
		return nil, err
	}
	return streamspdy.NewClientConnection(portforward.NewTunnelingConnection("client", upgraded))
}

func upgradeSPDY(ctx context.Context, config *rest.Config, at *url.URL) (streaming.Connection, error) {
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Transport: transport, CheckRedirect: noRedirect}
	streams, _, err := spdy.NegotiateStreaming(upgrader, client, request, portforward.PortForwardProtocolV1Name)
	return streams, err
}

// portConn is a connection to a port of a pod: two streams of a port-forward of its own.
type portConn struct {
	streaming.Stream // of the data
	streams          streaming.Connection
	failure          chan error // what the kubelet says about the port; closed when it says no more
}

func newPortConn(ctx context.Context, streams streaming.Connection, port int) (*portConn, error) {
	// Creating a stream waits for the other side and knows of no context.
	stop := context.AfterFunc(ctx, func() { streams.Close() })
	defer stop()
	headers := http.Header{}
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	failures, err := streams.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("unable to forward port %d: %w", port, err)
	}
	_ = failures.Close() // nothing is sent there
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := streams.CreateStream(headers)
	if err != nil {
		return nil, fmt.Errorf("unable to forward port %d: %w", port, err)
	}
	conn := &portConn{Stream: data, streams: streams, failure: make(chan error, 1)}
	go func() {
		defer close(conn.failure)
		if said, _ := io.ReadAll(io.LimitReader(failures, maxMessage)); len(said) > 0 {
			conn.failure <- errors.New(printable.Line(string(said), maxReason))
			streams.Close()
		}
	}()
	return conn, nil
}

// Read reads what came through the port. Its error is the kubelet's where it has one,
// which arrives beside the data and may be a moment late.
func (c *portConn) Read(p []byte) (int, error) {
	n, err := c.Stream.Read(p)
	if err == nil {
		return n, nil
	}
	select {
	case failure, said := <-c.failure:
		if said {
			err = failure
		}
	case <-time.After(100 * time.Millisecond):
	}
	return n, err
}

// Close ends the port-forward.
func (c *portConn) Close() error { return c.streams.Close() }

// LocalAddr and RemoteAddr implement net.Conn, and the deadlines, which streams do not
// have: whoever uses the connection closes it when the time is over.
func (c *portConn) LocalAddr() net.Addr { return portAddr{} }

// RemoteAddr implements net.Conn.
func (c *portConn) RemoteAddr() net.Addr { return portAddr{} }

// SetDeadline implements net.Conn.
func (c *portConn) SetDeadline(time.Time) error { return nil }

// SetReadDeadline implements net.Conn.
func (c *portConn) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline implements net.Conn.
func (c *portConn) SetWriteDeadline(time.Time) error { return nil }

type portAddr struct{}

func (portAddr) Network() string { return "port-forward" }
func (portAddr) String() string  { return "port-forward" }
