package guestos_test

import (
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// hypervisor is the other end of the back door.
type hypervisor struct {
	mu     sync.Mutex
	values map[string]string
}

func (h *hypervisor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/guestinfo/")
	if r.Method == http.MethodPut {
		body, _ := io.ReadAll(r.Body)
		h.values[key] = string(body)
		return
	}
	value, ok := h.values[key]
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = io.WriteString(w, value)
}

func newHypervisor(t *testing.T) (h *hypervisor, socket string) {
	t.Helper()
	h = &hypervisor{values: map[string]string{}}
	socket = filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return h, socket
}

// cloud-init compares what is written to standard error, and the bootstrap script
// sends logs of several lines.
func TestRPCTool(t *testing.T) {
	t.Parallel()
	h, socket := newHypervisor(t)
	tool := guestos.NewBackdoor(socket)
	for _, step := range []struct {
		command        string
		status         int
		stdout, stderr string
	}{
		{"info-get guestinfo.metadata", 1, "", "No value found"},
		{"info-set guestinfo.gantry.log one\n  two  %41 \n", 0, "\n", ""},
		{"info-get guestinfo.gantry.log", 0, "one\n  two  %41 \n\n", ""},
		{"info-set guestinfo.userdata ---", 0, "\n", ""},
		{"info-get guestinfo.userdata", 0, "---\n", ""},
		{"info-get machine.id", 1, "", `Failed to parse command "info-get machine.id"`},
		{"machine.reboot guestinfo.x", 1, "", "Unknown command"},
	} {
		var stdout, stderr strings.Builder
		status := tool.RPCTool([]string{step.command}, &stdout, &stderr)
		if status != step.status || stdout.String() != step.stdout || stderr.String() != step.stderr {
			t.Errorf("%q: status %d, %q, %q", step.command, status, stdout.String(), stderr.String())
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.values["gantry.log"] != "one\n  two  %41 \n" {
		t.Errorf("the hypervisor has %q", h.values["gantry.log"])
	}
}

func TestRPCToolWithoutHypervisor(t *testing.T) {
	t.Parallel()
	var stderr strings.Builder
	tool := guestos.NewBackdoor(filepath.Join(t.TempDir(), "none"))
	status := tool.RPCTool([]string{"info-get guestinfo.metadata"}, io.Discard, &stderr)
	if status == 0 || stderr.String() == "No value found" {
		t.Errorf("status %d: %s", status, stderr.String())
	}
}

func TestDmidecode(t *testing.T) {
	t.Parallel()
	for _, step := range []struct {
		arguments, stdout string
		status            int
	}{
		{"-s system-product-name", "VMware7,1\n", 0},
		{"--string system-uuid", "the-id\n", 0},
		{"--quiet --string=system-manufacturer", "VMware, Inc.\n", 0},
		{"--string no-such", "", 2},
		{"", "", 2},
		{"--type 1", "", 2},
	} {
		var stdout strings.Builder
		status := guestos.Dmidecode("the-id", strings.Fields(step.arguments), &stdout, io.Discard)
		if status != step.status || stdout.String() != step.stdout {
			t.Errorf("dmidecode %s: status %d, %q", step.arguments, status, stdout.String())
		}
	}
}

func TestKubeadmConfigurationGetsKubeProxysSettings(t *testing.T) {
	t.Parallel()
	const kubeadm = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n"
	for name, config := range map[string]string{
		"without": kubeadm,
		"with": kubeadm + "---\napiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n" +
			"mode: nftables\nconntrack:\n  min: 5\n",
	} {
		changed, err := guestos.WithKubeProxy([]byte(config))
		if err != nil {
			t.Fatal(err)
		}
		text := string(changed)
		if !strings.HasPrefix(text, kubeadm+"---\n") || strings.Count(text, "---") != 1 || !strings.Contains(text, "maxPerCore: 0") {
			t.Errorf("%s:\n%s", name, text)
		}
		if name == "with" && (!strings.Contains(text, "mode: nftables") || !strings.Contains(text, "min: 5")) {
			t.Errorf("settings are lost:\n%s", text)
		}
	}
	const own = "apiVersion: v1\nkind: KubeProxyConfiguration\nconntrack: {maxPerCore: 7}\n"
	if changed, err := guestos.WithKubeProxy([]byte(own)); err != nil || !strings.Contains(string(changed), "maxPerCore: 7") {
		t.Errorf("what the user sets does not count: %v\n%s", err, changed)
	}
	if _, err := guestos.WithKubeProxy([]byte("a: [")); err == nil {
		t.Error("what is no YAML is taken")
	}
}

func TestConfigPath(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"init --config /a -v 5": "init --config /new -v 5", "init --config=/a": "init --config=/new",
	} {
		arguments := strings.Fields(line)
		path, at := guestos.ConfigPath(arguments)
		if got := strings.Join(guestos.WithConfig(arguments, at, "/new"), " "); path != "/a" || got != want {
			t.Errorf("%s: %s, %s", line, path, got)
		}
	}
	if _, at := guestos.ConfigPath([]string{"init", "--config"}); at >= 0 {
		t.Error("found what is not there")
	}
}

func TestKubeadmFlags(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"init --config /a":     "init --ignore-preflight-errors=SystemVerification --config /a",
		"join --config /a":     "join --ignore-preflight-errors=SystemVerification --config /a",
		"init phase certs all": "init phase certs all",
		"version -o short":     "version -o short",
		"reset --force":        "reset --force",
		"":                     "",
	} {
		if got := strings.Join(guestos.KubeadmFlags(strings.Fields(line)), " "); got != want {
			t.Errorf("kubeadm %s became %s", line, got)
		}
	}
}
