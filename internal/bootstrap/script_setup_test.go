package bootstrap_test

import (
	"context"
	"fmt"
	"os/exec"
	"os/user"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// ownGroup is who owns what a test writes.
func ownGroup(t *testing.T) string {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return me.Username + ":" + group.Name
}

// note is a command that notes how far the bootstrap is.
func note(what string) string {
	return fmt.Sprintf(`echo %s $(grep -c . "$GANTRY_ROOT/calls" || true) >>"$GANTRY_ROOT/notes"`, what)
}

func withSetup(t *testing.T, role bootstrap.Role) bootstrap.Node {
	node := newNode(t, role)
	node.Setup = bootstrap.Setup{
		Files:         []bootstrap.File{{Path: "/etc/example/a file", Content: "a\n", Permissions: "0640", Owner: ownGroup(t)}},
		PreBootstrap:  []string{note("one"), note("two")},
		PostBootstrap: []string{note("three")},
	}
	return node
}

func TestScriptRunsTheUsersCommandsAroundTheBootstrap(t *testing.T) {
	t.Parallel()
	for role, verb := range map[bootstrap.Role]string{bootstrap.FirstControlPlane: "init", bootstrap.Worker: "join"} {
		m := newMachine(t, withSetup(t, role))
		if status := m.bootstrap(verb); status != 0 {
			t.Fatalf("status %d; log:\n%s", status, m.log())
		}
		var order []string
		for line := range strings.Lines(m.read("notes")) {
			order = append(order, strings.Fields(line)[0])
		}
		if !slices.Equal(order, []string{"one", "two", "three"}) {
			t.Errorf("the commands ran as %q", order)
		}
		if notes := m.read("notes"); strings.Contains(notes, "three 0") {
			t.Errorf("post_bootstrap ran before anything else: %q", notes)
		}
		m.wantKubeadm(verb)
		m.wantPhases("booting", "kubeadm", "post_bootstrap", "joined")
		// What has run is not run again, and does not stay on the disk.
		if status := m.bootstrap(verb); status != 0 || strings.Count(m.read("notes"), "\n") != 3 {
			t.Errorf("at the next boot: status %d, %q", status, m.read("notes"))
		}
		for _, path := range []string{"/etc/gantry/pre-bootstrap/001", "/etc/gantry/post-bootstrap/001"} {
			if m.exists(path) {
				t.Errorf("%s is still there", path)
			}
		}
	}
}

func TestScriptStopsAtAFailedCommand(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	node.Setup.PreBootstrap = []string{note("one"), "echo password=hunter2; echo no such disk; false | cat", note("never")}
	m := newMachine(t, node)
	if status := m.bootstrap("join"); status == 0 {
		t.Error("the bootstrap was a success")
	}
	m.wantKubeadm()
	m.wantPhases("booting", "failed")
	tail := m.read("tail")
	if !strings.Contains(tail, "command 002 of pre-bootstrap failed with status 1") || !strings.Contains(tail, "no such disk") {
		t.Errorf("the reported log does not say what failed:\n%s", tail)
	}
	if strings.Contains(m.log(), "hunter2") {
		t.Error("the log holds a password")
	}
	if strings.Contains(m.read("notes"), "never") {
		t.Error("the next command ran all the same")
	}
}

// A node that has joined stays one, and its next boot tries the command again.
func TestScriptReportsAFailureAfterTheJoin(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	node.Setup.PostBootstrap = []string{note("one"), `[[ -e $GANTRY_ROOT/repaired ]]`}
	m := newMachine(t, node)
	if status := m.bootstrap("join"); status == 0 {
		t.Error("the bootstrap was a success")
	}
	m.wantPhases("booting", "kubeadm", "post_bootstrap", "post_bootstrap_failed")
	if m.exists("/etc/gantry/kubeadm.yaml") {
		t.Error("the token was not removed")
	}
	m.write("/repaired", "")
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("join")
	m.wantPhases("booting", "kubeadm", "post_bootstrap", "post_bootstrap_failed", "post_bootstrap", "joined")
	if strings.Count(m.read("notes"), "one") != 1 {
		t.Errorf("the first command ran again: %q", m.read("notes"))
	}
}

// A command that never ends is ended, with what it has started, and has failed.
func TestScriptEndsACommandThatHangs(t *testing.T) {
	t.Parallel()
	hangs := `echo it waits for the disk; (trap '' TERM; echo $BASHPID >"$GANTRY_ROOT/child"; exec sleep 3600) & sleep 3600`
	commands := []string{note("one"), hangs, note("never")}
	for name, c := range map[string]struct {
		setup  bootstrap.Setup
		phases []string
	}{
		"pre-bootstrap":  {bootstrap.Setup{PreBootstrap: commands}, []string{"booting", "failed"}},
		"post-bootstrap": {bootstrap.Setup{PostBootstrap: commands}, []string{"booting", "kubeadm", "post_bootstrap", "post_bootstrap_failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			node := newNode(t, bootstrap.Worker)
			node.Setup = c.setup
			m := newMachine(t, node)
			m.env = []string{"GANTRY_LIMIT=2"}
			if status := m.bootstrap("join"); status == 0 {
				t.Error("the bootstrap was a success")
			}
			m.wantPhases(c.phases...)
			tail := m.read("tail")
			for _, want := range []string{"it waits for the disk", "command 002 of " + name + " was ended", "have 2 seconds together"} {
				if !strings.Contains(tail, want) {
					t.Errorf("the reported log does not say %q:\n%s", want, tail)
				}
			}
			if strings.Contains(m.read("notes"), "never") {
				t.Error("the next command ran all the same")
			}
			// Who reaps it may take a while.
			pid := strings.TrimSpace(m.read("child"))
			state, _ := exec.CommandContext(t.Context(), "ps", "-o", "stat=", "-p", pid).Output()
			if pid == "" || len(state) > 0 && state[0] != 'Z' {
				t.Errorf("what it has started runs on: process %q, %s", pid, state)
			}
		})
	}
}

// A command may leave something running that holds on to its output.
func TestScriptDoesNotWaitForWhatACommandLeavesRunning(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	node.Setup.PostBootstrap = []string{`setsid sleep 3600 & echo $! >"$GANTRY_ROOT/child"`, note("two")}
	m := newMachine(t, node)
	t.Cleanup(func() {
		_ = exec.CommandContext(context.Background(), "kill", strings.TrimSpace(m.read("child"))).Run()
	})
	if status := m.bootstrap("join"); status != 0 || !strings.Contains(m.read("notes"), "two") {
		t.Errorf("status %d; log:\n%s", status, m.log())
	}
}

func TestScriptHasTheDocumentedBound(t *testing.T) {
	t.Parallel()
	script := userdata(t, newNode(t, bootstrap.Worker)).file("/etc/gantry/bootstrap.sh")
	if want := fmt.Sprintf("${GANTRY_LIMIT:-%d}", int(bootstrap.CommandsEndAfter.Seconds())); !strings.Contains(script, want) {
		t.Errorf("the script has another bound than %s", want)
	}
}

func TestScriptGivesCommandsTheProxy(t *testing.T) {
	t.Parallel()
	node := behindProxy(t, newNode(t, bootstrap.Worker))
	node.Setup.PreBootstrap = []string{`echo "$HTTPS_PROXY $http_proxy" >"$GANTRY_ROOT/notes"`}
	m := newMachine(t, node)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if got, want := m.read("notes"), node.Proxy.HTTPS+" "+node.Proxy.HTTP+"\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A command that installs packages is asked nothing, and needrestart restarts nothing, the
// bootstrap's own unit least of all.
func TestScriptLetsCommandsInstallPackages(t *testing.T) {
	t.Parallel()
	node := newNode(t, bootstrap.Worker)
	node.Setup.PreBootstrap = []string{`env | grep -E '^(DEBIAN|NEEDRESTART)' | sort >"$GANTRY_ROOT/notes"`}
	m := newMachine(t, node)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if got, want := m.read("notes"), "DEBIAN_FRONTEND=noninteractive\nNEEDRESTART_SUSPEND=1\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// cloud-init stops at a file whose owner the image does not have.
func TestScriptStopsWhereAFileWasNotWritten(t *testing.T) {
	t.Parallel()
	node := withSetup(t, bootstrap.Worker)
	node.Setup.Files[0].Owner = "no-such-user:root"
	m := newMachine(t, node)
	if status := m.bootstrap("join"); status == 0 {
		t.Error("the bootstrap was a success")
	}
	m.wantPhases("booting", "failed")
	if tail := m.read("tail"); !strings.Contains(tail, "/etc/example/a file was not written as no-such-user:root") {
		t.Errorf("the reported log does not say which file:\n%s", tail)
	}
}
