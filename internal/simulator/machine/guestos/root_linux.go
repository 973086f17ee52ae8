package guestos

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// Where the machine has what the host gave it. All of it is in /usr/local, where
// a distribution puts nothing of its own.
const (
	// guestProgram is this program.
	guestProgram = "/usr/local/libexec/gantry/gantry-guest"
	// commandDirectory has the real programs behind stand-ins.
	commandDirectory = "/usr/local/libexec/gantry"
	// pluginDirectory has the CNI plug-ins: the host's, beside which others put
	// more.
	pluginDirectory = "/opt/cni/bin"
	// toolsDirectory has the back door's socket.
	toolsDirectory = "/run/vmware"
)

// build makes the machine's root file system on config.Root: the disk, on it the
// host's /usr as the lower layer of an overlay, and what the kernel provides.
func build(config wire.Config) error {
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	disk := filepath.Join(config.Disk, "root")
	if err := os.MkdirAll(disk, 0o755); err != nil {
		return err
	}
	root := config.Root
	if err := mount(disk, root, "", unix.MS_BIND, ""); err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return lay("/usr", filepath.Join(config.Disk, "usr"), filepath.Join(root, "usr")) },
		func() error { return makeSkeleton(root) },
		func() error { return mountLocal(config) },
		func() error { return mountCNI(config) },
		func() error { return install(config) },
		func() error { return mountVolatile(config) },
		func() error { return mountDevices(root) },
		func() error { return mountKernel(root, Borrowed) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// makeSkeleton makes the directories and links at the top.
func makeSkeleton(root string) error {
	for name, mode := range map[string]os.FileMode{
		"dev": 0o755, "etc": 0o755, "home": 0o755, "mnt": 0o755, "opt": 0o755, "proc": 0o555, "root": 0o700, "run": 0o755,
		"srv": 0o755, "sys": 0o555, "tmp": 0o1777, "var": 0o755, "var/cache": 0o755, "var/lib": 0o755, "var/log": 0o755,
		"var/spool": 0o755, "var/tmp": 0o1777,
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		special := mode.Perm()
		if mode&0o1000 != 0 {
			special |= os.ModeSticky
		}
		if err := os.Chmod(path, special); err != nil {
			return err
		}
	}
	for path, target := range map[string]string{"var/run": "/run", "var/lock": "/run/lock"} {
		if err := link(target, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	for _, name := range []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"} {
		at := filepath.Join(root, name)
		target, err := os.Readlink("/" + name)
		switch {
		case err == nil:
			err = link(target, at)
		case exists("/" + name): // a host whose /usr is not merged
			err = lend("/"+name, at)
		default:
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mountLocal makes /usr/local of the disk's own, so that nothing of the host's is
// in it, and puts the image's programs there.
func mountLocal(config wire.Config) error {
	local := filepath.Join(config.Disk, "local")
	for _, dir := range []string{"bin", "sbin", "lib", "libexec/gantry", "share/ca-certificates", "etc"} {
		if err := os.MkdirAll(filepath.Join(local, dir), 0o755); err != nil {
			return err
		}
	}
	target := filepath.Join(config.Root, "usr/local")
	if err := bind(local, target); err != nil {
		return err
	}
	return mountPrograms(config)
}

// mountPrograms puts the image's programs and the stand-ins in their places.
func mountPrograms(config wire.Config) error {
	d := distributionOf(config)
	if err := lend(config.Guest, filepath.Join(config.Root, guestProgram)); err != nil {
		return err
	}
	for name, file := range config.Commands {
		at := filepath.Join(config.Root, programDirectory(d), name)
		if hasStandIn(name, d) {
			at = filepath.Join(config.Root, commandDirectory, name)
		}
		if err := lend(file, at); err != nil {
			return err
		}
	}
	// kubeadm reads the kernel's features here, where /proc doesn't list them.
	if settings := "/boot/config-" + kernelRelease(); exists(settings) {
		if err := lend(settings, filepath.Join(config.Root, settings)); err != nil {
			return err
		}
	}
	for name, places := range standIns(d) {
		if name == "kubelet" && isPlain(config) {
			continue // that of the packages is in its place
		}
		for _, place := range places {
			if err := link(guestProgram, filepath.Join(config.Root, place, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// mountCNI shows the host's plug-ins of container networks.
func mountCNI(config wire.Config) error {
	if config.CNI == "" {
		return nil
	}
	return lay(config.CNI, filepath.Join(config.Disk, "cni"), filepath.Join(config.Root, pluginDirectory))
}

// mountVolatile makes what is empty after every boot.
func mountVolatile(config wire.Config) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV
	for target, mode := range map[string]string{"run": "mode=755", "tmp": "mode=1777"} {
		if err := mount("tmpfs", filepath.Join(config.Root, target), "tmpfs", flags, mode); err != nil {
			return err
		}
	}
	for _, dir := range []string{"run/lock", "run/systemd/system", "run/user"} {
		if err := os.MkdirAll(filepath.Join(config.Root, dir), 0o755); err != nil {
			return err
		}
	}
	return lend(config.Tools, filepath.Join(config.Root, toolsDirectory))
}

// devices are those that a machine without hardware has. Those that the host
// lacks are left out.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse", "net/tun"}

func mountDevices(root string) error {
	dev := filepath.Join(root, "dev")
	if err := mount("tmpfs", dev, "tmpfs", unix.MS_NOSUID, "mode=755"); err != nil {
		return err
	}
	for _, name := range devices {
		if !exists(filepath.Join("/dev", name)) {
			continue
		}
		if err := bind(filepath.Join("/dev", name), filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	for _, m := range []struct{ kind, name, data string }{
		{"devpts", "pts", "newinstance,ptmxmode=0666,mode=620,gid=5"},
		{"tmpfs", "shm", "mode=1777"},
		{"mqueue", "mqueue", ""},
	} {
		at := filepath.Join(dev, m.name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			return err
		}
		if err := mount(m.kind, at, m.kind, unix.MS_NOSUID|unix.MS_NOEXEC, m.data); err != nil {
			return err
		}
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	return nil
}

// pivot makes root the root of this mount namespace, and lets go of the host's.
func pivot(root string) error {
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("let go of the host's root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	// kubelet's mounts have to reach the containers that run already.
	return mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// hasStandIn reports whether a program of the image is called through a stand-in.
func hasStandIn(name string, d Distribution) bool {
	return slices.ContainsFunc(exceptionsOf(Tool, d), func(e Exception) bool { return e.Name == name })
}
