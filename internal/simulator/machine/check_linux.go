package machine

import (
	"cmp"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// cniDirectory is where Debian has the plug-ins of container networks.
const cniDirectory = "/usr/lib/cni"

// module is what a guest's first process is built from.
const module = "github.com/gantry/terraform-provider-gantry"

// required are the programs of the system that a machine shares, with the
// packages of Debian that hold them.
var required = []struct{ program, pkg string }{
	{"ip", "iproute2"},
	{"nsenter", "util-linux"},
	{"unshare", "util-linux"},
	{"mount", "mount"},
	{"containerd", "containerd"},
	{"containerd-shim-runc-v2", "containerd"},
	{"runc", "runc"},
	{"iptables", "iptables"},
	{"conntrack", "conntrack"},
	{"dnsmasq", "dnsmasq-base"},
	{"haproxy", "haproxy"},
	{"ethtool", "ethtool"},
	{"socat", "socat"},
	{"cloud-init", "cloud-init"},
	{"busybox", "busybox-static"},
	{cniDirectory + "/bridge", "containernetworking-plugins"},
	{cniDirectory + "/host-local", "containernetworking-plugins"},
	{cniDirectory + "/loopback", "containernetworking-plugins"},
	{cniDirectory + "/portmap", "containernetworking-plugins"},
}

// Check says everything that keeps machines from running here, and what to do
// about it.
func Check(options Options) error {
	options, err := options.withDefaults()
	if err != nil {
		return err
	}
	return cannotRun(checkHost(options.Home), checkBinaries(options.Binaries), checkGuest(options.Guest), checkSystems(options.Systems))
}

// CheckHost is the part of Check that needs nothing built: what to know before
// Kubernetes is, which takes 20 minutes. Home is as in Options.
func CheckHost(home string) error { return cannotRun(checkHost(home)) }

func checkHost(home string) error {
	var root error
	if os.Geteuid() != 0 {
		root = errors.New("machines are namespaces, mounts and control groups: only root may make them")
	}
	return errors.Join(root, checkPrograms(), checkKernel(), checkHome(home))
}

func cannotRun(problems ...error) error {
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("machines can't run here:\n%w", err)
	}
	return nil
}

func checkPrograms() error {
	var missing, packages []string
	for _, need := range required {
		if _, err := exec.LookPath(need.program); err == nil {
			continue
		}
		missing = append(missing, need.program)
		if !slices.Contains(packages, need.pkg) {
			packages = append(packages, need.pkg)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("missing programs: %s (on Debian: apt-get install --no-install-recommends %s)",
		strings.Join(missing, ", "), strings.Join(packages, " "))
}

// checkKernel checks what a guest can't do without; bridge and veth show when
// they are made.
func checkKernel() error {
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(filesystems)), "overlay") {
		return errors.New("this kernel has no overlay file system (modprobe overlay)")
	}
	found, err := findHierarchies()
	if err != nil {
		return err
	}
	return found.check()
}

// checkHome checks the directory of the disks: containers' file systems are
// overlays on them, and an overlay can't lie on another.
func checkHome(home string) error {
	home = cmp.Or(home, os.TempDir())
	var found unix.Statfs_t
	if err := unix.Statfs(home, &found); err != nil {
		return fmt.Errorf("directory for the disks %s: %w", home, err)
	}
	if found.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return fmt.Errorf("directory for the disks %s is on an overlay file system, which can't hold those of containers: "+
			"choose another (TMPDIR)", home)
	}
	return nil
}

func checkBinaries(dir string) error {
	found, err := readPrograms(dir)
	if err != nil {
		return fmt.Errorf("programs of Kubernetes: %w (internal/tools/build-kubernetes builds them)", err)
	}
	if missing := found.missing(); len(missing) > 0 {
		return fmt.Errorf("missing in %s: %s (internal/tools/build-kubernetes builds them)", dir, strings.Join(missing, ", "))
	}
	return nil
}

func checkSystems(systems map[string]string) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(systems)) {
		if _, err := os.Stat(filepath.Join(systems[name], "usr/lib/systemd/systemd")); err != nil {
			problems = append(problems, fmt.Errorf("system %s: %w (internal/tools/build-debian makes one)", name, err))
		}
	}
	return errors.Join(problems...)
}

func checkGuest(file string) error {
	const advice = "CGO_ENABLED=0 go build ./internal/simulator/cmd/gantry-guest builds it"
	if !filepath.IsAbs(file) {
		return fmt.Errorf("the guest's first process: %q is not an absolute path (%s)", file, advice)
	}
	binary, err := elf.Open(file)
	if err != nil {
		return fmt.Errorf("the guest's first process: %w (%s)", err, advice)
	}
	defer func() { _ = binary.Close() }()
	// It starts containers from an empty image: there is no library to link.
	if libraries, err := binary.ImportedLibraries(); err != nil || len(libraries) > 0 {
		return fmt.Errorf("the guest's first process: %s is not a static binary (%s)", file, advice)
	}
	// Any other program would run as root before the machine has a root directory
	// of its own: on the host's files.
	if built, err := buildinfo.ReadFile(file); err != nil || built.Main.Path != module {
		return fmt.Errorf("the guest's first process: %s is not gantry-guest (%s)", file, advice)
	}
	return nil
}
