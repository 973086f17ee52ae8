//go:build linux && real

package machine_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

func TestRealMachineReports(t *testing.T) {
	l := newLab(t, options(t))
	vm := l.vm("one", "10.20.0.11", `
		/g set gantry.phase booting
		/g get userdata; echo
		/g set userdata ---; /g set userdata.encoding ""
		/g get userdata; echo
		/g get userdata.encoding || true
		/g tools one 10.20.0.11 fe80::1
		/g set gantry.phase kubeadm
		/g set gantry.log "first line
last line"
		/g set gantry.phase failed`)
	vm.GuestInfo["guestinfo.userdata"] = "secret"
	vm.GuestInfo["guestinfo.userdata.encoding"] = "gzip+base64"
	l.PowerOn(vm)
	l.awaitPhase("one", guest.PhaseFailed)
	l.eventually("report", func() bool { return l.reported("one", "gantry.phase") == "failed" })
	want := []string{"gantry.phase=booting", "userdata=---", "userdata.encoding=",
		"gantry.phase=kubeadm", "gantry.log=first line\nlast line", "gantry.phase=failed"}
	l.mu.Lock()
	for i, report := range l.reports {
		if i >= len(want) || report != "one "+want[i] {
			t.Errorf("report %d is %q", i, report)
		}
	}
	got := l.addresses["one"]
	if !slices.Equal(got, []netip.Addr{netip.MustParseAddr("10.20.0.11"), netip.MustParseAddr("fe80::1")}) ||
		l.hostnames["one"] != "one" {
		t.Errorf("the tools report %v %q", got, l.hostnames["one"])
	}
	l.mu.Unlock()
	state := l.state("one")
	if state.Error != "last line" {
		t.Errorf("error %q", state.Error)
	}
	if !strings.Contains(state.Log, "\nsecret\n---\n404 Not Found: No value found\n") {
		t.Errorf("console:\n%s", state.Log)
	}
	if vm.GuestInfo["guestinfo.userdata"] != "secret" {
		t.Error("the caller's map was changed")
	}

	var config wire.Config
	if err := json.Unmarshal([]byte(l.run("one", "cat", "/config.json")), &config); err != nil {
		t.Fatal(err)
	}
	if config.Name != "one" || config.KubernetesVersion != "1.37.2" || config.Registry != "http://192.0.2.1:5000" ||
		config.PauseImage != "registry.k8s.io/pause:3.10.2" || !strings.HasSuffix(config.Commands["kubelet"], "/kubelet-v1.37.2") {
		t.Errorf("config %+v", config)
	}
	if groups := l.run("one", "cat", "/proc/1/cgroup"); strings.Contains(groups, "gantry") {
		t.Errorf("control groups of the first process:\n%s", groups)
	}
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || l.run("one", "cat", "/proc/self/cgroup") != l.run("one", "cat", "/proc/1/cgroup") {
		t.Errorf("a command runs beside the machine's control groups: %s, %v", groups, err)
	}
}

