package bootstrap_test

import (
	"encoding/base64"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func newBuilder(t *testing.T, scripts ...string) bootstrap.Builder {
	t.Helper()
	node := behindProxy(t, newNode(t, bootstrap.Worker))
	return bootstrap.Builder{
		Name: "image-builder", InstanceID: node.InstanceID, MAC: node.MAC, Address: node.Address, Gateway: node.Gateway,
		Nameservers: []netip.Addr{netip.MustParseAddr("10.10.128.2")}, Proxy: node.Proxy, Scripts: scripts,
		Files: []bootstrap.File{{Path: "/etc/example/kept", Content: "kept\n", Permissions: "0644", Owner: ownGroup(t)}},
	}
}

func builderUserdata(t *testing.T, builder bootstrap.Builder) cloudConfig {
	t.Helper()
	info, err := bootstrap.BuilderGuestInfo(builder)
	if err != nil {
		t.Fatal(err)
	}
	return parseUserdata(t, decode(t, info[bootstrap.UserdataKey]))
}

// newBuildMachine is a machine of Debian's family with what a first boot has left.
func newBuildMachine(t *testing.T, scripts ...string) *machine {
	t.Helper()
	m := newMachineOf(t, builderUserdata(t, newBuilder(t, scripts...)))
	for _, command := range []string{"apt-get", "cloud-init", "journalctl"} {
		m.write("/bin/"+command, stub)
	}
	for _, path := range leftByTheFirstBoot {
		m.write(path, "x\n")
	}
	m.write("/etc/apt/apt.conf.d/.keep", "")
	m.write("/usr/local/share/ca-certificates/.keep", "")
	m.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
	m.write("/etc/dnf/dnf.conf", "[main]\ngpgcheck=1\n")
	return m
}

// leftByTheFirstBoot is what no clone of an image may have.
var leftByTheFirstBoot = []string{
	"/etc/ssh/ssh_host_ed25519_key", "/etc/netplan/50-cloud-init.yaml", "/etc/systemd/network/10-cloud-init-eth0.network",
	"/etc/NetworkManager/system-connections/cloud-init-eth0.nmconnection", "/var/lib/systemd/random-seed", "/var/lib/dbus/machine-id",
	"/var/lib/apt/lists/archive", "/var/lib/dhcp/dhclient.leases", "/root/.bash_history",
	"/etc/nvme/hostnqn", "/etc/nvme/hostid",
	"/var/lib/cloud/instances/i/user-data.txt", "/var/log/journal/0123456789abcdef0123456789abcdef/system.journal",
}

func TestScriptBuildsAnImageAndCleansTheMachine(t *testing.T) {
	t.Parallel()
	m := newBuildMachine(t, note("one"), `echo "$HTTPS_PROXY" >"$GANTRY_ROOT/proxy"; `+note("two"))
	// journalctl finds the journal by the machine's id.
	m.play("journalctl", `[[ -s $root/etc/machine-id ]] && touch "$root/emptied"`)
	m.write("/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.2004-10.com.ubuntu:01:abc\n")
	m.write("/var/log/syslog", "image-builder\n")
	m.write("/var/log/apt/term.log", "image-builder\n")
	if status := m.bootstrap("build"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if notes := strings.Fields(m.read("notes")); len(notes) != 4 || notes[0] != "one" || notes[2] != "two" {
		t.Errorf("the scripts ran as %q", notes)
	}
	if m.read("proxy") == "\n" {
		t.Error("the scripts saw no proxy")
	}
	m.wantPhases("booting", "building", "cleaning", "built", "built", "built", "built")
	for _, path := range append([]string{
		"/etc/gantry", "/etc/systemd/system/gantry-build.service", "/etc/systemd/system/gantry-clean.service",
		"/etc/systemd/system/containerd.service.d/50-gantry-proxy.conf", "/etc/apt/apt.conf.d/90gantry-proxy",
		"/etc/systemd/network/10-cloud-init-eth0.network.d/50-gantry.conf", "/usr/local/share/ca-certificates/gantry-1.crt",
		"/var/log/gantry-bootstrap.log",
	}, leftByTheFirstBoot...) {
		if m.exists(path) {
			t.Errorf("%s is in the image", path)
		}
	}
	if id := m.read("/etc/machine-id"); id != "" || !m.exists("/etc/machine-id") {
		t.Errorf("the machine id is %q", id)
	}
	if !m.exists("/emptied") {
		t.Error("the journal was not emptied while the machine had its id")
	}
	if left := m.read("/var/log/syslog") + m.read("/var/log/apt/term.log"); left != "" {
		t.Errorf("the logs have %q", left)
	}
	if name := m.read("/etc/iscsi/initiatorname.iscsi"); name != "GenerateName=yes\n" {
		t.Errorf("the initiator's name is %q", name)
	}
	// What the shutdown writes would be alike in all clones.
	if !slices.Contains(m.calls("systemctl"), "mask --runtime systemd-random-seed.service") {
		t.Errorf("the seed is written again: %q", m.calls("systemctl"))
	}
	if conf := m.read("/etc/dnf/dnf.conf"); strings.Contains(conf, "proxy") || !strings.Contains(conf, "gpgcheck=1") {
		t.Errorf("dnf.conf is %q", conf)
	}
	if m.read("/etc/example/kept") != "kept\n" {
		t.Error("the file of the user is not in the image")
	}
	if calls := m.calls("cloud-init"); len(calls) != 1 || calls[0] != "clean --logs" {
		t.Errorf("cloud-init was called as %q", calls)
	}
	if calls := m.calls("systemctl"); calls[len(calls)-1] != "poweroff" {
		t.Errorf("the machine runs on: %q", calls)
	}
}

// Scripts that install packages are asked nothing, wait for the lock of the packages, and are not
// ended by what restarts services or looks for upgrades by itself.
func TestScriptsOfAnImageHaveThePackagesToThemselves(t *testing.T) {
	t.Parallel()
	m := newBuildMachine(t, `env | grep -E '^(DEBIAN|NEEDRESTART)' | sort >"$GANTRY_ROOT/notes"
		cat "$GANTRY_ROOT/etc/apt/apt.conf.d/90gantry-build" >>"$GANTRY_ROOT/notes"
		grep -c 'stop apt-daily.timer apt-daily-upgrade.timer .*unattended-upgrades.service' "$GANTRY_ROOT/calls" >>"$GANTRY_ROOT/notes"`)
	if status := m.script("build"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	want := "DEBIAN_FRONTEND=noninteractive\nNEEDRESTART_SUSPEND=1\nDPkg::Lock::Timeout \"600\";\n1\n"
	if got := m.read("notes"); got != want {
		t.Errorf("the script has %q, want %q", got, want)
	}
	if status := m.script("clean"); status != 0 || m.exists("/etc/apt/apt.conf.d/90gantry-build") {
		t.Errorf("status %d; log:\n%s", status, m.log())
	}
}

func TestScriptStopsAtAFailedScriptOfAnImage(t *testing.T) {
	t.Parallel()
	m := newBuildMachine(t, note("one"), "echo no such package; exit 3", note("never"))
	if status := m.bootstrap("build"); status == 0 {
		t.Error("the build was a success")
	}
	m.wantPhases("booting", "building", "failed")
	tail := m.read("tail")
	if !strings.Contains(tail, "command 002 of build failed with status 3") || !strings.Contains(tail, "no such package") {
		t.Errorf("the reported log does not say what failed:\n%s", tail)
	}
	if strings.Contains(m.read("notes"), "never") || len(m.started()) > 0 {
		t.Errorf("it went on: %q, %q", m.read("notes"), m.started())
	}
	// What has run is not run again at the next boot.
	m.script("build")
	if strings.Count(m.read("notes"), "one") != 1 {
		t.Errorf("the first script ran again: %q", m.read("notes"))
	}
}

// A machine that cannot be cleaned says so, and stays on.
func TestScriptSaysThatAMachineIsNotClean(t *testing.T) {
	t.Parallel()
	m := newBuildMachine(t, note("one"))
	m.play("cloud-init", "exit 1")
	if status := m.script("build"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if status := m.script("clean"); status == 0 {
		t.Error("the machine was cleaned")
	}
	m.wantPhases("booting", "building", "cleaning", "failed")
	for _, call := range m.calls("systemctl") {
		if call == "poweroff" {
			t.Error("the machine was powered off")
		}
	}
}

func TestWhatTheMachineOfAnImageCannotBootWithIsRefused(t *testing.T) {
	t.Parallel()
	large := newBuilder(t, "true")
	large.Files[0].Content = incompressible(60 << 10)
	taken := newBuilder(t, "true")
	taken.Files[0].Path = "/etc/gantry/build.sh"
	for name, c := range map[string]struct {
		builder bootstrap.Builder
		says    string
	}{
		"too large":    {large, "guestinfo of a VM carries at most 65536"},
		"taken":        {taken, "its path is taken"},
		"empty script": {newBuilder(t, " "), "a command is empty"},
		"right":        {newBuilder(t, "true"), ""},
	} {
		faults := bootstrap.CheckBuilder(c.builder)
		switch {
		case c.says == "" && len(faults) > 0:
			t.Errorf("%s: %v", name, faults)
		case c.says != "" && (len(faults) != 1 || faults[0].Field != "Setup" || !strings.Contains(faults[0].Reason, c.says)):
			t.Errorf("%s: %v", name, faults)
		}
	}
}

// incompressible is a text that does not become smaller.
func incompressible(size int) string {
	random := rand.NewChaCha8([32]byte{})
	content := make([]byte, size)
	_, _ = random.Read(content)
	return base64.StdEncoding.EncodeToString(content)[:size]
}
