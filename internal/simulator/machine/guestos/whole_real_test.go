//go:build linux && real

package guestos_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// homeVariable tells a second process of the tests where its disks are.
const homeVariable = "GANTRY_TEST_HOME"

// TestRealWholeElsewhere is the simulator that TestRealWholeMachine kills.
func TestRealWholeElsewhere(t *testing.T) {
	home := os.Getenv(homeVariable)
	if home == "" {
		t.Skip("runs in a process of its own")
	}
	c := newWholeMachine(t, home)
	for command, want := range map[string]string{
		"cat /proc/1/comm": "systemd",
		"systemctl list-units --failed --plain --no-legend": "",
		"hostname": "whole",
		"ip -4 -o address show scope global | awk '{ print $2, $4 }'": "eth0 10.10.128.11/24",
		"systemd-detect-virt":                                "vmware",
		"dmidecode -s system-manufacturer":                   "VMware, Inc.",
		"systemctl show --property Virtualization --value":   "container-other",
		"cat /proc/swaps | wc -l":                            "1",
		"tr '\\0' '\\n' </proc/1/environ | grep ^container=": "",
		"stat --file-system --format %T /":                   "overlayfs",
	} {
		if got, err := c.try("whole", "sh", "-c", command); got != want {
			t.Errorf("%s: %q and not %q (%v)", command, got, want, err)
		}
	}
	if log := c.state("whole").Log; !strings.Contains(log, "Welcome to Debian GNU/Linux") {
		t.Errorf("the console shows nothing of systemd:\n%s", log)
	}
	if t.Failed() {
		return
	}
	fmt.Println("ready")
	time.Sleep(time.Minute)
}

// wholeMetadata is all that the system is told.
const (
	wholeMAC      = "00:50:56:00:80:0b"
	wholeMetadata = `{"instance-id": "whole", "local-hostname": "whole", "network": {"version": 2, "ethernets": {"nic0": {
		"match": {"macaddress": "` + wholeMAC + `"}, "set-name": "eth0", "addresses": ["10.10.128.11/24"]}}}}`
)

// buildDebian makes the system from its packages, the first time, and returns its directory.
func buildDebian(t *testing.T) string {
	t.Helper()
	system, err := exec.Command("../../../tools/build-debian").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(system))
}

// newWholeMachine boots a Debian system, of which no node is made.
func newWholeMachine(t *testing.T, home string) *cluster {
	t.Helper()
	world, err := machine.NewWorld(machine.Options{
		Home: home, Guest: guestProgram, Systems: map[string]string{"debian": buildDebian(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	c := &cluster{World: world, t: t, begin: time.Now()}
	c.PowerOn(guest.VM{
		ID: "vm-whole", Name: "whole", UUID: "whole", MAC: wholeMAC, Network: "nodes", KubernetesVersion: "1.37.2", System: "debian",
		GuestInfo: map[string]string{"guestinfo.metadata": wholeMetadata, "guestinfo.userdata": "#cloud-config\n{}\n"},
	})
	c.await("the system is up", 2*time.Minute, func() bool {
		state, _ := c.try("whole", "systemctl", "is-system-running")
		return state == "running" || state == "degraded"
	})
	return c
}

// A whole system changes nothing of the host, and dies with its simulator: what
// systemd does with the process that it was makes no difference.
func TestRealWholeMachine(t *testing.T) {
	buildDebian(t) // which mounts, and leaves /run/mount where nothing has been mounted by hand
	before := observeHost(t)
	home := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestRealWholeElsewhere$", "-test.v")
	cmd.Env = append(os.Environ(), homeVariable+"="+home)
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	for lines := bufio.NewScanner(output); !ready && lines.Scan(); ready = lines.Text() == "ready" {
		t.Log(lines.Text())
	}
	if !ready {
		t.Fatalf("the machine's simulator has ended: %v", cmd.Wait())
	}
	mine := fmt.Sprintf("-%d-", cmd.Process.Pid)
	if len(processesOf(t, mine)) < 5 {
		t.Errorf("of the machine there are the processes %v", processesOf(t, mine))
	}
	before.compare(t, "while the machine runs", observeHost(t))

	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); len(processesOf(t, mine)) > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still alive: %v", processesOf(t, mine))
		}
	}
	world, err := machine.NewWorld(machine.Options{Home: home, Guest: guestProgram})
	if err != nil {
		t.Fatal(err)
	}
	world.Close()
	for _, left := range machine.Leftovers(home) {
		if strings.Contains(left, mine) {
			t.Errorf("left over after a sweep: %s", left)
		}
	}
	before.compare(t, "after the machine", observeHost(t))
}

// processesOf lists the processes in control groups whose name has a part.
func processesOf(t *testing.T, part string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && strings.Contains(string(content), part) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "comm"))
			found = append(found, filepath.Base(filepath.Dir(file))+" "+strings.TrimSpace(string(command)))
		}
	}
	return found
}