func TestRealMachinePowerCycle(t *testing.T) {
	options := options(t)
	l := newLab(t, options)
	vm := l.vm("one", "10.20.0.11", `
		echo boot >> /disk/boots; ip -o link show eth0 | sed 's,.*link/ether ,,;s, .*,,' >> /disk/macs
		cat /disk/boots | wc -l
		# What a container runtime leaves: sessions of their own, groups below, frozen ones.
		for c in /cgroup/memory /cgroup/freezer /cgroup/pids; do test -d $c || continue; mkdir -p $c/pods/p1; done
		setsid sh -c '(trap "" TERM HUP INT; sleep 4242) &' &
		sleep 4243 & if test -d /cgroup/freezer; then
			echo $! > /cgroup/freezer/pods/p1/cgroup.procs; echo FROZEN > /cgroup/freezer/pods/p1/freezer.state
		fi
		`+joined)
	l.PowerOn(vm)
	l.awaitPhase("one", guest.PhaseJoined)
	l.PowerOn(vm)     // it is on: nothing happens
	l.PowerOff("one") // no VM's id
	if l.state("one").Phase != guest.PhaseJoined {
		t.Fatal("off by an id that is not its VM's")
	}
	before := time.Now()
	l.PowerOff("vm-one")
	t.Logf("power off took %s", time.Since(before))
	if state := l.state("one"); state.Phase != guest.PhaseOff {
		t.Errorf("phase %s", state.Phase)
	}
	for _, pattern := range []string{"sleep 4242", "sleep 4243", "guest init " + options.Home} {
		if out, err := exec.Command("pgrep", "-fa", pattern).Output(); err == nil {
			t.Errorf("still there:\n%s", out)
		}
	}
	if found, _ := filepath.Glob("/sys/fs/cgroup/*/gantry-machines-*-" + fmt.Sprint(os.Getpid()) + "-*/vm-one"); len(found) > 0 {
		t.Errorf("control groups %v", found)
	}
	if l.heldBy("10.20.0.11") != "" {
		t.Error("the address of a machine that is off is held")
	}

	l.PowerOn(vm)
	l.eventually("second boot", func() bool { return strings.Contains(l.state("one").Log, "\n2\n") })
	l.awaitPhase("one", guest.PhaseJoined)
	macs := strings.Fields(l.run("one", "cat", "/disk/macs"))
	if len(macs) != 2 || macs[0] != macs[1] || !strings.HasPrefix(macs[0], "00:50:56:") {
		t.Errorf("network cards %v", macs)
	}
	disk, err := filepath.Glob(options.Home + "/*/vm-one")
	if err != nil || len(disk) != 1 {
		t.Fatalf("disks %v %v", disk, err)
	}
	remains := strings.Join(l.Remains(), "\n")
	if !strings.Contains(remains, "control group vm-one") || !strings.Contains(remains, "network card ") {
		t.Errorf("a machine that is on has %s", remains)
	}
	l.Destroyed("vm-one")
	if remains := l.Remains(); len(remains) > 0 {
		t.Errorf("destroyed, and there remains %v", remains)
	}
	if len(l.Guests()) != 0 || onHost(disk[0]) {
		t.Errorf("destroyed, and there is %v, %s: %t", l.Guests(), disk[0], onHost(disk[0]))
	}
	l.PowerOn(vm)
	l.awaitPhase("one", guest.PhaseJoined)
	if boots := l.run("one", "cat", "/disk/boots"); boots != "boot" {
		t.Errorf("a new machine finds an old disk: %q", boots)
	}
}

func TestRealMachineDies(t *testing.T) {
	l := newLab(t, options(t))
	l.PowerOn(l.vm("one", "10.20.0.11", "exit 3"))
	l.awaitPhase("one", guest.PhaseFailed)
	l.eventually("report", func() bool { return strings.Contains(l.reported("one", "gantry.log"), "first process ended") })
	if state := l.state("one"); !strings.Contains(state.Error, "exit status 1") || !strings.Contains(state.Log, "script: exit status 3") {
		t.Errorf("%+v", state)
	}
	l.PowerOff("vm-one")
	l.PowerOn(l.vm("one", "10.20.0.11", joined))
	l.awaitPhase("one", guest.PhaseJoined)

	other := l.vm("two", "10.20.0.12", joined)
	other.KubernetesVersion = "1.2.3"
	l.PowerOn(other)
	l.awaitPhase("two", guest.PhaseFailed)
	if state := l.state("two"); !strings.Contains(state.Error, "no image holds Kubernetes 1.2.3") {
		t.Errorf("%+v", state)
	}
	outside := l.vm("three", "10.20.0.13", joined)
	outside.ID = "../three"
	l.PowerOn(outside)
	l.awaitPhase("three", guest.PhaseFailed)
	l.Destroyed("../three")
}

