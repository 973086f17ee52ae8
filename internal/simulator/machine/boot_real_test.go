//go:build linux && real

package machine_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// A machine with the whole guest's side: real cloud-init finds its metadata
// through the back door, configures the network and runs what userdata says.
func TestRealMachineWithCloudInit(t *testing.T) {
	options := options(t)
	options.Guest = wholeGuest(t)
	l := newLab(t, options)
	vm := l.vm("node-1", "10.20.0.11", "")
	metadata := strings.Replace(vm.GuestInfo["guestinfo.metadata"], `"wait-on-network"`,
		`"cleanup-guestinfo": ["userdata"], "wait-on-network"`, 1)
	vm.GuestInfo = map[string]string{
		"guestinfo.metadata": pack(t, metadata), "guestinfo.metadata.encoding": "gzip+base64",
		"guestinfo.userdata.encoding": "gzip+base64",
		"guestinfo.userdata": pack(t, `#cloud-config
write_files:
  - path: /etc/gantry/hello
    permissions: "0600"
    content: from userdata
  - path: /etc/gantry/bootstrap.sh
    permissions: "0755"
    content: |
      #!/bin/sh
      vmware-rpctool "info-set guestinfo.gantry.phase kubeadm"
      echo "$1 $(cat /etc/gantry/hello)" >> /var/log/runs
      vmware-rpctool "info-set guestinfo.gantry.log all of it"
      vmware-rpctool "info-set guestinfo.gantry.phase joined"
runcmd:
  - [/etc/gantry/bootstrap.sh, init]
`),
	}
	start := time.Now()
	l.PowerOn(vm)
	l.within(2*time.Minute, "node-1 joined", func() bool { return l.state("node-1").Phase == guest.PhaseJoined })
	t.Logf("booted in %s\n%s", time.Since(start), l.state("node-1").Log)
	l.eventually("reports", func() bool { return l.reported("node-1", "gantry.phase") == "joined" })
	if got := l.reported("node-1", "userdata"); got != "---" {
		t.Errorf("userdata is %q", got)
	}
	if got := l.reported("node-1", "gantry.log"); got != "all of it" {
		t.Errorf("log %q", got)
	}
	address := netip.MustParseAddr("10.20.0.11")
	l.eventually("the tools report the network", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.hostnames["node-1"] == "node-1" && slices.Contains(l.addresses["node-1"], address)
	})
	if got := l.heldBy(address.String()); got != "node-1" {
		t.Errorf("%s is held by %q", address, got)
	}
	for command, want := range map[string]string{
		"cat /var/log/runs":                "init from userdata",
		"hostname":                         "node-1",
		"ip -4 route show default":         "default via 10.20.0.1 dev eth0 proto static",
		"stat -c %a /etc/gantry/hello":     "600",
		"kubeadm version -o short":         "v1.37.2",
		"systemctl is-active containerd":   "active",
		"systemd-detect-virt":              "vmware",
		"ls /var/lib/cloud/instances":      "node-1",
		"crictl info >/dev/null && echo y": "y",
	} {
		if got := l.run("node-1", "sh", "-c", command); got != want {
			t.Errorf("%s: %q, want %q", command, got, want)
		}
	}

	// The same instance boots again: userdata is gone and nothing runs twice.
	l.PowerOff(vm.ID)
	vm.GuestInfo["guestinfo.userdata"] = "---"
	vm.GuestInfo["guestinfo.userdata.encoding"] = ""
	l.mu.Lock()
	clear(l.hostnames)
	l.mu.Unlock()
	start = time.Now()
	l.PowerOn(vm)
	l.within(time.Minute, "second boot", func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.hostnames["node-1"] == "node-1"
	})
	l.within(time.Minute, "containerd", func() bool {
		output, _ := l.Run(t.Context(), "node-1", "systemctl", "is-active", "containerd")
		return strings.TrimSpace(string(output)) == "active"
	})
	t.Logf("booted again in %s", time.Since(start))
	if got := l.run("node-1", "cat", "/var/log/runs"); got != "init from userdata" {
		t.Errorf("userdata ran again: %q", got)
	}
}

func pack(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(packed.Bytes())
}

// wholeGuest returns the binary of the guest's side as machines have it otherwise.
func wholeGuest(t *testing.T) string {
	t.Helper()
	if file := os.Getenv("GANTRY_TEST_GUEST"); file != "" {
		return file
	}
	file := filepath.Join(t.TempDir(), "gantry-guest")
	cmd := exec.Command("go", "build", "-o", file, "../cmd/gantry-guest")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build the guest: %v\n%s", err, output)
	}
	return file
}
