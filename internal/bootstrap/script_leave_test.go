package bootstrap_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const etcdManifest = "/etc/kubernetes/manifests/etcd.yaml"

// inEtcd is a machine whose join was cut short once kubelet ran its etcd.
func inEtcd(t *testing.T) *machine {
	t.Helper()
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	m.killedAt("join")
	m.bootstrap("join")
	m.write(etcdManifest, "kind: Pod\n")
	m.write("/var/lib/etcd/member/snap/db", "what it has voted on")
	return m
}

// While no other member says that the node is none, its data stays, and kubelet runs its etcd:
// the cluster may be waiting for just that.
func TestScriptKeepsTheDataOfAMember(t *testing.T) {
	t.Parallel()
	m := inEtcd(t)
	m.play("python3", `[[ $1 != -c ]] || return 0
[[ ! -e $root/reset && -s $root/var/lib/etcd/member/snap/db ]] || touch "$root/too-early"
echo x >>"$root/asked"
if (($(wc -l <"$root/asked") < 4)); then echo "no other member of etcd answers"; exit 1; fi`)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("join", "reset", "join")
	calls := strings.ReplaceAll(m.read("calls"), "\npython3 -c ", "\n")
	if start := strings.Index(calls, "systemctl start kubelet"); start < 0 || start > strings.Index(calls, "\npython3 ") {
		t.Errorf("kubelet is not started before it waits:\n%s", calls)
	}
	if m.exists("too-early") || strings.Index(calls, "kubeadm reset") < strings.LastIndex(calls, "\npython3 ") {
		t.Errorf("it was reset while it may have been a member:\n%s", calls)
	}
	want := slices.Repeat([]string{"/etc/gantry/leave-etcd.py " + etcdManifest + " /etc/kubernetes/pki"}, 4)
	if asked := m.leaves(); !slices.Equal(asked, want) {
		t.Errorf("python3 %q", asked)
	}
	// What it waits for is told once, at once.
	if log := m.log(); strings.Count(log, "keeps its data: no other member of etcd answers") != 1 {
		t.Errorf("log:\n%s", log)
	}
	m.wantPhases("booting", "kubeadm", "booting", "kubeadm", "kubeadm", "joined")
}

// leaves are the calls of what takes the node out of etcd.
func (m *machine) leaves() []string {
	return slices.DeleteFunc(m.calls("python3"), func(call string) bool { return strings.HasPrefix(call, "-c ") })
}

// Without Python there is no way out of etcd: the join does not begin, and one that has begun
// does not wait for it without end.
func TestScriptStopsWithoutPython(t *testing.T) {
	t.Parallel()
	const missing = `echo "bash: python3: command not found" >&2
[[ -e $root/asked ]] && touch "$root/stop" # or the test would not end
touch "$root/asked"
return $([[ -e $root/stop ]] && echo 0 || echo 127)`
	first := newMachine(t, newNode(t, bootstrap.ControlPlane))
	first.play("python3", missing)
	if status := first.bootstrap("join"); status == 0 || !strings.Contains(first.read("tail"), "python3 with its modules ssl") {
		t.Errorf("status %d; log:\n%s", status, first.log())
	}
	first.wantKubeadm()
	begun := inEtcd(t)
	begun.play("python3", missing)
	if status := begun.bootstrap("join"); status == 0 || begun.exists("stop") {
		t.Errorf("status %d; log:\n%s", status, begun.log())
	}
	begun.wantKubeadm("join")
}

