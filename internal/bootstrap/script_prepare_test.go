package bootstrap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// joins runs the whole bootstrap, which must work.
func (m *machine) joins() {
	m.t.Helper()
	if status := m.bootstrap("join"); status != 0 {
		m.t.Fatalf("status %d; log:\n%s", status, m.log())
	}
}

func TestScriptSwitchesSwapOffForGood(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.write("/etc/systemd/system/swapfile.swap", "[Swap]\nWhat=/swapfile\n")
	m.play("systemctl", `case $1 in
list-units) echo 'dev-disk-by\x2duuid-47\x2d11.swap loaded active active Swap' ;;
list-unit-files) printf '%s\n' 'swapfile.swap enabled enabled' 'swap.target static -' ;;
esac`)
	m.joins()
	for _, unit := range []string{`dev-disk-by\x2duuid-47\x2d11.swap`, "swapfile.swap", "zramswap.service", "zram-config.service"} {
		if target, err := os.Readlink(filepath.Join(m.root, "etc/systemd/system", unit)); err != nil || target != "/dev/null" {
			t.Errorf("%s leads to %q (error %v)", unit, target, err)
		}
	}
	if m.exists("/etc/systemd/system/swap.target") {
		t.Error("a target was masked")
	}
	if !m.exists("/etc/systemd/zram-generator.conf") || m.read("/etc/systemd/zram-generator.conf") != "" {
		t.Error("the distribution's zram devices are made")
	}
	reload := slices.Index(m.calls("systemctl"), "daemon-reload")
	if listed := slices.Index(m.calls("systemctl"), "list-unit-files --type=swap --plain --no-legend"); listed < 0 || reload < listed {
		t.Errorf("systemctl %q", m.calls("systemctl"))
	}
}

func TestScriptTrustsTheCAOfTheProxy(t *testing.T) {
	t.Parallel()
	made := must(authorities())
	for name, test := range map[string]struct {
		tool, directory, suffix, call string
	}{
		"Debian":  {"update-ca-certificates", "/usr/local/share/ca-certificates", ".crt", ""},
		"SUSE":    {"update-ca-certificates", "/etc/pki/trust/anchors", ".crt", ""},
		"Red Hat": {"update-ca-trust", "/etc/pki/ca-trust/source/anchors", ".crt", "extract"},
		"Photon":  {"rehash_ca_certificates.sh", "/etc/ssl/certs", ".pem", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := behindProxy(t, newNode(t, bootstrap.Worker))
			node.Proxy.CACertificate = "# corporate\n" + string(made.CA.Cert) + string(made.Etcd.Cert)
			m := newMachine(t, node)
			m.write("/bin/"+test.tool, stub)
			if name == "SUSE" {
				m.write("/etc/pki/trust/anchors/.keep", "")
			}
			m.joins()
			for number, want := range map[string][]byte{"1": made.CA.Cert, "2": made.Etcd.Cert} {
				got := m.read(filepath.Join(test.directory, "gantry-"+number+test.suffix))
				if strings.TrimSpace(got) != strings.TrimSpace(string(want)) {
					t.Errorf("certificate %s is %q", number, got)
				}
			}
			if !slices.Equal(m.calls(test.tool), []string{test.call}) {
				t.Errorf("%s %q", test.tool, m.calls(test.tool))
			}
			calls := m.read("calls")
			if strings.Index(calls, test.tool) > strings.Index(calls, "systemctl restart containerd") {
				t.Error("containerd has started without the CA")
			}
		})
	}
}

func TestScriptTouchesNoCAWithoutOne(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.joins()
	if calls := m.calls("update-ca-certificates"); len(calls) > 0 {
		t.Errorf("update-ca-certificates %q", calls)
	}
}

// TestScriptGivesThePackageManagerTheProxy has the files that package managers read on
// several systems. Those of a proxy with a password are for root alone.
func TestScriptGivesThePackageManagerTheProxy(t *testing.T) {
	t.Parallel()
	const dnf, tdnf, apt = "/etc/dnf/dnf.conf", "/etc/tdnf/tdnf.conf", "/etc/apt/apt.conf.d/90gantry-proxy"
	for name, c := range map[string]struct {
		change func(*bootstrap.Proxy)
		mode   os.FileMode
	}{
		"password": {func(*bootstrap.Proxy) {}, 0o600},
		"none": {func(p *bootstrap.Proxy) {
			p.HTTP = "http://proxy.example.com:3128"
			p.HTTPS = "http://proxy.example.com:3129/"
		}, 0o644},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := behindProxy(t, newNode(t, bootstrap.Worker))
			c.change(node.Proxy)
			m := newMachine(t, node)
			m.write("/etc/apt/apt.conf.d/50other", "")
			m.write(dnf, "[main]\nbest=True\nproxy = http://old:1\n[other]\nenabled=0\n")
			m.write(tdnf, "[main]\ngpgcheck=1\n")
			m.joins()
			for file, want := range map[string]string{
				dnf:  "[main]\nproxy=" + node.Proxy.HTTPS + "\nbest=True\n[other]\nenabled=0\n",
				tdnf: "[main]\nproxy=" + node.Proxy.HTTPS + "\ngpgcheck=1\n",
			} {
				if got := m.read(file); got != want {
					t.Errorf("%s is %q, want %q", file, got, want)
				}
			}
			got := m.read(apt)
			for _, want := range []string{
				`Acquire::http::Proxy "` + node.Proxy.HTTP + "\";\n", `Acquire::https::Proxy "` + node.Proxy.HTTPS + "\";\n",
				"Acquire::https::Proxy::registry.example.com \"DIRECT\";\n", "Acquire::http::Proxy::localhost \"DIRECT\";\n",
			} {
				if !strings.Contains(got, want) {
					t.Errorf("apt reads %q, want %q", got, want)
				}
			}
			if strings.Contains(got, "::.") || strings.Contains(got, "/16 ") {
				t.Errorf("apt reads %q", got)
			}
			for _, file := range []string{dnf, tdnf, apt} {
				if info, err := os.Stat(filepath.Join(m.root, file)); err != nil || info.Mode() != c.mode {
					t.Errorf("%s: %v, %v", file, info.Mode(), err)
				}
			}
			if calls := m.read("calls"); strings.Contains(calls, "_proxy=") {
				t.Error("something was called with the proxy")
			}
		})
	}
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.write("/etc/apt/apt.conf.d/50other", "")
	m.joins()
	if m.exists(apt) {
		t.Error("without a proxy, apt has one")
	}
}

