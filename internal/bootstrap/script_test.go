package bootstrap_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// machine is a directory that the bootstrap script takes for its machine, with
// stand-ins for every command that would change a real one.
type machine struct {
	t    *testing.T
	root string
	env  []string // what a test sets beside what all do
}

// stub is every stand-in. It records its call; a file named after the command
// in "plays" is run for what it prints, does and returns.
const stub = `#!/bin/bash
name=${0##*/}
root=${0%/bin/*}
printf '%s %s\n' "$name" "$*" >>"$root/calls"
if [[ -f $root/plays/$name ]]; then
	. "$root/plays/$name"
fi
`

func newMachine(t *testing.T, node bootstrap.Node) *machine {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed")
	}
	return newMachineOf(t, userdata(t, node))
}

// newMachineOf is a machine with what a user data writes.
func newMachineOf(t *testing.T, config cloudConfig) *machine {
	t.Helper()
	m := &machine{t: t, root: t.TempDir()}
	for _, file := range config.WriteFiles {
		m.write(file.Path, file.Content)
	}
	m.write("/etc/modules-load.d/.keep", "")
	m.write("/stat", "btime 0\n")
	m.write("/etc/sysctl.d/.keep", "")
	m.write("/etc/fstab", "UUID=1 / ext4 defaults 0 1\n/swap.img\tnone\tswap\tsw\t0\t0\n# /dev/sdb none swap sw 0 0\n")
	for _, command := range []string{
		"modprobe", "sysctl", "swapoff", "systemctl", "crictl", "kubeadm", "kubectl", "vmware-rpctool", "vmtoolsd",
		"networkctl", "nmcli", "ip", "sync", "update-ca-certificates", "containerd", "python3",
	} {
		m.write("/bin/"+command, stub)
	}
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
config) echo registry.k8s.io/kube-apiserver:v1.37.2 ;;
esac`)
	m.play("systemctl", `[[ "$1 $2" != "start --no-block" ]] || printf '%s\n' "$3" >>"$root/started"`)
	m.play("vmware-rpctool", `printf '%s' "$1" >"$root/rpc"