// A join that fails without the loss of power is undone in the same way.
func TestScriptLeavesEtcdBetweenAttempts(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
reset) rm -rf "$root"/etc/kubernetes/manifests/* ;;
join) mkdir -p "$root/etc/kubernetes/manifests"; echo >"$root/etc/kubernetes/manifests/etcd.yaml"
	echo x >>"$root/joins"; (($(wc -l <"$root/joins") == 2)) ;;
esac`)
	if status := m.bootstrap("join"); status != 0 || len(m.leaves()) != 1 {
		t.Fatalf("status %d, python3 %q; log:\n%s", status, m.leaves(), m.log())
	}
}

func TestScriptFailsOverDataWithoutAManifest(t *testing.T) {
	t.Parallel()
	m := inEtcd(t)
	if err := os.Remove(filepath.Join(m.root, etcdManifest)); err != nil {
		t.Fatal(err)
	}
	if status := m.bootstrap("join"); status == 0 || !strings.Contains(m.read("tail"), "has to be replaced") {
		t.Errorf("status %d; log:\n%s", status, m.log())
	}
	m.wantKubeadm("join")
	if !m.exists("/var/lib/etcd/member/snap/db") {
		t.Error("its data is gone")
	}
}

// fakeEtcd serves the members of an etcd as its gateway for JSON does.
type fakeEtcd struct {
	host    string
	members []map[string]any
	removed []string
	quorum  bool
	refuses string // why no member may be removed
	deaf    bool   // a member that is removed stays
}

func (e *fakeEtcd) peer() string { return "https://" + e.host + ":2380" }

func newFakeEtcd(t *testing.T) *fakeEtcd {
	t.Helper()
	e := &fakeEtcd{quorum: true}
	var listener net.Listener
	for try := 0; listener == nil; try++ {
		// The port is fixed; of loopback addresses there are enough.
		e.host = fmt.Sprintf("127.%d.%d.%d", 2+rand.IntN(200), rand.IntN(250), 2+rand.IntN(250))
		var err error
		if listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", e.host+":2379"); err != nil && try == 9 {
			t.Fatal(err)
		}
	}
	server := httptest.NewUnstartedServer(e)
	_ = server.Listener.Close()
	server.Listener = listener
	server.StartTLS()
	t.Cleanup(server.Close)
	e.member("1", "cp-1", e.host, false)
	return e
}

func (e *fakeEtcd) member(id, name, host string, learner bool) {
	e.members = append(e.members, map[string]any{
		"ID": id, "name": name, "peerURLs": []string{"https://" + host + ":2380"},
		"clientURLs": []string{"https://" + host + ":2379"}, "isLearner": learner,
	})
}

func (e *fakeEtcd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request struct {
		ID           string
		Linearizable bool
	}
	err := json.NewDecoder(r.Body).Decode(&request)
	refuse := func(status int, why string) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"message": why, "code": 14})
	}
	switch {
	case err != nil || r.Method != http.MethodPost:
		refuse(http.StatusBadRequest, "no such request")
		return
	case !e.quorum && (request.Linearizable || request.ID != ""):
		refuse(http.StatusServiceUnavailable, "etcdserver: no leader")
		return
	case r.URL.Path == "/v3/cluster/member/remove" && e.refuses != "":
		refuse(http.StatusServiceUnavailable, e.refuses)
		return
	case r.URL.Path == "/v3/cluster/member/remove":
		e.removed = append(e.removed, request.ID)
		if !e.deaf {
			e.members = slices.DeleteFunc(e.members, func(m map[string]any) bool { return m["ID"] == request.ID })
		}
	case r.URL.Path != "/v3/cluster/member/list":
		refuse(http.StatusNotFound, "Not Found")
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"header": map[string]any{"member_id": "1"}, "members": e.members})
}

// leaves runs what takes the node 127.0.0.1 out of etcd, and returns what it prints.
func (e *fakeEtcd) leaves(t *testing.T) (string, error) {
	t.Helper()
	python := tool(t, "python3", "Debian package python3")
	directory := t.TempDir()
	write := func(name string, blocks ...*pem.Block) {
		var text []byte
		for _, block := range blocks {
			text = append(text, pem.EncodeToMemory(block)...)
		}
		if err := os.WriteFile(filepath.Join(directory, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(directory, "etcd"), 0o700); err != nil {
		t.Fatal(err)
	}
	certificate, key := clientCertificate(t)
	write("etcd/healthcheck-client.crt", certificate)
	write("etcd/healthcheck-client.key", key)
	server := httptest.NewTLSServer(nil) // all of them have one certificate, which is of 127.0.0.1
	defer server.Close()
	write("etcd/ca.crt", &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	manifest := filepath.Join(directory, "etcd.yaml")
	if err := os.WriteFile(manifest, fmt.Appendf(nil, `    - --initial-advertise-peer-urls=https://127.0.0.1:2380
    - --initial-cluster=cp-1=%s,cp-2=https://127.0.0.1:2380
    - --initial-cluster-state=existing
`, e.peer()), 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(directory, "leave-etcd.py")
	text := userdata(t, newNode(t, bootstrap.ControlPlane)).file("/etc/gantry/leave-etcd.py")
	// The fake has no certificate of its address.
	const chain = "        context.load_cert_chain"
	text = strings.Replace(text, chain, "        context.check_hostname = False\n"+chain, 1)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), python, script, manifest, directory)
	command.Env = append(os.Environ(), "https_proxy=http://127.0.0.1:1")
	output, err := command.CombinedOutput()
	return string(output), err
}

func clientCertificate(t *testing.T) (certificate, key *pem.Block) {
	t.Helper()
	a := must(authorities())
	pair := must(tls.X509KeyPair(a.Etcd.Cert, a.Etcd.Key))
	return &pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]},
		&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(pair.PrivateKey))}
}

func TestLeaveEtcd(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(e *fakeEtcd)
		removed string
		why     string // why it has not left; empty: it has
	}{
		"a voter":         {func(e *fakeEtcd) { e.member("18446744073709551615", "cp-2", "127.0.0.1", false) }, "18446744073709551615", ""},
		"a learner":       {func(e *fakeEtcd) { e.member("7", "cp-2", "127.0.0.1", true) }, "7", ""},
		"one not started": {func(e *fakeEtcd) { e.member("7", "", "127.0.0.1", true) }, "7", ""},
		"none":            {func(e *fakeEtcd) { e.member("8", "cp-3", "127.0.0.3", false) }, "", ""},
		"no quorum": {func(e *fakeEtcd) {
			e.member("7", "cp-2", "127.0.0.1", false)
			e.quorum = false
		}, "", "etcdserver: no leader"},
		"the others have no leader": {func(e *fakeEtcd) { e.quorum = false }, "", "etcdserver: no leader"},
		"it would cost the quorum": {func(e *fakeEtcd) {
			e.member("7", "cp-2", "127.0.0.1", false)
			e.refuses = "etcdserver: unhealthy cluster"
		}, "", "etcdserver: unhealthy cluster"},
		"it stays": {func(e *fakeEtcd) {
			e.member("7", "cp-2", "127.0.0.1", false)
			e.deaf = true
		}, "7", "still has this node"},
		"it is the last one": {func(e *fakeEtcd) {
			e.members = nil
			e.member("7", "cp-2", "127.0.0.1", false)
		}, "", "the only member of etcd that is left"},
		"the other is away": {func(e *fakeEtcd) { e.host = "127.255.255.254" }, "", "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newFakeEtcd(t)
			c.prepare(e)
			output, err := e.leaves(t)
			if (err == nil) != (c.why == "") || !strings.Contains(output, c.why) {
				t.Errorf("error %v: %s", err, output)
			}
			if removed := strings.Join(e.removed, ","); removed != c.removed {
				t.Errorf("removed %q", removed)
			}
		})
	}
}
