package bootstrap_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// theCA is the certificate authority of the cluster that the snapshot is of, as the node has
// it, and snapshotContent has it as the ConfigMaps kube-root-ca.crt do.
const (
	theCA           = "-----BEGIN CERTIFICATE-----\nof every authority\nof the cluster's alone\nend=\n-----END CERTIFICATE-----\n"
	snapshotContent = "the content of a snapshot\x00\x12" + theCA + "\x1a\x00"
)

// presigned is in the URL of the snapshot, and nowhere else.
const presigned = "s1gnature"

// fileServer serves the snapshot by https, after answers that come before it.
func fileServer(t *testing.T, before ...http.HandlerFunc) (url, ca string) {
	t.Helper()
	var asked atomic.Int32
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := int(asked.Add(1)); n <= len(before) {
			before[n-1](w, r)
			return
		}
		_, _ = w.Write([]byte(snapshotContent))
	}))
	t.Cleanup(server.Close)
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	return server.URL + "/prod-1.db?X-Amz-Signature=" + presigned, string(pem.EncodeToMemory(block))
}

// restored is the machine of a first node that restores what a server has; etcdutl, of a
// version, is in the images with the names.
func restored(t *testing.T, url, ca, version string, images ...string) *machine {
	t.Helper()
	tool(t, "python3", "Debian package python3")
	sum := sha256.Sum256([]byte(snapshotContent))
	node := newNode(t, bootstrap.FirstControlPlane)
	node.Restore = &bootstrap.Restore{URL: url, SHA256: hex.EncodeToString(sum[:]), CACertificate: ca}
	m := newMachine(t, node)
	if err := os.Remove(filepath.Join(m.root, "bin/python3")); err != nil { // the real one fetches
		t.Fatal(err)
	}
	m.play("kubeadm", `case $1 in
version) echo v1.37.2 ;;
config) printf '%s\n' registry.example.com/k8s/kube-apiserver:v1.37.2 registry.example.com/k8s/etcd:3.7.0-0 ;;
init) [[ -f $root/var/lib/etcd/member/db ]] && touch "$root/init-has-data" ;;
esac`)
	m.write("/bin/ctr", stub)
	m.write("/bin/date", "#!/bin/bash\nif [[ $* == +%s ]]; then echo 1796000000; else exec /usr/bin/date \"$@\"; fi\n")
	m.play("ctr", `case "$*" in
*mount*etcd:*)
	if [[ -f $root/images/${5##*/} ]]; then
		mkdir -p "$6/usr/local/bin"
		cp "$root/images/${5##*/}" "$6/usr/local/bin/etcdutl"
	fi ;;
*unmount*) rm -rf "$6"/* ;;
esac`)
	m.write("/etcdutl", strings.ReplaceAll(stub, "${0%/bin/*}", m.root)+`case "$1 $2" in
"snapshot status") echo '{"hash":1,"revision":2,"totalKey":3,"totalSize":4,"version":"`+version+`"}' ;;
"snapshot restore") mkdir -p "$5/member"; cp "$3" "$5/member/db" ;;
version*) printf '%s\n' 'etcdutl version: 3.7.0' 'API version: 3.7' ;;
esac`)
	m.write("/var/lib/etcd/lost+found", "")
	m.write("/etc/gantry/restore/endpoint", "127.0.0.1:1\n") // nothing answers there
	m.write("/etc/kubernetes/pki/ca.crt", theCA)
	for _, image := range images {
		m.write("/images/"+image, m.read("/etcdutl"))
	}
	return m
}

// untouched fails the test unless the script has failed before kubeadm ran, said why, and
// kept the URL to itself.
func (m *machine) untouched(status int, why string) {
	m.t.Helper()
	if status == 0 || !strings.Contains(m.read("tail"), why) {
		m.t.Errorf("status %d, reported:\n%s\nwant %q", status, m.read("tail"), why)
	}
	m.wantKubeadm()
	if m.exists("/etc/gantry/init-started") || m.exists("/var/lib/etcd/member") {
		m.t.Error("the node had begun")
	}
	m.keptSecret()
}