case $1 in
*gantry.phase*) printf '%s\n' "${1##* }" >>"$root/phases" ;;
*gantry.log*) printf '%s' "${1#* * }" >"$root/tail" ;;
*info-set*) printf '%s\n' "${1#*gantry.}" >>"$root/reports" ;;
esac`)
	return m
}

func (m *machine) write(path, content string) {
	m.t.Helper()
	name := filepath.Join(m.root, path)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		m.t.Fatal(err)
	}
	// No other test's child may inherit what is open for writing here: the script
	// could not be run as long as it does.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(name, []byte(content), 0o755); err != nil { // commands have to be executable
		m.t.Fatal(err)
	}
}

// play sets what a command does when it is called.
func (m *machine) play(command, script string) { m.t.Helper(); m.write("/plays/"+command, script) }

func (m *machine) read(path string) string {
	m.t.Helper()
	data, err := os.ReadFile(filepath.Join(m.root, path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	return string(data)
}

func (m *machine) exists(path string) bool {
	_, err := os.Stat(filepath.Join(m.root, path))
	return err == nil
}

// bootstrap runs the script as cloud-init would, and after it what it left to run once
// cloud-init has ended, and returns its exit status.
func (m *machine) bootstrap(verb string) int {
	m.t.Helper()
	status, started := m.script(verb), m.started()
	m.write("/started", "")
	for _, unit := range started {
		_, start, _ := strings.Cut(m.read("/etc/systemd/system/"+unit), "\nExecStart=/etc/gantry/bootstrap.sh ")
		verb, _, found := strings.Cut(start, "\n")
		if !found {
			m.t.Fatalf("there is no unit %s that runs the script", unit)
		}
		if status := m.script(verb); status != 0 {
			m.t.Errorf("%s ended with status %d", unit, status)
		}
	}
	return status
}

// started are the units that the script has started and not waited for.
func (m *machine) started() []string { return strings.Fields(m.read("/started")) }

// script runs the script alone.
func (m *machine) script(verb string) int {
	m.t.Helper()
	command := exec.CommandContext(m.t.Context(), filepath.Join(m.root, "etc/gantry/bootstrap.sh"), verb)
	command.Env = append(os.Environ(), m.env...)
	command.Env = append(command.Env, "GANTRY_ROOT="+m.root, "GANTRY_PAUSE=0", "GANTRY_STAT="+filepath.Join(m.root, "stat"),
		"HTTPS_PROXY=http://not-for-kubeadm:1")
	output, err := command.CombinedOutput()
	if len(output) > 0 {
		// cloud-init keeps what a command prints; everything goes to the log instead.
		m.t.Errorf("the script printed: %s", output)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return 0
}

func (m *machine) phases() []string { return strings.Fields(m.read("phases")) }

// calls returns those of one command, without its name.
func (m *machine) calls(command string) []string {
	var calls []string
	for line := range strings.Lines(m.read("calls")) {
		if name, arguments, _ := strings.Cut(strings.TrimSpace(line), " "); name == command {
			calls = append(calls, strings.ReplaceAll(arguments, m.root, ""))
		}
	}
	return calls
}

// kubeadm returns the verbs that change the machine.
func (m *machine) kubeadm() []string {
	var verbs []string
	for _, call := range m.calls("kubeadm") {
		if verb, _, _ := strings.Cut(call, " "); verb == "init" || verb == "join" || verb == "reset" {
			verbs = append(verbs, verb)
		}
	}
	return verbs
}

func (m *machine) wantPhases(want ...string) {
	m.t.Helper()
	if got := m.phases(); !slices.Equal(got, want) {
		m.t.Errorf("phases %v, want %v; log:\n%s", got, want, m.log())
	}
}

func (m *machine) wantKubeadm(want ...string) {
	m.t.Helper()
	if got := m.kubeadm(); !slices.Equal(got, want) {
		m.t.Errorf("kubeadm ran %v, want %v; log:\n%s", got, want, m.log())
	}
}

func (m *machine) log() string { return m.read("var/log/gantry-bootstrap.log") }

// link returns the target of a link; empty where there is none.
func (m *machine) link(path string) string {
	target, err := os.Readlink(filepath.Join(m.root, path))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	return strings.TrimPrefix(target, m.root)
}

const (
	kubeVIP     = "/etc/kubernetes/manifests/kube-vip.yaml"
	kubeVIPConf = "/etc/gantry/kube-vip.conf"
)

func TestScriptInit(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
init) target=$(readlink "$root/etc/gantry/kube-vip.conf"); echo "${target#"$root"}" >"$root/kube-vip.conf" ;;
esac`)
	before := m.read(kubeVIP)
	if status := m.bootstrap("init"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantPhases("booting", "kubeadm", "joined")
	if !slices.Contains(m.calls("kubeadm"), "init --config /etc/gantry/kubeadm.yaml --skip-token-print") {
		t.Errorf("kubeadm was called with %q", m.calls("kubeadm"))
	}
	during, after := m.read("/kube-vip.conf"),
		m.link(kubeVIPConf)
	if during != "/etc/kubernetes/super-admin.conf\n" || after != "/etc/kubernetes/admin.conf" {
		t.Errorf("kube-vip starts with %q during init and with %q after it", during, after)
	}
	// kubelet restarts a pod whose manifest changes: the VIP would be gone for 11 s.
	if m.read(kubeVIP) != before {
		t.Error("kube-vip's manifest changed")
	}
	if m.exists("/etc/gantry/kubeadm.yaml") {
		t.Error("the kubeadm configuration is still there")
	}
	// The loss of power must not take back that init has begun.
	calls := m.read("calls")
	if begun, init := strings.Index(calls, "\nsync "), strings.Index(calls, "\nkubeadm init"); begun < 0 || begun > init {
		t.Errorf("nothing is on the disk before init begins:\n%s", calls)
	}
	if entries, err := os.ReadDir(filepath.Join(m.root, "etc/kubernetes/manifests")); err != nil || len(entries) != 1 {
		t.Errorf("kubelet would run %v (error %v)", entries, err)
	}

	if status := m.bootstrap("init"); status != 0 {
		t.Errorf("a second run ended with status %d", status)
	}
	m.wantPhases("booting", "kubeadm", "joined", "joined")
	m.wantKubeadm("init")
}