func TestScriptRefusesAdvertisements(t *testing.T) {
	t.Parallel()
	const flush = "-6 address flush dev eth0 scope global dynamic"
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.joins()
	if !strings.Contains(m.read("/etc/sysctl.d/90-gantry.conf"), "net.ipv6.conf.eth0.accept_ra = 0\n") {
		t.Errorf("kernel settings %q", m.read("/etc/sysctl.d/90-gantry.conf"))
	}
	if !slices.Equal(m.calls("ip"), []string{flush}) || len(m.calls("networkctl")) > 0 {
		t.Errorf("ip %q, networkctl %q", m.calls("ip"), m.calls("networkctl"))
	}

	networkd := newMachine(t, newNode(t, bootstrap.Worker))
	networkd.write("/etc/systemd/network/10-cloud-init-eth0.network", "[Network]\n")
	networkd.joins()
	if !slices.Equal(networkd.calls("networkctl"), []string{"reload"}) {
		t.Errorf("networkctl %q", networkd.calls("networkctl"))
	}

	for method, want := range map[string][]string{
		"auto":   {"connection modify cloud-init eth0 ipv6.method link-local", "device reapply eth0"},
		"manual": nil, // as cloud-init renders a node with an IPv6 address
	} {
		manager := newMachine(t, newNode(t, bootstrap.Worker))
		manager.play("nmcli", `case "$*" in
*'device show eth0') echo 'cloud-init eth0' ;;
*'connection show cloud-init eth0') echo `+method+` ;;
esac`)
		manager.joins()
		changes := slices.DeleteFunc(manager.calls("nmcli"), func(call string) bool { return strings.HasPrefix(call, "-g") })
		if !slices.Equal(changes, want) {
			t.Errorf("%s: nmcli %q, want %q", method, changes, want)
		}
	}
}

// What the image and kubeadm leave readable is closed once the node has joined.
func TestScriptClosesFiles(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	closed := []string{
		"/usr/lib/systemd/system/kubelet.service", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
		"/etc/systemd/system/kubelet.service.d/20-image builder.conf", "/var/lib/kubelet/config.yaml",
	}
	for _, path := range append(closed, "/etc/cni/net.d/.keep", "/usr/lib/systemd/system/containerd.service") {
		m.write(path, "")
	}
	// kubeadm writes it while it joins.
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
join) chmod 644 "$root/var/lib/kubelet/config.yaml" ;;
esac`)
	m.joins()
	for _, path := range closed {
		if mode := m.mode(path); mode != 0o600 {
			t.Errorf("%s has the mode %04o", path, mode)
		}
	}
	if mode := m.mode("/etc/cni/net.d"); mode != 0o700 {
		t.Errorf("the network's configuration has the mode %04o", mode)
	}
	if mode := m.mode("/usr/lib/systemd/system/containerd.service"); mode == 0o600 {
		t.Error("the unit of another service was closed")
	}
}

// A node whose files cannot be closed, as on a read-only /usr, joins all the same.
func TestScriptJoinsWhereFilesCannotBeClosed(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.write("/usr/lib/systemd/system/kubelet.service", "")
	m.write("/var/lib/kubelet/config.yaml", "")
	m.write("/bin/chmod", "#!/bin/bash\n[[ $2 != */usr/* ]] && exec /bin/chmod \"$@\"\n")
	m.joins()
	if mode := m.mode("/var/lib/kubelet/config.yaml"); mode != 0o600 {
		t.Errorf("kubelet's configuration has the mode %04o", mode)
	}
	if !strings.Contains(m.log(), "not every file was closed") {
		t.Errorf("the log says nothing:\n%s", m.log())
	}
}

func (m *machine) mode(path string) os.FileMode {
	m.t.Helper()
	info, err := os.Stat(filepath.Join(m.root, path))
	if err != nil {
		m.t.Fatal(err)
	}
	return info.Mode().Perm()
}
