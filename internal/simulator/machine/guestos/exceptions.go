package guestos

import (
	"fmt"
	"io"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/wire"
)

// Kind is the subject of an Exception, and decides which code applies it.
type Kind string

// The kinds of exceptions.
const (
	// KubeletFlag is a flag that kubelet is given beside kubeadm's.
	KubeletFlag Kind = "kubelet flag"
	// KubeadmFlag is a flag that kubeadm init and join are given.
	KubeadmFlag Kind = "kubeadm flag"
	// ContainerdSetting is a field of the configuration of containerd's CRI part.
	ContainerdSetting Kind = "containerd setting"
	// KubeProxySetting is a field of kube-proxy's configuration.
	KubeProxySetting Kind = "kube-proxy setting"
	// KernelSetting is a file of /proc/sys that is the machine's own: a plain
	// file over the kernel's, which is the host's as well.
	KernelSetting Kind = "kernel setting"
	// OwnFile is any other file of the kernel's that is the machine's own.
	OwnFile Kind = "own file"
	// ReadOnly is a part of /proc or /sys that cannot be written.
	ReadOnly Kind = "read-only"
	// Shared is something of the host's that the machine sees as its own.
	Shared Kind = "shared with the host"
	// Capability is one that no program of the machine has. A first process of ours
	// keeps it, and so does what machine.World.Run starts from outside.
	Capability Kind = "capability"
	// Tool is a program with a stand-in.
	Tool Kind = "tool"
	// File is one that the machine has beyond the system's.
	File Kind = "file"
	// Variable is one in the environment of systemd.
	Variable Kind = "variable of systemd"
	// Idle is a service of the system that does not run.
	Idle Kind = "does not run"
)

// Distribution is where a machine has its operating system from.
type Distribution int

// The distributions.
const (
	// Borrowed is the host's /usr. The first process is ours, and what needs systemd
	// has a stand-in.
	Borrowed Distribution = iota
	// Whole is a root directory of the machine's own, whose systemd is the first process.
	Whole
)

func distributionOf(config wire.Config) Distribution {
	if config.System != "" {
		return Whole
	}
	return Borrowed
}

// Exception is one way in which a machine of namespaces differs from a whole one.
type Exception struct {
	Kind  Kind
	Name  string
	Value string
	// Reason is why it is needed and what it hides.
	Reason string
}

// Exceptions returns those of a machine. The code that applies an exception reads it
// here, so the list is complete.
func Exceptions(d Distribution) []Exception {
	return slices.Concat(exceptions, map[Distribution][]Exception{Borrowed: ofBorrowed, Whole: ofWhole}[d])
}

// PrintExceptions writes the tables for people.
func PrintExceptions(w io.Writer) {
	for _, part := range []struct {
		title string
		table []Exception
	}{
		{"Every machine", exceptions},
		{"A machine with the host's distribution", ofBorrowed},
		{"A machine with a whole system of its own", ofWhole},
	} {
		_, _ = fmt.Fprintf(w, "%s:\n\n", part.title)
		for _, e := range part.table {
			name := e.Name
			if e.Value != "" {
				name += "=" + e.Value
			}
			_, _ = fmt.Fprintf(w, "%s %s\n\t%s\n", e.Kind, name, e.Reason)
		}
		_, _ = fmt.Fprintln(w)
	}
}

func exceptionsOf(kind Kind, d Distribution) []Exception { return ofKind(kind, Exceptions(d)) }