func (m *machine) keptSecret() {
	m.t.Helper()
	if strings.Contains(m.log()+m.read("tail")+m.read("calls"), presigned) {
		m.t.Errorf("the URL is in the log, or among the arguments of a command:\n%s", m.log())
	}
}

func TestScriptRestoresASnapshot(t *testing.T) {
	t.Parallel()
	for name, images := range map[string][]string{
		"of kubeadm": {"etcd:3.7.0-0"}, "of etcd": {"etcd:v3.7.0"}, "the node image": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, ca := fileServer(t, http.NotFound, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("cut sh")) })
			m := restored(t, url, ca, "3.7.0", images...)
			if images == nil {
				m.write("/bin/etcdutl", m.read("/etcdutl"))
			}
			if status := m.bootstrap("init"); status != 0 {
				t.Fatalf("status %d; log:\n%s", status, m.log())
			}
			if !m.exists("init-has-data") || m.read("/var/lib/etcd/member/db") != snapshotContent || m.exists("/var/lib/etcd/lost+found") {
				t.Error("kubeadm init did not find the data of the snapshot alone")
			}
			// Each restore goes beyond what any client has seen since the one before.
			want := "snapshot restore /var/lib/gantry-restore/snapshot.db --data-dir /var/lib/gantry-restore/data --name prod-1-cp-1 " +
				"--initial-cluster prod-1-cp-1=https://10.10.183.11:2380 --initial-advertise-peer-urls https://10.10.183.11:2380 " +
				"--bump-revision 29774400000 --mark-compacted"
			if calls := m.calls("etcdutl"); !slices.Contains(calls, want) {
				t.Errorf("etcdutl ran as %q", calls)
			}
			if calls := m.calls("kubeadm"); !slices.ContainsFunc(calls, func(call string) bool {
				return strings.HasPrefix(call, "init") && strings.HasSuffix(call, " --ignore-preflight-errors=DirAvailable--var-lib-etcd")
			}) {
				t.Errorf("kubeadm ran as %q", calls)
			}
			if m.exists("/etc/gantry/restore") || m.exists("/var/lib/gantry-restore") {
				t.Error("the URL, or the snapshot, is left on the node")
			}
			m.keptSecret()
		})
	}
}

func TestScriptRestoresAgainAfterTheLossOfPower(t *testing.T) {
	t.Parallel()
	url, ca := fileServer(t)
	m := restored(t, url, ca, "3.7.0", "etcd:3.7.0-0")
	m.play("sync", `[[ ! -e $root/etc/gantry/restored || -e $root/lost ]] || { touch "$root/lost"; rm "$root/etc/gantry/restored"; exit 1; }`)
	if m.bootstrap("init") == 0 {
		t.Fatal("the power was not lost")
	}
	m.wantKubeadm()
	if status := m.bootstrap("init"); status != 0 || !m.exists("init-has-data") {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
}

func TestScriptRestoresNothingElse(t *testing.T) {
	t.Parallel()
	url, ca := fileServer(t)
	other := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("another file")) }
	m := restored(t, url, ca, "3.8.0", "etcd:3.7.0-0")
	m.untouched(m.bootstrap("init"), "etcd 3.8 has written the snapshot, and 3.7 cannot read it")

	m = restored(t, url, ca, "3.7.0")
	m.untouched(m.bootstrap("init"), "etcdutl 3.7.0 is neither in the node image nor in registry.example.com/k8s/etcd:3.7.0-0 "+
		"or registry.example.com/k8s/etcd:v3.7.0")

	m = restored(t, url, ca, "3.7.0", "etcd:3.7.0-0")
	m.write("/etc/kubernetes/pki/ca.crt", strings.ReplaceAll(theCA, "alone", "other"))
	m.untouched(m.bootstrap("init"), "the snapshot is not of this cluster")

	m = restored(t, url, "", "3.7.0", "etcd:3.7.0-0")
	m.untouched(m.bootstrap("init"), "CERTIFICATE_VERIFY_FAILED")

	url, ca = fileServer(t, other, other, other, other, other)
	m = restored(t, url, ca, "3.7.0", "etcd:3.7.0-0")
	m.untouched(m.bootstrap("init"), "does not have the sha256 of restore_from_snapshot: it has 12 bytes")

	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(snapshotContent)) }))
	t.Cleanup(plain.Close)
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL+"/?"+presigned, http.StatusFound)
	}
	url, ca = fileServer(t, away, away, away, away, away)
	m = restored(t, url, ca, "3.7.0", "etcd:3.7.0-0")
	m.untouched(m.bootstrap("init"), "it redirects from https")
}

