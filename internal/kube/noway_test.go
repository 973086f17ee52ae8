package kube_test

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"syscall"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// TestNoWayFromHere tells a machine that does not answer from a way that does not lead to it.
func TestNoWayFromHere(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const far = "https://10.10.183.1:6443"
	answers := func(code int) string {
		proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", code) }))
		t.Cleanup(proxy.Close)
		return proxy.URL
	}
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, c := range map[string]struct {
		proxy, url string
		noWay      bool
	}{
		"a name that DNS lacks":     {"", "https://prod.invalid:6443", true},
		"a proxy that is not there": {closed.URL, far, true},
		"a proxy that refuses":      {answers(http.StatusForbidden), far, true},
		"a proxy that wants to know who asks": {
			answers(http.StatusProxyAuthRequired), far, true,
		},
		"a proxy that does not connect":     {answers(http.StatusMethodNotAllowed), far, true},
		"a proxy that could not":            {answers(http.StatusInternalServerError), far, false},
		"a proxy that has no way to say it": {answers(http.StatusNotFound), far, false},
		"a proxy that has tried":            {answers(http.StatusBadGateway), far, false},
		"a proxy that has waited":           {answers(http.StatusGatewayTimeout), far, false},
		"a closed port":                     {"", "https" + closed.URL[len("http"):], false},
	} {
		err := connect(t, kube.Options{ProxyURL: c.proxy}, s.kubeconfig(c.url)).Ready(t.Context())
		if err == nil || errors.Is(err, model.ErrNoWay) != c.noWay {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNoWayByASystemsErrors(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]bool{syscall.EHOSTUNREACH: false, syscall.ENETUNREACH: true, syscall.ECONNREFUSED: false} {
		dialled := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", err)}
		got := kube.Failed(t.Context(), &url.Error{Op: "Get", Err: dialled})
		if errors.Is(got, model.ErrNoWay) != want || !errors.Is(got, model.ErrNotReached) {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// TestConnectAtAnAddress reaches an API server by an address that its certificate does not have.
func TestConnectAtAnAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	proxy, asked := connectProxy(t, s.URL)
	kubeconfig := s.kubeconfig("https://prod.example.com:6443")
	api, err := kube.New(kube.Options{ProxyURL: proxy}).ConnectAt(kubeconfig, netip.MustParseAddr("10.10.9.9"))
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	if hosts := asked(); len(hosts) != 1 || hosts[0] != "10.10.9.9:6443" {
		t.Errorf("asked for %v", hosts)
	}
}
