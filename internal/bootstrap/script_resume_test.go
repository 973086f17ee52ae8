package bootstrap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// killedAt plays a command that is killed with the script that ran it, as by the loss
// of power, the first time it is called with a verb.
func (m *machine) killedAt(verb string) {
	m.t.Helper()
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
`+verb+`) if [[ ! -e $root/killed ]]; then
	mkdir -p "$root/etc/kubernetes"
	touch "$root/killed" "$root/etc/kubernetes/kubelet.conf"
	pid=$PPID victims=()
	while [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *bootstrap.sh* ]]; do
		victims+=("$pid")
		pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
	done
	kill -9 "${victims[@]}"
fi ;;
reset) rm -rf "$root"/etc/kubernetes/manifests/* "$root/etc/kubernetes/kubelet.conf" ;;
esac`)
}

func TestScriptNeverInitsTwiceAfterTheLossOfPower(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	m.killedAt("init")
	m.bootstrap("init")
	m.wantPhases("booting", "kubeadm")
	if status := m.bootstrap("init"); status == 0 {
		t.Error("the next boot was a success")
	}
	m.wantKubeadm("init")
	m.wantPhases("booting", "kubeadm", "booting", "kubeadm", "failed")
	if !strings.Contains(m.read("tail"), "has to be replaced") {
		t.Errorf("the reported log does not say what to do:\n%s", m.read("tail"))
	}
}

// Once there is an API server, others may have written to it: that is told apart.
func TestScriptSaysThatAnAPIServerMayServe(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
init) touch "$root/etc/kubernetes/manifests/kube-apiserver.yaml"; echo "could not upload the configuration"; exit 1 ;;
esac`)
	for range 2 { // the next boot says so again
		if status := m.bootstrap("init"); status == 0 {
			t.Error("the bootstrap was a success")
		}
	}
	m.wantKubeadm("init")
	// It is told from a first boot at once: what serves beside that is not restored over.
	m.wantPhases("booting", "kubeadm", "init_failed", "resuming", "resuming", "init_failed")
}

// Before init has begun the next boot does all of it.
func TestScriptInitsAfterTheLossOfPower(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	m.killedAt("config")
	m.bootstrap("init")
	m.wantKubeadm()
	if status := m.bootstrap("init"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("init")
	m.wantPhases("booting", "kubeadm", "booting", "kubeadm", "joined")
}

func TestScriptResumesTheJoinOfAControlPlane(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	before := m.read(kubeVIP)
	m.killedAt("join")
	m.bootstrap("join")
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("join", "reset", "join")
	m.wantPhases("booting", "kubeadm", "booting", "kubeadm", "joined")
	if m.read(kubeVIP) != before {
		t.Error("kube-vip's manifest did not survive")
	}
}

// The reset itself may be what the power is lost over: kube-vip's manifest is gone
// then, and its copy is not.
func TestScriptResumesAfterAReset(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	before := m.read(kubeVIP)
	m.killedAt("join")
	m.bootstrap("join")
	if err := os.Remove(filepath.Join(m.root, kubeVIP)); err != nil {
		t.Fatal(err)
	}
	if status := m.bootstrap("join"); status != 0 || m.read(kubeVIP) != before {
		t.Fatalf("status %d, manifest:\n%s\nlog:\n%s", status, m.read(kubeVIP), m.log())
	}
}

// A worker whose kubelet has its certificate is a node, and its token may be gone.
func TestScriptLeavesAWorkerThatHasJoined(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.killedAt("join")
	m.bootstrap("join")
	m.write("/etc/kubernetes/bootstrap-kubelet.conf", token)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("join")
	m.wantPhases("booting", "kubeadm", "booting", "kubeadm", "joined")
	if m.exists("/etc/kubernetes/bootstrap-kubelet.conf") || m.exists("/etc/gantry/kubeadm.yaml") {
		t.Error("the token is still on the disk")
	}
	if !slices.Contains(m.calls("systemctl"), "restart kubelet") {
		t.Errorf("systemctl %q", m.calls("systemctl"))
	}
}

func TestScriptResetsBeforeItJoinsAgain(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	before := m.read(kubeVIP)
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
reset) rm -rf "$root"/etc/kubernetes/manifests/* ;;
join) echo x >>"$root/joins"; (($(wc -l <"$root/joins") == 2)) ;;
esac`)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("join", "reset", "join")
	m.wantPhases("booting", "kubeadm", "kubeadm", "joined")
	if m.read(kubeVIP) != before {
		t.Error("kube-vip's manifest did not survive the reset")
	}
	if m.exists("/etc/gantry/kube-vip.yaml") {
		t.Error("the copy of kube-vip's manifest was left behind")
	}
}

func TestScriptRemovesWhatCloudInitKeeps(t *testing.T) {
	t.Parallel()
	kept := []string{"obj.pkl", "user-data.txt", "user-data.txt.i", "vendor-data.txt", "vendor-data2.txt.i", "cloud-config.txt"}
	m := newMachine(t, newNode(t, bootstrap.FirstControlPlane))
	for _, name := range kept {
		m.write("/var/lib/cloud/instances/4711/"+name, "the key")
	}
	m.write("/var/lib/cloud/instances/4711/datasource", "VMware")
	m.write("/run/cloud-init/instance-data-sensitive.json", "the key")
	m.write("/run/cloud-init/instance-data.json", "{}")
	m.play("kubeadm", `[[ $1 != version ]] || echo v1.37.2
[[ $1 != init || -f $root/var/lib/cloud/instances/4711/obj.pkl ]]`) // not before it has ended well
	if status := m.bootstrap("init"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	for _, name := range kept {
		if m.exists("/var/lib/cloud/instances/4711/" + name) {
			t.Errorf("%s is still there", name)
		}
	}
	if m.exists("/run/cloud-init/instance-data-sensitive.json") {
		t.Error("the instance data is still there")
	}
	if !m.exists("/var/lib/cloud/instances/4711/datasource") || !m.exists("/run/cloud-init/instance-data.json") {
		t.Error("too much was removed")
	}

	// The power is lost over it: the next boot does the rest, and reports.
	m.write("/etc/gantry/kubeadm.yaml", "token")
	m.write("/var/lib/cloud/instances/4711/obj.pkl", "the key")
	status := m.bootstrap("init")
	if status != 0 || m.exists("/etc/gantry/kubeadm.yaml") || m.exists("/var/lib/cloud/instances/4711/obj.pkl") {
		t.Errorf("status %d, or the rest was left", status)
	}
}

// cloud-init's last stage waits for the script, or comes after it, and stores at its end
// what it was made with: it is removed after that, also after a resumed join.
func TestScriptForgetsOnceCloudInitHasEnded(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.killedAt("join")
	m.bootstrap("join")
	m.write("/var/lib/cloud/instances/4711/obj.pkl", "the token")
	if status := m.script("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if !m.exists("/var/lib/cloud/instances/4711/obj.pkl") || !slices.Equal(m.started(), []string{"gantry-forget.service"}) {
		t.Errorf("it was removed before cloud-init has ended, or %q were started", m.started())
	}
	if unit := m.read("/etc/systemd/system/gantry-forget.service"); !strings.Contains(unit, "\nAfter=cloud-final.service\n") {
		t.Errorf("the unit is not ordered after cloud-init's last stage:\n%s", unit)
	}
}

// Where the unit cannot be started, what can be removed is.
func TestScriptForgetsWithoutItsUnit(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.play("systemctl", `[[ "$1 $2" != "start --no-block" ]]`)
	if status := m.bootstrap("join"); status != 0 || m.exists("/etc/gantry/kubeadm.yaml") {
		t.Errorf("status %d, or the token was left", status)
	}
}
