//go:build linux && real

package guestos_test

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// host is what a machine could change of the host if it were let.
type host map[string]string

// volatile are settings and counters that change by themselves.
var volatile = regexp.MustCompile(`^/proc/sys/(kernel/(random|ns_last_pid|pty|sched_domain|perf|spl)|` +
	`fs/(dentry-state|inode|file-nr|aio-nr|quota|inotify/|pipe)|net|dev/cdrom)`)

func observeHost(t *testing.T) host {
	t.Helper()
	seen := host{}
	_ = filepath.WalkDir("/proc/sys", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !volatile.MatchString(path) {
			content, _ := os.ReadFile(path)
			seen[path] = string(content)
		}
		return nil
	})
	// Of the network, what machines set in theirs.
	for _, name := range []string{"ipv4/ip_forward", "ipv6/conf/all/forwarding",
		"bridge/bridge-nf-call-iptables", "netfilter/nf_conntrack_max"} {
		content, _ := os.ReadFile("/proc/sys/net/" + name)
		seen[name] = string(content)
	}
	for _, name := range []string{"/proc/swaps", "/proc/modules", "/proc/sys/kernel/hostname",
		"/sys/module/nf_conntrack/parameters/hashsize"} {
		content, _ := os.ReadFile(name)
		seen[name] = string(content)
	}
	seen["mounts"] = mounts(t)
	for _, command := range []string{"ip link", "ip address", "ip route", "ip rule", "iptables-save -c", "ip -6 route"} {
		words := strings.Fields(command)
		output, _ := exec.Command(words[0], words[1:]...).CombinedOutput()
		seen[command] = withoutTimes(string(output))
	}
	binaries, err := registry.DefaultBinaries()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"/etc", "/usr/local", "/opt", "/usr/lib/systemd",
		"/usr/sbin", "/var/lib/cloud", "/var/lib/kubelet", "/var/lib/containerd", "/run", "/dev", "/usr/lib/cni", binaries} {
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return nil //nolint:nilerr // what is gone is found missing
			}
			if info, err := entry.Info(); err == nil && !info.IsDir() && !strings.HasPrefix(path, "/dev/") {
				seen[path] = info.ModTime().String()
			} else {
				seen[path] = "there"
			}
			return nil
		})
	}
	return seen
}

// mounts returns the host's, without those of other tests.
func mounts(t *testing.T) string {
	t.Helper()
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for line := range strings.Lines(string(content)) {
		if fields := strings.Fields(line); !strings.HasPrefix(fields[4], "/tmp/") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

var times = regexp.MustCompile(`(?m)^#.*$|\[\d+:\d+\]|expires \S+`)

func withoutTimes(text string) string { return times.ReplaceAllString(text, "") }

func (h host) compare(t *testing.T, when string, now host) {
	t.Helper()
	for name, before := range h {
		if now[name] != before {
			t.Errorf("%s: %s changed:\nbefore %.2000s\nafter  %.2000s", when, name, before, now[name])
		}
	}
	for name := range now {
		if _, there := h[name]; !there {
			t.Errorf("%s: %s appeared", when, name)
		}
	}
}

// A node boots and dies, and the host is as it was, also while it runs.
func TestRealHostIsUntouched(t *testing.T) {
	before := observeHost(t)
	c := newCluster(t, "1.37.2")
	c.boot(c.node("cp1", bootstrap.FirstControlPlane, "10.10.128.11"))
	c.awaitJoined("cp1")
	// What the machine's root tries.
	for _, command := range []string{
		"echo 5 >/proc/sys/kernel/panic", "swapoff -a", "modprobe overlay || true", "touch /usr/sbin/new /etc/new /opt/new", "hostname other",
		"sysctl -w net.ipv4.ip_forward=0", "rm /usr/sbin/iptables", "cp /bin/true /opt/cni/bin/bridge",
	} {
		c.run("cp1", "sh", "-c", command)
	}
	for _, command := range []string{
		"echo 5 >/proc/sys/kernel/pid_max", "echo b >/proc/sysrq-trigger", "sysctl -w kernel.shmmni=5", "echo 1 >/sys/kernel/mm/ksm/run",
		"mount -o remount,rw /proc/sys/kernel/pid_max", "systemctl start no-such",
		"echo >>/usr/local/bin/kubelet", "echo >>/usr/local/libexec/gantry/kubeadm", "rm /run/vmware/vmware.sock",
	} {
		if output, err := c.try("cp1", "sh", "-c", command); err == nil {
			t.Errorf("%s was let: %s", command, output)
		}
	}
	before.compare(t, "while the machine runs", observeHost(t))
	c.Close()
	before.compare(t, "after the machine", observeHost(t))
	if left := machine.Leftovers(); len(left) > 0 {
		t.Errorf("left over: %q", left)
	}
}