// What answers at the endpoint is another control plane: two must never have one VIP. A load
// balancer without one ends connections.
func TestScriptRestoresNothingBesideWhatAnswers(t *testing.T) {
	t.Parallel()
	url, ca := fileServer(t)
	at := func(address string) *machine {
		m := restored(t, url, ca, "3.7.0", "etcd:3.7.0-0")
		m.write("/etc/gantry/restore/endpoint", address+"\n")
		return m
	}
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Skipf("no listener: %v", err)
		}
		api := httptest.NewUnstartedServer(http.NotFoundHandler())
		_ = api.Listener.Close()
		api.Listener = listener
		api.StartTLS()
		t.Cleanup(api.Close)
		m := at(listener.Addr().String())
		m.untouched(m.bootstrap("init"), "something answers at "+listener.Addr().String()+", the address of the API")
	}

	balancer, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = balancer.Close() })
	go func() {
		for {
			connection, err := balancer.Accept()
			if err != nil {
				return
			}
			_ = connection.Close()
		}
	}()
	if m := at(balancer.Addr().String()); m.bootstrap("init") != 0 || !m.exists("init-has-data") {
		t.Errorf("nothing is restored behind a load balancer; log:\n%s", m.log())
	}
}

// A proxy that containerd has is asked for the snapshot.
func TestScriptFetchesTheSnapshotThroughTheProxy(t *testing.T) {
	t.Parallel()
	var asked atomic.Bool
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.URL.Host == "files.example.com")
		_, _ = w.Write([]byte(snapshotContent))
	}))
	t.Cleanup(proxy.Close)
	m := restored(t, "http://files.example.com/prod-1.db?"+presigned, "", "3.7.0", "etcd:3.7.0-0")
	m.write("/etc/gantry/proxy.env", "HTTP_PROXY=\""+proxy.URL+"\"\nhttp_proxy=\""+proxy.URL+"\"\n")
	if status := m.bootstrap("init"); status != 0 || !asked.Load() {
		t.Fatalf("status %d, asked %v; log:\n%s", status, asked.Load(), m.log())
	}
}

func TestRestoreIsForTheFirstNodeAlone(t *testing.T) {
	t.Parallel()
	node := restoring(t, newNode(t, bootstrap.FirstControlPlane))
	for field, change := range map[string]func(*bootstrap.Restore){
		"Restore.URL":           func(r *bootstrap.Restore) { r.URL = "ftp://files.example.com/" + presigned },
		"Restore.SHA256":        func(r *bootstrap.Restore) { r.SHA256 = presigned },
		"Restore.CACertificate": func(r *bootstrap.Restore) { r.CACertificate = presigned },
	} {
		wrong := *node.Restore
		change(&wrong)
		changed := node
		changed.Restore = &wrong
		_, err := bootstrap.Userdata(changed)
		if err == nil || !strings.Contains(err.Error(), field) || strings.Contains(err.Error(), presigned) {
			t.Errorf("%s: %v", field, err)
		}
	}
	worker := newNode(t, bootstrap.Worker)
	worker.Restore = node.Restore
	if _, err := bootstrap.Userdata(worker); err == nil || !strings.Contains(err.Error(), "only the first") {
		t.Errorf("a worker restores: %v", err)
	}
	err := bootstrap.CheckSnapshotURL("https://user:" + presigned + "@files.example.com/a.db")
	if err == nil || strings.Contains(err.Error(), presigned) {
		t.Errorf("a URL with a password: %v", err)
	}
}
