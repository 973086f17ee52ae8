package guestos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// backdoor is the machine's way to its hypervisor.
type backdoor struct{ client *http.Client }

// newBackdoor speaks to the socket at a path.
func newBackdoor(path string) *backdoor {
	return &backdoor{&http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}},
	}}
}

// errNoValue is a guestinfo key that is not set, in the tool's words.
var errNoValue = errors.New("No value found") //nolint:staticcheck // cloud-init compares it

const guestinfoPrefix = "guestinfo."

// command runs a command as vmware-rpctool takes it in one argument: info-get
// and a key, or info-set, a key and a value that may hold anything.
func (b *backdoor) command(text string) (string, error) {
	verb, rest, _ := strings.Cut(text, " ")
	key, value, _ := strings.Cut(rest, " ")
	name, ok := strings.CutPrefix(key, guestinfoPrefix)
	if !ok || name == "" {
		return "", fmt.Errorf("Failed to parse command %q", text) //nolint:staticcheck // shown as it is
	}
	switch verb {
	case "info-get":
		return b.do(http.MethodGet, "/guestinfo/"+url.PathEscape(name), nil)
	case "info-set":
		return b.do(http.MethodPut, "/guestinfo/"+url.PathEscape(name), []byte(value))
	}
	return "", errors.New("Unknown command") //nolint:staticcheck // the hypervisor's words
}

// report sends the network to the hypervisor as the guest tools do.
func (b *backdoor) report(network wire.Network) error {
	body, err := json.Marshal(network)
	if err != nil {
		return err
	}
	_, err = b.do(http.MethodPut, "/network", body)
	return err
}

func (b *backdoor) do(method, path string, body []byte) (string, error) {
	request, err := http.NewRequest(method, "http://hypervisor"+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	switch {
	case response.StatusCode == http.StatusNotFound && method == http.MethodGet:
		return "", errNoValue
	case response.StatusCode >= 300:
		return "", fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// rpctool is the program vmware-rpctool.
func (b *backdoor) rpctool(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) != 1 {
		_, _ = fmt.Fprintln(stderr, "vmware-rpctool: one argument is needed, such as \"info-get guestinfo.metadata\"")
		return 1
	}
	value, err := b.command(arguments[0])
	if err != nil {
		// Without a line end, which the real one doesn't write either and which
		// cloud-init would take for another text.
		_, _ = fmt.Fprint(stderr, err)
		return 1
	}
	_, _ = fmt.Fprintln(stdout, value)
	return 0
}
