package guestos

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/google/uuid"
)

// ownFiles is where the files that hide the kernel's are.
const ownFiles = "run/gantry/own"

// mountKernel mounts /proc and /sys of the machine's namespaces below root, and
// removes what is the host's.
func mountKernel(root string, d Distribution) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	proc := filepath.Join(root, "proc")
	sys := filepath.Join(root, "sys")
	if err := mount("proc", proc, "proc", flags, ""); err != nil {
		return err
	}
	for _, e := range exceptionsOf(ReadOnly, d) {
		if e.Name == "/sys" || !exists(filepath.Join(root, e.Name)) {
			continue
		}
		if err := protect(filepath.Join(root, e.Name)); err != nil {
			return err
		}
	}
	// The settings of the machine's own network namespace stay writable.
	net := filepath.Join(proc, "sys/net")
	if err := bind(net, net); err != nil {
		return err
	}
	if err := mount("", net, "", unix.MS_REMOUNT|unix.MS_BIND|flags, ""); err != nil {
		return err
	}
	for _, e := range exceptionsOf(KernelSetting, d) {
		if err := hide(root, filepath.Join("/proc/sys", e.Name), e.Value+"\n"); err != nil {
			return err
		}
	}
	for _, e := range exceptionsOf(OwnFile, d) {
		if err := hide(root, e.Name, ownContent(e)); err != nil {
			return err
		}
	}
	if err := mount("sysfs", sys, "sysfs", flags|unix.MS_RDONLY, ""); err != nil {
		return err
	}
	if err := mountFirmware(root); err != nil {
		return err
	}
	return mountGroups(root)
}

// hide puts a file of the machine's own over one of the kernel's.
func hide(root, path, content string) error {
	if !exists(filepath.Join(root, path)) {
		return nil
	}
	own := filepath.Join(root, ownFiles, path)
	if err := write(own, content, 0o644); err != nil {
		return err
	}
	return bind(own, filepath.Join(root, path))
}

func ownContent(e Exception) string {
	if e.Name == swaps {
		return "Filename\t\t\t\tType\t\tSize\tUsed\tPriority\n"
	}
	return uuid.NewString() + "\n"
}

// firmwareDirectory is where the kernel shows what the firmware says.
const firmwareDirectory = "/sys/class/dmi/id"

// mountFirmware hides what the host's firmware says, where the kernel shows it.
// Where it doesn't, programs ask dmidecode.
func mountFirmware(root string) error {
	// It is a link into the devices; what counts is where it leads to.
	target, err := os.Readlink(filepath.Join(root, firmwareDirectory))
	if err != nil {
		return nil //nolint:nilerr // a host without
	}
	at := filepath.Join(root, filepath.Dir(firmwareDirectory), target)
	facts, err := readFirmware(root)
	if err != nil {
		return err
	}
	if err := mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755"); err != nil {
		return err
	}
	for name, value := range facts.files() {
		if err := write(filepath.Join(at, name), value+"\n", 0o444); err != nil {
			return err
		}
	}
	return nil
}

var capabilities = map[string]uintptr{
	"CAP_SYS_MODULE": unix.CAP_SYS_MODULE, "CAP_SYS_TIME": unix.CAP_SYS_TIME, "CAP_SYS_RAWIO": unix.CAP_SYS_RAWIO,
	"CAP_SYS_BOOT": unix.CAP_SYS_BOOT,
}

// dropCapabilities takes capabilities from all that this process starts.
func dropCapabilities(d Distribution) error {
	for _, e := range exceptionsOf(Capability, d) {
		number, ok := capabilities[e.Name]
		if !ok {
			return fmt.Errorf("unknown capability %s", e.Name)
		}
		// Of every thread: each of them may be the one that forks.
		if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, number, 0); errno != 0 {
			return fmt.Errorf("drop %s: %w", e.Name, errno)
		}
	}
	return nil
}

// machineID returns an id in the form of /etc/machine-id.
func machineID() string { return strings.ReplaceAll(uuid.NewString(), "-", "") }

func kernelRelease() string {
	var kernel unix.Utsname
	if err := unix.Uname(&kernel); err != nil {
		return ""
	}
	return unix.ByteSliceToString(kernel.Release[:])
}