func ofKind(kind Kind, table []Exception) []Exception {
	var found []Exception
	for _, e := range table {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

const (
	sharedKernel = "The kernel is the host's: "
	noSystemd    = "Without systemd as first process: "
	oneDisk      = "The disk is a directory of the host: "
	noHardware   = "Without hardware: "
	oldCgroups   = "The host's control groups may be of version 1, which Kubernetes refuses from 1.35 on unless told. "
)

// bootID is the file with the id that is new after every boot, swaps the one with
// what memory is swapped to.
const (
	bootID = "/proc/sys/kernel/random/boot_id"
	swaps  = "/proc/swaps"
)

// containerManager is where systemd finds that it runs in a container.
const (
	containerManager = "/run/host/container-manager"
	containerName    = "gantry"
)

// exceptions are those of every machine.
var exceptions = []Exception{
	{KubeletFlag, "--eviction-hard", "memory.available<100Mi",
		oneDisk + "how full the host's file system is says nothing about the machine, and would evict its pods."},
	{KubeletFlag, "--image-gc-high-threshold", "100", oneDisk + "kubelet would remove images because the host's file system is full."},

	{KubeletFlag, "--fail-cgroupv1", "false", oldCgroups + "Where the host has version 2, this changes nothing."},

	{ContainerdSetting, "restrict_oom_score_adj", "true",
		"The host's root may lack CAP_SYS_RESOURCE, as where the simulator runs in a container: then runc fails to start " +
			"what is to be killed later than others. Where root has it, this changes nothing."},

	{KubeadmFlag, "--ignore-preflight-errors", "SystemVerification",
		oldCgroups + "kubeadm checks that before it looks at kubelet's configuration. All else that this check finds " +
			"becomes a warning, too: whether the host's kernel suits Kubernetes shows when pods run."},

	{KubeProxySetting, "conntrack.maxPerCore", "0",
		sharedKernel + "nf_conntrack_max can be set in the first network namespace only, and kube-proxy ends where it " +
			"cannot set it. 0 leaves it alone."},

	{KernelSetting, "vm/overcommit_memory", "1",
		sharedKernel + "kubelet sets this for the whole host. It reads what it wants to read; the host's stays as it is."},
	{KernelSetting, "kernel/panic", "10", sharedKernel + "as vm/overcommit_memory."},
	{KernelSetting, "kernel/panic_on_oops", "1", sharedKernel + "as vm/overcommit_memory."},

	{OwnFile, bootID, "", sharedKernel + "it would be the same after a power cycle, and kubelet would not notice the reboot."},
	{OwnFile, swaps, "", sharedKernel + "swap is the host's, and kubeadm would have it switched off."},

	{ReadOnly, "/proc/sys", "", sharedKernel +
		"nothing in the machine may change the host. /proc/sys/net belongs to the machine's network namespace and stays writable."},
	{ReadOnly, "/proc/sysrq-trigger", "", sharedKernel + "it would restart the host."},
	{ReadOnly, "/proc/irq", "", sharedKernel + "the host's interrupts."},
	{ReadOnly, "/proc/bus", "", sharedKernel + "the host's devices."},
	{ReadOnly, "/proc/fs", "", sharedKernel + "the host's file systems."},
	{ReadOnly, "/sys", "", sharedKernel + "the host's devices and modules. Control groups are mounted into it writable."},

	{Shared, "/proc/meminfo and /proc/cpuinfo", "", sharedKernel + "a node's capacity is the host's, whatever size the VM has."},
	{Shared, "/proc/uptime and the clock", "", sharedKernel + "cloud-init reports the uptime of the host."},
	{Shared, "/proc/cmdline and kernel modules", "",
		sharedKernel + "it was started with the host's arguments, and a module that the host has not loaded is not there: " +
			"modprobe says so in the log of the bootstrap."},
	{Shared, "block devices", "", "There are none: the disk is a directory of the host, and df reports the host's file system."},
	{Shared, "version of control groups", "",
		sharedKernel + "with version 1, kubelet and kubeadm warn on every node that its support will be removed."},
	{Shared, "/dev/kmsg", "", sharedKernel +
		"kubelet reads there which processes were killed for lack of memory, and sees those of other machines, too."},
	{Shared, "fs.inotify", "", sharedKernel + "its limits count for root of all machines together."},
	{Shared, "image registries", "", "The simulated network leads to one registry only. containerd asks it for the images of every other."},

	{Capability, "CAP_SYS_MODULE", "", sharedKernel + "a module would be loaded into the host."},
	{Capability, "CAP_SYS_BOOT", "", sharedKernel +
		"another kernel could be started in place of the host's. The machine is switched off and on from outside; " +
		"a whole system that ends itself is off, also where it would boot again."},
	{Capability, "CAP_SYS_TIME", "", sharedKernel + "the clock is the host's."},
	{Capability, "CAP_SYS_RAWIO", "", sharedKernel + "ports and memory are the host's."},

	{Tool, "kubeadm", "", "Adds the kubeadm flags and kube-proxy settings of this table, then becomes the real one."},
	{Tool, "kubelet", "", "Adds the kubelet flags of this table behind all others, then becomes the real one. Where Kubernetes was " +
		"installed on the machine, a drop-in of its unit has them in this one's place."},
	{Tool, "systemd-detect-virt", "", "The host may say that it is a container or another hypervisor; the machine is VMware's."},
	{Tool, "dmidecode", "", sharedKernel + "its firmware tables are the host's. The machine's say VMware, in " +
		"/sys/class/dmi/id too where the kernel has it."},
	{Tool, "vmware-rpctool", "", "Speaks to the simulated hypervisor through a socket in place of the back door."},
}

// ofBorrowed are those that come with the host's distribution.
var ofBorrowed = []Exception{
	{KubeletFlag, "--cgroup-driver", "cgroupfs",
		noSystemd + "there is no manager of control groups. kubeadm's configuration says systemd, as on a real node."},

	{Shared, "/usr", "", "The machine's distribution is the host's, as the lower layer of an overlay: what runs is what " +
		"the host has installed, containerd, runc, cloud-init and python among it. There is an SSH server only if the host has one."},

	{Tool, "systemctl", "", noSystemd + "the first process keeps the services by their real unit files and answers the " +
		"verbs that kubeadm, cloud-init and the bootstrap script use. Logs are in /var/log, not in a journal, and what " +
		"units say about sandboxes is without effect."},
	{Idle, "timers of systemd", "", noSystemd + "they can be enabled, and their time never comes. " +
		"A service that is enabled itself runs at boot."},
	{Tool, "systemd-timesyncd", "", sharedKernel +
		"the clock is the host's. cloud-init finds the client installed and configures it; it does nothing."},
	{Tool, "netplan", "", noSystemd + "configures the interface by ip(8), or by a lease that busybox asks for once, in place of " +
		"networkd, and refuses what it does not know."},
	{Tool, "udevadm", "", noSystemd + "devices are there from the start, so there is nothing to do."},
	{Tool, "swapoff", "", sharedKernel + "swap is the host's. The machine's /proc/swaps is empty."},
}

// ofWhole are those of a machine whose first process is its own systemd.
var ofWhole = []Exception{
	{File, containerManager, containerName, "In place of the variable container, which programs read, too: systemd does not " +
		"touch what the host has given the machine, and cloud-init, which reads no firmware in a container, takes it for none."},

	{Variable, "SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE", "1",
		sharedKernel + "with version 1 of control groups systemd 256 and later refuse to start."},
	{Variable, "TERM", "dumb", "The console is a log, for which systemd has no colours then."},

	{Idle, "systemd-udevd", "", noHardware + "/sys is read-only, where udevd does not start, and networkd takes a card for ready as it is. " +
		"Names that .link files give are not given."},
	{Idle, "systemd-timesyncd", "", sharedKernel + "the clock is the host's, and systemd starts it in no container."},
	{Idle, "vmtoolsd", "", noHardware + "there is no back door, and open-vm-tools is not installed. A process of gantry-guest's " +
		"reports the network in its place."},

	{Shared, "network card", "", "It is a veth, whose driver has another name than vmxnet3 and which has no permanent MAC address: " +
		"netplan's MAC matches from 0.106 on do not find it."},
}
