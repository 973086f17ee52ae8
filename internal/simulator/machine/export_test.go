package machine

import (
	"context"
	"io"
	"net"
	"net/http"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// For the tests, which see the package from outside.

// ConsoleLimit is how much of a console is kept.
const ConsoleLimit = consoleLimit

// NewConsole returns the end of a machine's console.
func NewConsole() interface {
	io.Writer
	String() string
} {
	return &console{}
}

// CallbackQueue runs callbacks in order.
type CallbackQueue struct{ c *callbackQueue }

// NewCallbackQueue starts one, which ends with ctx.
func NewCallbackQueue(ctx context.Context) (CallbackQueue, <-chan struct{}) {
	c := CallbackQueue{newCallbackQueue()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.c.run(ctx)
	}()
	return c, done
}

// Send queues a call.
func (c CallbackQueue) Send(ctx context.Context, call func()) { c.c.enqueue(ctx, call) }

// Stop ends it.
func (c CallbackQueue) Stop() { c.c.stop() }

// Backdoor returns a machine's view of its hypervisor.
func Backdoor(get func(string) (string, bool), set func(key, value string), network func(wire.Network) error) http.Handler {
	return &backdoor{get: get, set: set, network: network}
}

// ServeBackdoor serves one.
func ServeBackdoor(handler http.Handler, listener net.Listener) (closed func()) {
	return handler.(*backdoor).open(listener)
}

// GatewaysOf are the gateways that the router has for a VM.
var GatewaysOf = gatewaysOf

// LastLine is the last line that says anything.
var LastLine = lastLine

// MissingPrograms names what a directory of binaries lacks.
func MissingPrograms(dir string) ([]string, error) {
	found, err := readPrograms(dir)
	return found.missing(), err
}

// ImageOf returns the commands and the sandbox image of a Kubernetes version.
func ImageOf(ctx context.Context, dir, kubernetes string) (commands map[string]string, pause string, err error) {
	found, err := imageOf(ctx, dir, kubernetes)
	return found.commands, found.pause, err
}

// NameserversOf are the addresses of DNS servers that the router has for a VM.
var NameserversOf = nameserversOf
