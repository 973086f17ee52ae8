package machine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Run runs a command inside a machine, in all its namespaces, its root and its
// control group, as root. It returns the command's output; with an exit status
// other than 0 the error is an *exec.ExitError and holds the end of what was
// written to standard error.
func (w *World) Run(ctx context.Context, name string, command ...string) ([]byte, error) {
	if len(command) == 0 {
		return nil, errors.New("no command")
	}
	w.mu.Lock()
	pid, id, err := w.runningAs(name)
	w.mu.Unlock()
	if err != nil {
		return nil, err
	}
	// Until the first process has a root of its own, this would run on the host.
	if own, err := hasOwnRoot(pid); err != nil || !own {
		return nil, errors.Join(fmt.Errorf("%s is only starting", name), err)
	}
	inside, gate, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = inside.Close() }()
	defer func() { _ = gate.Close() }()
	arguments := append([]string{"-c", waitAtGate, "sh", "nsenter", "--target", strconv.Itoa(pid), "--all", "--root", "--wd", "--"},
		command...)
	cmd := exec.CommandContext(ctx, "/bin/sh", arguments...)
	cmd.Env = []string{"PATH=" + searchPath, "LANG=C.UTF-8", "HOME=/root", "USER=root"}
	cmd.Stdin = inside
	var stdout, stderr strings.Builder
	cmd.Stdout = &stdout
	cmd.Stderr = &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: unix.SIGKILL}
	// nsenter forks to get into the namespace of process ids.
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	cmd.WaitDelay = time.Second
	if err := w.fabric.start(cmd); err != nil {
		return nil, err
	}
	if err := w.groups.join(cmd.Process.Pid, w.name, id); err != nil {
		_ = cmd.Cancel()
		_ = cmd.Wait()
		return nil, err
	}
	_, _ = gate.WriteString("open\n")
	if err := cmd.Wait(); err != nil {
		said := strings.TrimSpace(stderr.String())
		return []byte(stdout.String()), fmt.Errorf("%s: %s: %w: %s", name, command[0], err, said[max(0, len(said)-1024):])
	}
	return []byte(stdout.String()), nil
}

// runningAs finds the machine that runs under a name. W.mu is held.
func (w *World) runningAs(name string) (pid int, id string, err error) {
	for _, m := range w.machines {
		if m.vm.Name != name || m.cycle == nil || m.cycle.pid == 0 {
			continue
		}
		if pid != 0 {
			return 0, "", fmt.Errorf("two machines of the name %s run", name)
		}
		pid, id = m.cycle.pid, m.vm.ID
	}
	if pid == 0 {
		return 0, "", fmt.Errorf("no machine of the name %s runs", name)
	}
	return pid, id, nil
}

func hasOwnRoot(pid int) (bool, error) {
	var host, machine unix.Stat_t
	if err := unix.Stat("/", &host); err != nil {
		return false, err
	}
	if err := unix.Stat(fmt.Sprintf("/proc/%d/root/", pid), &machine); err != nil {
		return false, err
	}
	return host.Dev != machine.Dev || host.Ino != machine.Ino, nil
}

// Holders returns the names of the machines that have an address on their network card
// at this moment, by their kernel and not by what their tools have reported.
func (w *World) Holders(address netip.Addr) []string {
	type card struct {
		name, mac string
		space     *os.File
	}
	var cards []card
	w.mu.Lock()
	for _, m := range w.machines {
		if m.cycle == nil || m.cycle.space == nil {
			continue
		}
		// A copy, so that it may be closed meanwhile.
		fd, err := unix.FcntlInt(m.cycle.space.Fd(), unix.F_DUPFD_CLOEXEC, 0)
		if err == nil {
			cards = append(cards, card{m.vm.Name, m.vm.MAC, os.NewFile(uintptr(fd), m.vm.Name)})
		}
	}
	w.mu.Unlock()
	var holders []string
	for _, c := range cards {
		if slices.Contains(addressesOf(c.mac, c.space), address.Unmap()) {
			holders = append(holders, c.name)
		}
		_ = c.space.Close()
	}
	slices.Sort(holders)
	return holders
}

// addressesOf returns those of the card with a MAC address: its name is the machine's.
func addressesOf(mac string, space *os.File) (found []netip.Addr) {
	_ = inside(space, func() error {
		cards, err := net.Interfaces()
		at := slices.IndexFunc(cards, func(card net.Interface) bool { return card.HardwareAddr.String() == mac })
		if err != nil || at < 0 {
			return err
		}
		addresses, err := cards[at].Addrs()
		for _, address := range addresses {
			if prefix, err := netip.ParsePrefix(address.String()); err == nil {
				found = append(found, prefix.Addr().Unmap())
			}
		}
		return err
	})
	return found
}

// Leftovers lists what dead and closed Worlds have left on this host: control
// groups, the processes in them, and directories with what is mounted there, in
// the given places, in that of temporary files and wherever this process has had
// a World. What belongs to a World that is open, here or in another process that
// lives, is not left over. Empty control groups and directories after a SIGKILL
// are as it should be: the next World sweeps them.
func Leftovers(homes ...string) []string {
	var found []string
	hs, err := findHierarchies()
	if err != nil {
		found = append(found, err.Error())
	}
	for _, name := range hs.list() {
		if !abandoned(name) {
			continue
		}
		found = append(found, "control group "+name)
		found = append(found, hs.programs(name)...)
	}
	for _, home := range homesOf(homes...) {
		entries, _ := os.ReadDir(home)
		for _, entry := range entries {
			if !entry.IsDir() || !abandoned(entry.Name()) {
				continue
			}
			dir := filepath.Join(home, entry.Name())
			found = append(found, "directory "+dir)
			mounts, _ := mountsBelow(dir)
			for _, mount := range mounts {
				found = append(found, "mount "+mount)
			}
		}
	}
	return found
}