func TestScriptNeverInitsTwice(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
init) echo "error: the API server did not come up"; exit 7 ;;
esac`)
	if status := m.bootstrap("init"); status == 0 {
		t.Error("a failed init was a success")
	}
	m.wantPhases("booting", "kubeadm", "failed")
	if !strings.Contains(m.read("tail"), "the API server did not come up") {
		t.Errorf("the reported log lacks kubeadm's reason:\n%s", m.read("tail"))
	}
	if status := m.bootstrap("init"); status == 0 {
		t.Error("a second run was a success")
	}
	m.wantKubeadm("init")
	if !strings.Contains(m.read("tail"), "has to be replaced") {
		t.Errorf("the reported log does not say what to do:\n%s", m.read("tail"))
	}
}

func TestScriptFetchesImagesBeforeInit(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	// kube-vip's image is there, the other one comes at the third attempt.
	m.play("crictl", `case $1 in
inspecti) [[ $3 == *kube-vip* ]] ;;
pull) echo x >>"$root/pulls"; (($(wc -l <"$root/pulls") == 3)) ;;
esac`)
	if status := m.bootstrap("init"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("init")
	pulls := slices.DeleteFunc(m.calls("crictl"), func(call string) bool { return !strings.HasPrefix(call, "pull") })
	want := slices.Repeat([]string{"pull registry.k8s.io/kube-apiserver:v1.37.2"}, 3)
	if !slices.Equal(pulls, want) {
		t.Errorf("pulls %q, want %q", pulls, want)
	}
	if !slices.Contains(m.calls("crictl"), "inspecti -q ghcr.io/kube-vip/kube-vip:v1.0.0") {
		t.Errorf("kube-vip's image was not inspected: %q", m.calls("crictl"))
	}
}

func TestScriptDoesNotInitWithoutImages(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	m.play("crictl", `echo "no route to registry"; exit 1`)
	if status := m.bootstrap("init"); status == 0 {
		t.Error("the bootstrap was a success")
	}
	m.wantKubeadm()
	if phases := m.phases(); phases[len(phases)-1] != "failed" || !strings.Contains(m.read("tail"), "no route to registry") {
		t.Errorf("phases %v, log:\n%s", phases, m.read("tail"))
	}
}

func TestScriptJoin(t *testing.T) {
	t.Parallel()
	for _, role := range []bootstrap.Role{bootstrap.ControlPlane, bootstrap.Worker} {
		t.Run(string(role), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, newNode(t, role))
			before := m.read(kubeVIP)
			if status := m.bootstrap("join"); status != 0 {
				t.Fatalf("status %d; log:\n%s", status, m.log())
			}
			m.wantPhases("booting", "kubeadm", "joined")
			m.wantKubeadm("join")
			if m.read(kubeVIP) != before {
				t.Error("kube-vip's manifest changed")
			}
			if m.exists("/etc/gantry/kubeadm.yaml") {
				t.Error("the token is still on the disk")
			}
		})
	}
}

func TestScriptGivesUpJoining(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
*) echo "could not reach the API"; exit 1 ;;
esac`)
	if status := m.bootstrap("join"); status == 0 {
		t.Error("the bootstrap was a success")
	}
	m.wantKubeadm("join", "reset", "join", "reset", "join")
	m.wantPhases("booting", "kubeadm", "kubeadm", "kubeadm", "failed")
	if m.exists("/etc/gantry/bootstrapped") {
		t.Error("the marker says that the node has joined")
	}
}