// Power may go at any moment of a boot.
func TestRealMachineBootInterrupted(t *testing.T) {
	options := options(t)
	l := newLab(t, options)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			name := fmt.Sprintf("m%d", i)
			vm := l.vm(name, fmt.Sprintf("10.20.0.%d", 20+i), "sleep 0.05"+joined)
			l.PowerOn(vm)
			time.Sleep(time.Duration(i) * 8 * time.Millisecond)
			switch i % 3 {
			case 0:
				l.PowerOff(vm.ID)
			case 1:
				l.Destroyed(vm.ID)
			default:
				go l.PowerOff(vm.ID)
				l.PowerOff(vm.ID)
				l.PowerOn(vm)
			}
		})
	}
	all.Wait()
	for i := 2; i < 12; i += 3 {
		l.awaitPhase(fmt.Sprintf("m%d", i), guest.PhaseJoined)
	}
	on := 0
	for _, state := range l.Guests() {
		if state.Phase == guest.PhaseJoined {
			on++
		}
	}
	if on != 4 || len(l.Guests()) != 8 {
		t.Errorf("%d are on, %d exist", on, len(l.Guests()))
	}
	l.PowerOn(l.vm("late", "10.20.0.99", joined))
	l.Close()
	l.PowerOn(l.vm("later", "10.20.0.98", joined)) // a World that is closed takes none
	if left := machine.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if entries, err := os.ReadDir(options.Home); err != nil || len(entries) > 0 {
		t.Errorf("home has %v, %v", entries, err)
	}
}

func TestRealMachinesManyAtOnce(t *testing.T) {
	const count = 9
	goroutines := runtime.NumGoroutine()
	threads := len(entriesOf(t, "/proc/self/task"))
	files := len(entriesOf(t, "/proc/self/fd"))
	l := newLab(t, options(t))
	start := time.Now()
	for i := range count {
		name := fmt.Sprintf("m%d", i)
		l.PowerOn(l.vm(name, fmt.Sprintf("10.20.0.%d", 20+i), "busybox ping -c 1 -W 5 10.20.0.1 >/dev/null"+joined))
	}
	for i := range count {
		l.awaitPhase(fmt.Sprintf("m%d", i), guest.PhaseJoined)
	}
	t.Logf("%d machines booted in %s", count, time.Since(start))
	l.run("m0", "busybox", "ping", "-c", "1", "10.20.0.28")
	start = time.Now()
	l.Close()
	t.Logf("closed in %s", time.Since(start))
	if left := machine.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > goroutines; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), goroutines, stacks[:runtime.Stack(stacks, true)])
		}
	}
	if now := len(entriesOf(t, "/proc/self/fd")); now > files+2 {
		t.Errorf("%d open files, %d before", now, files)
	}
	t.Logf("threads: %d before, %d after", threads, len(entriesOf(t, "/proc/self/task")))
}

func entriesOf(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(entries))
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestRealMachineRun(t *testing.T) {
	l := newLab(t, options(t))
	if _, err := l.Run(t.Context(), "one", "true"); err == nil {
		t.Error("a command ran in a machine that is not there")
	}
	vm := l.vm("one", "10.20.0.11", "mkdir /of-the-machine"+joined)
	l.PowerOn(vm)
	// While it boots a command is refused or runs inside, never on the host.
	for l.state("one").Phase != guest.PhaseJoined {
		if _, err := l.Run(t.Context(), "one", "test", "!", "-e", "/disk"); err == nil {
			t.Fatal("a command ran outside of the machine")
		}
	}
	got := l.run("one", "sh", "-c", "ls -d /of-the-machine; echo $PATH; hostname; readlink /proc/1/exe")
	if !strings.HasPrefix(got, "/of-the-machine\n/usr/local/sbin:") {
		t.Errorf("output %q", got)
	}
	output, err := l.Run(t.Context(), "one", "sh", "-c", "echo out; echo why >&2; exit 7")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || !strings.Contains(err.Error(), "why") || string(output) != "out\n" {
		t.Errorf("output %q, error %v", output, err)
	}
	ctx, cancel := timeout(t, 200*time.Millisecond)
	defer cancel()
	if _, err := l.Run(ctx, "one", "sh", "-c", "sleep 4244 & wait"); err == nil {
		t.Error("a command outlived its context")
	}
	if out, err := exec.Command("pgrep", "-fa", "sleep 4244").Output(); err == nil {
		t.Errorf("still there:\n%s", out)
	}
	done := make(chan error, 1)
	go func() { _, err := l.Run(t.Context(), "one", "sleep", "4245"); done <- err }()
	l.eventually("a long command", func() bool { return exec.Command("pgrep", "-f", "sleep 4245").Run() == nil })
	l.PowerOff("vm-one")
	select {
	case err := <-done:
		if err == nil {
			t.Error("a command survived its machine")
		}
	case <-time.After(5 * time.Second):
		t.Error("a command hangs after power-off")
	}
}
