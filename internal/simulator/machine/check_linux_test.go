package machine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// Check names everything that is wrong at once, with what to do about it.
func TestCheckNamesEverything(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	script := filepath.Join(t.TempDir(), "guest")
	if err := os.WriteFile(script, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	err := machine.Check(machine.Options{
		Home:     filepath.Join(t.TempDir(), "nowhere"),
		Binaries: binariesOf(t, "kubelet-v1.37.2"),
		Guest:    script,
		Systems:  map[string]string{"debian": t.TempDir()},
	})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{
		"missing programs: ip, nsenter,", "apt-get install --no-install-recommends iproute2 util-linux", "containernetworking-plugins",
		"directory for the disks", "crictl, etcd", "kubeadm-v1.37.2", "internal/tools/build-kubernetes builds them",
		"the guest's first process", "go build ./internal/simulator/cmd/gantry-guest",
		"system debian", "internal/tools/build-debian makes one",
	} {
		if want == "containernetworking-plugins" {
			if _, err := os.Stat("/usr/lib/cni/bridge"); err == nil {
				continue // found by path, whatever PATH says
			}
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in:\n%v", want, err)
		}
	}
	if os.Geteuid() != 0 && !strings.Contains(err.Error(), "only root") {
		t.Errorf("root is not asked for:\n%v", err)
	}
	for _, file := range []string{"relative", "/nowhere/guest"} {
		if err := machine.Check(machine.Options{Guest: file}); err == nil || !strings.Contains(err.Error(), "the guest's first process") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// A static program that isn't the guest's would run on the host's files.
func TestCheckKnowsTheGuest(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("programs are not built with -short")
	}
	dir := t.TempDir()
	other, guest := filepath.Join(dir, "other"), filepath.Join(dir, "guest")
	source := filepath.Join(dir, "other.go")
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, from := range map[string]string{other: source, guest: "./testdata/guest"} {
		cmd := exec.Command("go", "build", "-o", file, from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("build: %v\n%s", err, out)
		}
	}
	const refusal = "is not gantry-guest"
	if err := machine.Check(machine.Options{Guest: other}); err == nil || !strings.Contains(err.Error(), refusal) {
		t.Errorf("another program: %v", err)
	}
	if err := machine.Check(machine.Options{Guest: guest}); err != nil && strings.Contains(err.Error(), "the guest's first process") {
		t.Errorf("a guest of this module: %v", err)
	}
}

// CheckHost needs nothing built and says the same of the rest.
func TestCheckHost(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := machine.CheckHost(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "missing programs: ip, nsenter,") {
		t.Errorf("missing programs: %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "build-kubernetes") {
		t.Errorf("it asks for what is to be built: %v", err)
	}
}

func TestCrowded(t *testing.T) {
	t.Parallel()
	if warning := machine.Crowded(0); warning != "" {
		t.Errorf("no machine is too many: %s", warning)
	}
	if warning := machine.Crowded(1 << 30); !strings.Contains(warning, "sysctl -w fs.inotify.max_user_instances=") {
		t.Errorf("warning %q", warning)
	}
}
