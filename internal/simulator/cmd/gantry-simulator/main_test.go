package main_test

import (
	"bytes"
	"context"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"

	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	gantrysimulator "github.com/gantry/terraform-provider-gantry/internal/simulator/cmd/gantry-simulator"
)

var anyPorts = []string{"-listen", "127.0.0.1:0", "-proxy-listen", "127.0.0.1:0", "-control-listen", "127.0.0.1:0"}

// asCommand makes the test binary the command: it is linked already.
const asCommand = "GANTRY_TEST_SIMULATOR"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		gantrysimulator.Main()
		return
	}
	os.Exit(m.Run())
}

// command runs gantry-simulator.
func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	return cmd
}

// process is a running command and the environment it printed.
type process struct {
	*exec.Cmd
	env    map[string]string
	stderr *bytes.Buffer
}

func launch(t *testing.T, args ...string) *process {
	t.Helper()
	envFile := filepath.Join(t.TempDir(), "demo.env")
	p := &process{stderr: new(bytes.Buffer)}
	p.Cmd = command(slices.Concat(anyPorts, []string{"-env-file", envFile}, args)...)
	p.Stderr = p.stderr
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(envFile); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("no environment file: %s", p.stderr)
		}
	}
	out, err := exec.Command("sh", "-c", ". "+envFile+"; env").Output()
	if err != nil {
		t.Fatal(err)
	}
	p.env = map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		p.env[key] = value
	}
	return p
}

// otherVMs logs in, counts the VMs below /dc-1/vm/other, and logs out.
func (p *process) otherVMs(t *testing.T) (int, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	u := &url.URL{
		Scheme: "https",
		Host:   p.env["VSPHERE_SERVER"],
		Path:   "/sdk",
		User:   url.UserPassword(p.env["VSPHERE_USER"], p.env["VSPHERE_PASSWORD"]),
	}
	c, err := govmomi.NewClient(ctx, u, true)
	if err != nil {
		return 0, err
	}
	vms, err := find.NewFinder(c.Client).VirtualMachineList(ctx, "/dc-1/vm/other/...")
	return len(vms), errors.Join(err, c.Logout(ctx))
}

func TestCommand(t *testing.T) {
	t.Parallel()
	p := launch(t, "-password", "it's a 'secret' $HOME", "-template", "image-1.33=1.33.1", "-other-vms", "3",
		"-fault", "refuse,call=Logout,times=1,fault=HostCommunication")
	if p.env["VSPHERE_PASSWORD"] != "it's a 'secret' $HOME" {
		t.Errorf("password %q", p.env["VSPHERE_PASSWORD"])
	}
	for _, key := range []string{
		"VSPHERE_SERVER", "VSPHERE_USER", "GANTRY_CLUSTER_PROXY_URL", "GANTRY_SIMULATOR_CONTROL", "VSPHERE_ALLOW_UNVERIFIED_SSL",
	} {
		if p.env[key] == "" {
			t.Errorf("%s is missing", key)
		}
	}
	ca := p.env["GANTRY_CA_CERTIFICATE"]
	if raw, err := os.ReadFile(ca); err != nil || !strings.Contains(string(raw), "BEGIN CERTIFICATE") {
		t.Errorf("certificate authority: %v", err)
	}
	if _, err := p.otherVMs(t); err == nil || !strings.Contains(err.Error(), "HostCommunication") {
		t.Errorf("the fault was not injected: %v", err)
	}
	if n, err := p.otherVMs(t); n != 3 || err != nil {
		t.Errorf("%d other VMs, %v", n, err)
	}
	control := simulator.NewControl(p.env["GANTRY_SIMULATOR_CONTROL"])
	state, err := control.State(t.Context())
	if err != nil || state.Calls.SOAP["Login"] != 2 || !state.Leftovers.Empty() {
		t.Errorf("state %+v, %v", state, err)
	}
	if err := control.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("exit: %v\n%s", err, p.stderr)
	}
	if _, err := os.Stat(ca); !os.IsNotExist(err) {
		t.Errorf("the certificate authority is still there: %v", err)
	}
}

func TestCommandStopsOnSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		p := launch(t)
		if err := p.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", signal, err, p.stderr)
		}
	}
}

func TestCommandRefusesWrongFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"-fault", "explode"}, {"-user", "name-only"}, {"-template", "x"}, {"extra"},
		{"-recording", "no-such-directory"}, {"-recording", ".", "-hosts", "2"},
	} {
		out, err := command(args...).CombinedOutput()
		if err == nil {
			t.Errorf("%v: accepted", args)
		}
		if len(out) == 0 {
			t.Errorf("%v: no reason given", args)
		}
	}
}

// TestCommandExplainsWhyNoRealMachines: the error names everything that is missing.
func TestCommandExplainsWhyNoRealMachines(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	for _, c := range []struct {
		args  []string
		wants []string
	}{
		{[]string{"-guest-binary", "guest"}, []string{"need -real"}},
		{[]string{"-real"}, []string{"-real needs -guest-binary"}},
		{[]string{"-real", "-guest-binary", "no-such-file", "-binaries", empty}, []string{"machines"}},
	} {
		out, err := command(slices.Concat(c.args, anyPorts)...).CombinedOutput()
		if err == nil {
			t.Errorf("%v: accepted", c.args)
		}
		if runtime.GOOS == "linux" && len(c.args) > 2 {
			c.wants = append(c.wants, "internal/tools/build-kubernetes builds them", "no-such-file", "gantry-guest")
		}
		for _, want := range c.wants {
			if !strings.Contains(string(out), want) {
				t.Errorf("%v: %q is missing: %s", c.args, want, out)
			}
		}
	}
}
