//go:build linux

package guestos_test

import (
	"io"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/guestos"
)

// kubeadm, cloud-init and the bootstrap script go by texts and statuses.
func TestSystemctlAnswers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/daemon.service", daemon)
	s := guestos.NewSystemctl(root, io.Discard)
	for _, step := range []struct {
		arguments      string
		status         int
		stdout, stderr string
	}{
		{"is-enabled daemon", 1, "disabled\n", ""},
		{"enable daemon.service", 0, "", "Created symlink /etc/systemd/system/multi-user.target.wants/daemon.service"},
		{"is-enabled daemon", 0, "enabled\n", ""},
		{"is-enabled --quiet daemon", 0, "", ""},
		{"is-active daemon", 3, "inactive\n", ""},
		{"is-active -q other", 3, "", ""},
		{"status other", 4, "", "Unit other.service could not be found.\n"},
		{"start other", 5, "", "Failed to start other.service: Unit other.service not found.\n"},
		{"is-enabled other", 1, "", "Failed to get unit file state for other.service: No such file or directory\n"},
		{"enable other daemon", 1, "", "Unit file other.service does not exist.\n"},
		{"show -p ActiveState --value daemon", 0, "inactive\n", ""},
		{"show --property=LoadState,UnitFileState daemon", 0, "LoadState=loaded\nUnitFileState=enabled\n", ""},
		{"show -pLoadState other", 0, "LoadState=not-found\n", ""},
		{"disable daemon", 0, "", "Removed"},
		{"stop daemon", 0, "", ""},
		{"try-restart daemon", 0, "", ""},
		{"daemon-reload", 0, "", ""},
		{"list-units --type=swap --all --plain --no-legend", 0, "", ""},
		{"list-units", 1, "", "only units of swap are listed here"},
		{"isolate rescue.target", 1, "", "Unknown command verb isolate.\n"},
		{"--user start daemon", 1, "", "unrecognized option '--user'\n"},
		{"start", 1, "", "Too few arguments.\n"},
	} {
		a := s.Run(strings.Fields(step.arguments)...)
		if a.Status != step.status || a.Stdout != step.stdout || !strings.Contains(a.Stderr, step.stderr) || step.stderr == "" && a.Stderr != "" {
			t.Errorf("systemctl %s: status %d, %q, %q", step.arguments, a.Status, a.Stdout, a.Stderr)
		}
	}
}

// A drop-in is not in effect before a daemon-reload, as on a real machine.
func TestChangedUnitsNeedAReload(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	put(t, root, "/usr/lib/systemd/system/daemon.service", daemon)
	s := guestos.NewSystemctl(root, io.Discard)
	typ := func() string { return s.Run("show", "-p", "Type", "--value", "daemon").Stdout }
	if got := typ(); got != "notify\n" {
		t.Fatalf("type is %q", got)
	}
	put(t, root, "/etc/systemd/system/daemon.service.d/x.conf", "[Service]\nType=simple\n")
	if got := typ(); got != "notify\n" {
		t.Errorf("type is %q before the reload", got)
	}
	s.Run("daemon-reload")
	if got := typ(); got != "simple\n" {
		t.Errorf("type is %q after the reload", got)
	}
}

func TestTableIsInEffect(t *testing.T) {
	t.Parallel()
	for _, e := range append(guestos.Exceptions(guestos.Borrowed), guestos.Exceptions(guestos.Whole)...) {
		switch e.Kind {
		case guestos.Tool:
			if !guestos.Has(e.Name) {
				t.Errorf("%s has no stand-in", e.Name)
			}
		case guestos.Capability:
			if !guestos.Knows(e.Name) {
				t.Errorf("%s is not dropped", e.Name)
			}
		}
	}
	for _, name := range []string{"init", "execute", "exceptions", "pause", "flannel", "idle"} {
		if guestos.Program(name) == nil {
			t.Errorf("there is no program %s", name)
		}
	}
}

func TestHierarchies(t *testing.T) {
	t.Parallel()
	equal(t, "version 1 beside 2", guestos.Hierarchies("5:cpu,cpuacct:/x\n2:name=systemd:/\n0::/\n"),
		[]string{"cpu,cpuacct at cpu,cpuacct", "name=systemd at systemd", " at unified"})
	equal(t, "version 2", guestos.Hierarchies("0::/x\n"), []string{" at "})
}

func TestDetectVirtualization(t *testing.T) {
	t.Parallel()
	if guestos.Detect([]string{"--quiet", "--container"}) == 0 {
		t.Error("the machine says that it is a container: cloud-init would not ask its firmware")
	}
	if guestos.Detect([]string{"--quiet"}) != 0 {
		t.Error("the machine says that it is none")
	}
}
