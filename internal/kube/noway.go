package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
)

// proxyError is the answer of a proxy that has made no connection.
type proxyError struct{ code int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy answers %d %s", e.code, http.StatusText(e.code))
}

// proxyConnected returns what a proxy says that does not connect.
func proxyConnected(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode != http.StatusOK {
		return &proxyError{code: answer.StatusCode}
	}
	return nil
}

// refuses reports whether the proxy itself refuses. By the other codes it says that it has
// tried, and got no answer, as whoever connects without a proxy; which of them it has for that
// differs from proxy to proxy.
func (e *proxyError) refuses() bool {
	refusals := []int{http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusProxyAuthRequired}
	return slices.Contains(refusals, e.code)
}

// noRoute are the errors of a system that has no route to a network; that of Windows has a number
// that no other system uses. That a host is unreachable is none of them: a system says that, too,
// of a machine of its own network that is dead.
var noRoute = []syscall.Errno{syscall.ENETUNREACH, 10051}

// noWay reports whether an error says nothing of the machine that was to be reached, but of the
// way to it from here.
func noWay(err error) bool {
	var (
		name  *net.DNSError
		op    *net.OpError
		proxy *proxyError
		errno syscall.Errno
	)
	switch {
	case errors.As(err, &name):
		return true
	case errors.As(err, &proxy):
		return proxy.refuses()
	case errors.As(err, &op) && op.Op == "proxyconnect":
		return true
	}
	return errors.As(err, &errno) && slices.Contains(noRoute, errno)
}
