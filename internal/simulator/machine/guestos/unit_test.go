package guestos_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

const daemon = `# a comment
[Unit]
Description=A daemon
After=network.target

[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/bin/daemon --name %N \
; a comment between the parts
    $FLAGS --single=${FLAGS}
Type=notify
KillMode=process
Restart=always
RestartSec=5
LimitNOFILE=infinity
OOMScoreAdjust=-999
Environment="QUOTED=a b%%20c" PLAIN=x
EnvironmentFile=-/etc/default/daemon
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
`

func put(t *testing.T, root, path, content string) {
	t.Helper()
	full := filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got %q\nwant %q", what, got, want)
	}
}

func TestUnitIsReadWithItsDropIns(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/daemon.service", daemon)
	put(t, root, "/usr/lib/systemd/system/daemon.service.d/10-hidden.conf", "[Service]\nRestart=no\n")
	put(t, root, "/etc/systemd/system/daemon.service.d/10-hidden.conf", "[Service]\nEnvironment=FROM=etc\n")
	put(t, root, "/etc/systemd/system/daemon.service.d/50-late.conf", "[Service]\nRestartSec=1min 30s\n")
	put(t, root, "/etc/default/daemon", "# comment\nFLAGS=\"--a --b='c d'\"\nPLAIN=y\n")
	u, err := guestos.LoadUnit(root, "daemon.service")
	if err != nil {
		t.Fatal(err)
	}
	if u.Type != "notify" || u.KillMode != "process" || *u.OOMScoreAdjust != -999 || u.Limits["NOFILE"] != "infinity" {
		t.Errorf("unit is %+v", u)
	}
	if !u.Restarts(true) || !u.Restarts(false) {
		t.Error("the drop-in of less importance was read too: the unit does not restart")
	}
	if u.RestartDelay != 90*time.Second {
		t.Errorf("restarts after %s", u.RestartDelay)
	}
	equal(t, "ignored", u.Ignored, []string{"ProtectSystem"})
	environment, err := u.FullEnvironment(root, []string{"PATH=/bin", "PLAIN=base"})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "environment", environment, []string{"PATH=/bin", "QUOTED=a b%20c", "FROM=etc", "FLAGS=--a --b='c d'", "PLAIN=y"})
	arguments, err := u.CommandLine(environment)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "command", arguments, []string{"/usr/bin/daemon", "--name", "daemon", "--a", "--b=c d", "--single=--a --b='c d'"})
}

func TestUnitInEtcCountsMore(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/x.service", "[Service]\nExecStart=/bin/lib\n")
	put(t, root, "/etc/systemd/system/x.service", "[Service]\nExecStart=/bin/etc\n")
	u, err := guestos.LoadUnit(root, "x.service")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "start", u.Start, []string{"/bin/etc"})
	if _, err := guestos.LoadUnit(root, "y.service"); err == nil || err.Error() != "Unit y.service not found." {
		t.Errorf("a missing unit: %v", err)
	}
}

// What kubeadm writes ends up as kubelet's arguments, with the exceptions of the machine.
func TestKubeletCommandLine(t *testing.T) {
	t.Parallel()
	for d, want := range map[guestos.Distribution]struct {
		program string
		driver  bool // kubelet's own, in place of systemd's
	}{
		guestos.Borrowed: {"/usr/local/bin/kubelet", true},
		guestos.Whole:    {"/usr/bin/kubelet", false},
	} {
		arguments := kubeletArguments(t, d)
		if arguments[0] != want.program {
			t.Errorf("kubelet is %s and not %s", arguments[0], want.program)
		}
		for _, argument := range []string{"--node-ip=10.0.0.1", "--node-labels=a=b,c=d", "--config=/var/lib/kubelet/config.yaml",
			"--v=4", "--image-gc-high-threshold=100"} {
			if !slices.Contains(arguments, argument) {
				t.Errorf("%s is not among %q", argument, arguments)
			}
		}
		if slices.Contains(arguments, "--cgroup-driver=cgroupfs") != want.driver {
			t.Errorf("the driver of control groups is not as it should be: %q", arguments)
		}
		if strings.Contains(strings.Join(arguments, " "), "$") {
			t.Errorf("a variable was not replaced: %q", arguments)
		}
	}
}

func kubeletArguments(t *testing.T, d guestos.Distribution) []string {
	t.Helper()
	root := t.TempDir()
	service, kubeadm := guestos.KubeletUnits(d)
	put(t, root, "/usr/lib/systemd/system/kubelet.service", service)
	put(t, root, "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", kubeadm)
	put(t, root, "/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS=\"--node-ip=10.0.0.1 --node-labels=a=b,c=d\"\n")
	put(t, root, "/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--v=4\n")
	u, err := guestos.LoadUnit(root, "kubelet.service")
	if err != nil {
		t.Fatal(err)
	}
	environment, err := u.FullEnvironment(root, nil)
	if err != nil {
		t.Fatal(err)
	}
	arguments, err := u.CommandLine(environment)
	if err != nil {
		t.Fatal(err)
	}
	return append(arguments, guestos.KubeletFlags(d)...)
}

func TestUnitRefusals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ExecStart=/bin/x\n":                       "no assignment in a section",
		"[Service]\nExecStart\n":                   "no assignment",
		"[Service]\nRestartSec=soon\n":             "no time span",
		"[Service]\nRemainAfterExit=perhaps\n":     "neither true nor false",
		"[Service]\nEnvironment=\"A=b\n":           "not closed",
		"[Service]\nEnvironment=A=%q\n":            "unknown specifier",
		"[Service]\nOOMScoreAdjust=low\n":          "invalid syntax",
		"[Service]\nEnvironment=A=\\q\n":           "unknown escape",
		"[Service]\nTimeoutStartSec=-5\n":          "no time span",
		"[Service]\nEnvironment=A=b\\\\ ends=\\\\": "",
	} {
		err := guestos.NewUnit("x.service").Read(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestSeconds(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"5": 5 * time.Second, "0": 0, "infinity": 0, "1.5": 1500 * time.Millisecond,
		"2min 3s": 123 * time.Second, "100ms": 100 * time.Millisecond,
	} {
		if got, err := guestos.Seconds(text); err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestEnablementIsOnTheDisk(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/daemon.service", daemon)
	u, err := guestos.LoadUnit(root, "daemon.service")
	if err != nil {
		t.Fatal(err)
	}
	if state := guestos.Enablement(root, u); state != "disabled" {
		t.Errorf("state is %s before", state)
	}
	for i, want := range []int{1, 0} {
		made, err := guestos.EnableUnit(root, u)
		if err != nil || len(made) != want {
			t.Errorf("enabled the %d. time: %q, %v", i+1, made, err)
		}
	}
	if state := guestos.Enablement(root, u); state != "enabled" {
		t.Errorf("state is %s after enable", state)
	}
	equal(t, "wanted at boot", guestos.Wanted(root), []string{"daemon.service"})
	if _, err := guestos.DisableUnit(root, "daemon.service"); err != nil {
		t.Fatal(err)
	}
	equal(t, "wanted at boot", guestos.Wanted(root), nil)
}

func TestTimersCanBeEnabled(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, "/etc/systemd/system/daily.timer", "[Timer]\nOnCalendar=daily\n[Install]\nWantedBy=timers.target\n")
	u, err := guestos.LoadUnit(root, "daily.timer")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := guestos.EnableUnit(root, u); err != nil || guestos.Enablement(root, u) != "enabled" {
		t.Errorf("it is %s (%v)", guestos.Enablement(root, u), err)
	}
	equal(t, "wanted at boot", guestos.Wanted(root), nil)
}
