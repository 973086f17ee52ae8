package kubeapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	tunnel "k8s.io/client-go/tools/portforward"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
)

// Forward connects to a port of a pod from inside of the pod.
type Forward func(ctx context.Context, pod string, port int32) (net.Conn, error)

const (
	streamIdleTimeout   = 4 * time.Hour
	streamCreateTimeout = 30 * time.Second
)

// portForward serves a port-forward as API server and kubelet do: SPDY, or SPDY in a
// WebSocket.
func (r *request) portForward(w http.ResponseWriter) error {
	// Since 1.35 a WebSocket, which is a GET, takes what a POST takes.
	a := attributes{verb: "create", resource: "pods/portforward", namespace: r.namespace, name: r.name}
	if !r.store.allowed(r.user, a) {
		return forbidden(r.user, a)
	}
	pod, err := r.store.Get(Pods, r.namespace, r.name)
	if err != nil {
		return err
	}
	node := textAt(pod, "spec", "nodeName")
	if node == "" || r.Kubelet == nil {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", r.name))
	}
	forward, err := r.Kubelet(node)
	if err != nil {
		return apierrors.NewInternalError(fmt.Errorf("error dialing backend: %w", err))
	}
	streams := &streamWriter{ResponseWriter: w, request: r.http}
	kubelet := func(request *http.Request) {
		portforward.ServePortForward(streams, request, forward, r.name, string(pod.GetUID()), nil,
			streamIdleTimeout, streamCreateTimeout, portforward.SupportedProtocols)
	}
	if !websocket.IsWebSocketUpgrade(r.http) {
		kubelet(r.http)
		return nil
	}
	inner := r.http.Clone(r.http.Context())
	inner.Header.Del("Sec-Websocket-Protocol")
	inner.Header.Set("Upgrade", "SPDY/3.1")
	inner.Header.Set("Connection", "Upgrade")
	inner.Header.Set("X-Stream-Protocol-Version", portforward.PortForwardV1Name)
	streams.tunnel = true
	kubelet(inner)
	return nil
}

// streamWriter hands out the connection of a request, which ends with the API server:
// http.Server does not close what was taken from it.
type streamWriter struct {
	http.ResponseWriter
	request *http.Request
	tunnel  bool
}

// WriteHeader writes a status, but for the one that the WebSocket has its own of.
func (w *streamWriter) WriteHeader(code int) {
	if !w.tunnel || code != http.StatusSwitchingProtocols {
		w.ResponseWriter.WriteHeader(code)
	}
}

// Hijack implements http.Hijacker.
func (w *streamWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := w.take()
	if err != nil {
		return nil, nil, err
	}
	context.AfterFunc(w.request.Context(), func() { conn.Close() })
	return conn, buffered, nil
}

func (w *streamWriter) take() (net.Conn, *bufio.ReadWriter, error) {
	if !w.tunnel {
		return http.NewResponseController(w.ResponseWriter).Hijack()
	}
	for _, header := range []string{"Connection", "Upgrade", "X-Stream-Protocol-Version"} {
		w.Header().Del(header)
	}
	upgrader := websocket.Upgrader{
		Subprotocols: []string{portforward.WebsocketsSPDYTunnelingPortForwardV1},
		CheckOrigin:  func(*http.Request) bool { return true },
	}
	upgraded, err := upgrader.Upgrade(w.ResponseWriter, w.request, nil)
	if err != nil {
		return nil, nil, err
	}
	conn := tunnel.NewTunnelingConnection("server", upgraded)
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}

// PortForward implements the kubelet's part.
func (f Forward) PortForward(ctx context.Context, pod, _ string, port int32, stream io.ReadWriteCloser) error {
	conn, err := f(ctx, pod, port)
	if err != nil {
		return err
	}
	defer conn.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(conn, stream) // ends with either side
		conn.Close()
	}()
	_, _ = io.Copy(stream, conn)
	_ = stream.Close()
	conn.Close()
	<-done
	return nil
}
