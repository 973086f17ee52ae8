package bootstrap_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func TestScriptPreparesTheMachine(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.play("modprobe", "echo 'FATAL: Module not found.'; exit 1") // built into the kernel
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if got := m.read("/etc/modules-load.d/90-gantry.conf"); got != "overlay\nbr_netfilter\n" {
		t.Errorf("modules %q", got)
	}
	for _, setting := range []string{
		"net.ipv4.ip_forward = 1", "net.ipv6.conf.all.forwarding = 1",
		"net.bridge.bridge-nf-call-iptables = 1", "net.bridge.bridge-nf-call-ip6tables = 1",
	} {
		if !strings.Contains(m.read("/etc/sysctl.d/90-gantry.conf"), setting+"\n") {
			t.Errorf("kernel setting %q is missing", setting)
		}
	}
	want := "UUID=1 / ext4 defaults 0 1\n# /swap.img\tnone\tswap\tsw\t0\t0\n# /dev/sdb none swap sw 0 0\n"
	if got := m.read("/etc/fstab"); got != want {
		t.Errorf("fstab %q", got)
	}
	if !slices.Equal(m.calls("swapoff"), []string{"-a"}) {
		t.Errorf("swapoff %q", m.calls("swapoff"))
	}
	if !slices.Contains(m.calls("systemctl"), "restart containerd") {
		t.Errorf("systemctl %q", m.calls("systemctl"))
	}
}

func TestScriptRefusesAnotherMinorVersion(t *testing.T) {
	t.Parallel()
	for found, works := range map[string]bool{"v1.37.2": true, "v1.37.0": true, "v1.36.2": false, "v1.3.2": false} {
		t.Run(found, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, newNode(t, bootstrap.Worker))
			m.play("kubeadm", "[[ $1 != version ]] || echo "+found)
			if status := m.bootstrap("join"); (status == 0) != works {
				t.Fatalf("status %d; log:\n%s", status, m.log())
			}
			if !works {
				m.wantKubeadm()
				m.wantPhases("booting", "failed")
				if !strings.Contains(m.read("tail"), "choose an image") {
					t.Errorf("the reported log does not say what to do:\n%s", m.read("tail"))
				}
			}
		})
	}
}

func TestScriptHidesProxiesFromKubeadm(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.play("kubeadm", `[[ $1 != version ]] || echo v1.37.2; env >>"$root/environment"`)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d", status)
	}
	if environment := m.read("environment"); environment == "" || strings.Contains(strings.ToLower(environment), "_proxy=") {
		t.Errorf("kubeadm's environment:\n%s", environment)
	}
}

func TestScriptReportsByWhatThereIs(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	if err := os.Remove(m.root + "/bin/vmware-rpctool"); err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("vmware-rpctool"); err == nil {
		t.Skip("this machine has VMware tools of its own")
	}
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if !slices.Contains(m.calls("vmtoolsd"), "--cmd info-set guestinfo.gantry.phase joined") {
		t.Errorf("vmtoolsd %q", m.calls("vmtoolsd"))
	}
}

func TestScriptSurvivesADeadReporter(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.play("vmware-rpctool", "exit 1")
	if status := m.bootstrap("join"); status != 0 || !m.exists("/etc/gantry/bootstrapped") {
		t.Errorf("status %d", status)
	}
}

func TestScriptReportsAShortPlainTail(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.play("kubeadm", `[[ $1 != version ]] || { echo v1.37.2; exit; }
for i in {1..300}; do printf 'line %s \303\244 \033[31m\007\n' "$i"; done
echo "the last word"; exit 1`)
	m.bootstrap("join")
	tail := m.read("tail")
	if len(tail) < 1500 || len(tail) > 2048 {
		t.Errorf("the tail has %d bytes", len(tail))
	}
	if i := strings.IndexFunc(tail, func(r rune) bool { return r > '~' || r < ' ' && r != '\n' && r != '\t' }); i >= 0 {
		t.Errorf("the tail holds %q", tail[i])
	}
	if !strings.Contains(tail, "the last word") || !strings.Contains(tail, "bootstrap failed with status 1") {
		t.Errorf("the tail does not end with the end:\n%s", tail)
	}
}

func TestScriptLogsNoSecret(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	made := must(authorities())
	m.write("/said", strings.Join([]string{
		"[preflight] Running pre-flight checks",
		"kubeadm join 10.10.183.1:6443 --token " + token + " --discovery-token-ca-cert-hash " + caHash,
		"\t--control-plane --certificate-key " + certificateKey + ".",
		`{"token":"hush-json-token","bindPort":6443}`,
		"password: hush-password",
		string(made.CA.Key) + string(made.ServiceAccount.Key) + "after the keys",
		"inline " + strings.ReplaceAll(string(made.Etcd.Key), "\n", `\n`) + " goes on",
		"client-key-data: " + strings.Repeat("aHVzaA", 40) + "==",
		"pulling through http://svc:hush-proxy@proxy.example.com:3128/path",
		"error execution phase preflight: couldn't validate the identity of the API Server: could not find a JWS signature " +
			"in the cluster-info ConfigMap for token ID \"abcdef\"",
	}, "\n")+"\n")
	m.play("kubeadm", `[[ $1 != version ]] || { echo v1.37.2; exit; }
cat "$root/said"; exit 1`)
	m.bootstrap("join")
	log, tail := m.log(), m.read("tail")
	secrets := []string{token, strings.TrimPrefix(token, "abcdef."), certificateKey, "hush", "aHVzaA"}
	for _, pair := range [][]byte{made.CA.Key, made.ServiceAccount.Key, made.Etcd.Key} {
		for line := range bytes.Lines(pair) {
			if !bytes.HasPrefix(line, []byte("-----")) {
				secrets = append(secrets, string(bytes.TrimSpace(line)))
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
		if strings.Contains(tail, secret) {
			t.Errorf("the reported log holds %q", secret)
		}
	}
	for _, plain := range []string{
		"[preflight] Running pre-flight checks", "after the keys", "goes on", "proxy.example.com:3128/path",
		"kubeadm join 10.10.183.1:6443", "error execution phase preflight",
		`could not find a JWS signature in the cluster-info ConfigMap for token ID "abcdef"`,
	} {
		if !strings.Contains(log, plain) {
			t.Errorf("the log lacks %q", plain)
		}
	}
	if t.Failed() {
		t.Log(log)
	}
}

func TestScriptUsage(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	command := exec.CommandContext(t.Context(), m.root+"/etc/gantry/bootstrap.sh", "destroy")
	command.Env = append(os.Environ(), "GANTRY_ROOT="+m.root)
	if output, err := command.CombinedOutput(); err == nil || !strings.Contains(string(output), "init|join") {
		t.Errorf("error %v, output %q", err, output)
	}
	if len(m.phases()) > 0 {
		t.Errorf("phases %v", m.phases())
	}
}
