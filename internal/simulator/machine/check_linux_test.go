package machine_test

import (
	"os"
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
		Binaries: binariesOf(t, "kubeadm-v1.34.2"),
		Guest:    script,
	})
	if err == nil {
		t.Fatal("nothing is wrong")
	}
	for _, want := range []string{
		"missing programs: ip, nsenter,", "apt-get install --no-install-recommends iproute2 util-linux", "containernetworking-plugins",
		"directory for the disks", "crictl, etcd", "kubelet-v1.34.2", "internal/tools/build-kubernetes builds them",
		"the guest's first process", "go build ./internal/simulator/cmd/gantry-guest",
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

func TestCrowded(t *testing.T) {
	t.Parallel()
	if warning := machine.Crowded(0); warning != "" {
		t.Errorf("no machine is too many: %s", warning)
	}
	if warning := machine.Crowded(1 << 30); !strings.Contains(warning, "sysctl -w fs.inotify.max_user_instances=") {
		t.Errorf("warning %q", warning)
	}
}
