package bootstrap_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

func TestCertificatesAreLeftAloneBeforeHalfOfTheirLife(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	m := newControlPlane(t, api, "cp-1", year, 183*day)
	m.certify("/etc/kubernetes/", allFiles, year, 183*day)
	m.certificate("/etc/kubernetes/pki/etcd/peer.crt", 300*day, 160*day)   // more than its half
	m.certificate("/etc/kubernetes/pki/etcd/server.crt", 10*year, 184*day) // made by a kubeadm that lets it begin with its authority
	output, status := m.renewal()
	if status != 0 || len(m.calls("kubeadm")) > 0 || api.version != 0 {
		t.Errorf("status %d, kubeadm %q, version of the Lease %d:\n%s", status, m.calls("kubeadm"), api.version, output)
	}
	m.intact()
	api.wantAnnotation("cp-1", 160*day)
}

// Each certificate that kubeadm renews counts.
func TestCertificatesOfEachKindAreRenewed(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	api.exclusive = false
	m := newControlPlane(t, api, "cp-1", year, year)
	for _, file := range allFiles {
		m.certificate("/etc/kubernetes/"+file, year, day)
		m.play("kubeadm", `cp "$root/new/admin.conf" "$root/etc/kubernetes/"; rm -f "$root/etc/kubernetes/`+file+`"; exit 1`)
		if output, status := m.renewal(); status == 0 || !strings.Contains(output, "life of "+file+" is left") {
			t.Errorf("%s: status %d:\n%s", file, status, output)
		}
	}
}

func TestCertificatesAreRenewed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		life, left time.Duration
	}{
		"in the second half of their life":                {year, 182 * day},
		"that began with their authority":                 {10 * year, 182 * day},
		"in the second half of a short one":               {30 * day, 14 * day},
		"that are over, by an administrator who is valid": {year, -day},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newLeases(t)
			m := newControlPlane(t, api, "cp-1", year, year)
			m.certificate("/etc/kubernetes/pki/etcd/server.crt", c.life, c.left)
			output, status := m.renewal()
			if status != 0 {
				t.Fatalf("status %d:\n%s", status, output)
			}
			want := []string{"renew", "stop-kube-vip", "stop-etcd", "stop-kube-apiserver", "stop-kube-controller-manager", "stop-kube-scheduler"}
			if did := api.did("cp-1"); !slices.Equal(did, want) {
				t.Errorf("it did %q and not %q:\n%s", did, want, output)
			}
			m.intact()
			if api.holder != "" || api.version == 0 {
				t.Errorf("the Lease has version %d and holder %q", api.version, api.holder)
			}
			api.wantAnnotation("cp-1", year)
		})
	}
}

// An API server takes a while to serve after its restart: until then no other node restarts its
// own, and kube-vip does not come back.
func TestTheLeaseIsHeldUntilTheAPIServerIsReady(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	m := newControlPlane(t, api, "cp-1", year, day)
	m.write("/etc/kubernetes/manifests/kube-vip.yaml", "kube-vip")
	m.write(unreadyFile, "7")
	output, status := m.renewal()
	want := []string{
		"renew", "stop-kube-vip", "stop-etcd", "stop-kube-apiserver", "stop-kube-controller-manager", "stop-kube-scheduler", "serves",
	}
	if did := api.did("cp-1"); status != 0 || !slices.Equal(did, want) || m.read(unreadyFile) != "0" {
		t.Errorf("status %d, it did %q and not %q:\n%s", status, did, want, output)
	}
	if _, err := os.Stat(filepath.Join(m.root, earlyFile)); err == nil {
		t.Error("kube-vip came back before the API server that it speaks to")
	}
	if api.holder != "" {
		t.Errorf("%s still has the Lease", api.holder)
	}
}

// Each of three nodes does all of its restarts while the Lease is its own.
func TestCertificatesAreRenewedOneNodeAtATime(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	var done sync.WaitGroup
	for _, name := range []string{"cp-1", "cp-2", "cp-3"} {
		m := newControlPlane(t, api, name, year, day)
		done.Go(func() {
			output, status := m.renewal("GANTRY_PAUSE=0.02", "GANTRY_LEASE_LOOKS=1000", "GANTRY_PATIENCE=1000")
			if status != 0 || len(api.did(name)) != 6 {
				t.Errorf("%s: status %d, it did %q:\n%s", name, status, api.did(name), output)
			}
		})
	}
	done.Wait()
	if api.holder != "" {
		t.Errorf("%s still has the Lease", api.holder)
	}
}

func TestCertificatesLeaseOfADeadNodeEnds(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	api.version = 7
	api.holder = "cp-9"
	m := newControlPlane(t, api, "cp-1", year, day)
	if output, status := m.renewal(); status != 0 || !strings.Contains(output, "cp-9 has not renewed the Lease for long") {
		t.Errorf("status %d:\n%s", status, output)
	}
	m.intact()
}

func TestCertificatesWithoutTheAPI(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		left   time.Duration
		renews bool
		says   string
	}{
		"in the middle of their life": {left: 100 * day, says: "the API is away: another time"},
		"near their end":              {left: 30 * day, renews: true, says: "the end is near"},
		"after their end":             {left: -day, renews: true, says: "renews alone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newLeases(t)
			api.away = true
			api.exclusive = false
			m := newControlPlane(t, api, "cp-1", year, c.left)
			output, status := m.renewal()
			if status != 0 || slices.Contains(api.did("cp-1"), "renew") != c.renews || !strings.Contains(output, c.says) {
				t.Errorf("status %d, it did %q:\n%s", status, api.did("cp-1"), output)
			}
			m.intact()
		})
	}
}

// The power is lost while the manifests are away: the next boot puts them back, and
// restarts what may still have the old certificates.
func TestCertificatesAfterTheLossOfPower(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	m := newControlPlane(t, api, "cp-1", year, year)
	m.write("/etc/gantry/certificates-renewed", "")
	for _, component := range components {
		file := "etc/kubernetes/manifests/" + component + ".yaml"
		m.write("etc/kubernetes/gantry-stopped/"+component+".yaml", m.read(file))
		if component != "etcd" { // of which there is a newer one
			if err := os.Remove(filepath.Join(m.root, file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	m.write("etc/kubernetes/manifests/etcd.yaml", "newer")
	if output, status := m.renewal(); status != 0 || slices.Contains(api.did("cp-1"), "renew") || len(api.did("cp-1")) != 5 {
		t.Errorf("status %d, it did %q:\n%s", status, api.did("cp-1"), output)
	}
	m.intact()
	if m.read("etc/kubernetes/manifests/etcd.yaml") != "newer" {
		t.Error("an older manifest has taken the place of a newer one")
	}
}

func TestCertificatesThatCannotBeRenewed(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]string{
		"kubeadm fails":  "exit 1",
		"renews nothing": ":", // the authority's key is not here
		"renews not all": `cp "$root/new/admin.conf" "$root/etc/kubernetes/"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newLeases(t)
			m := newControlPlane(t, api, "cp-1", year, day)
			m.play("kubeadm", play)
			output, status := m.renewal()
			if status == 0 || len(api.did("cp-1")) > 0 || api.holder != "" || len(api.annotations) != 1 {
				t.Errorf("status %d, it did %q, the Lease is that of %q, annotations %q:\n%s",
					status, api.did("cp-1"), api.holder, api.annotations, output)
			}
		})
	}
}

// A control plane that does not restart keeps the others from restarting theirs.
func TestCertificatesLeaseIsKeptByANodeThatDoesNotRestart(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	m := newControlPlane(t, api, "cp-1", year, day)
	m.play("crictl", "echo 0123456789ab") // nothing ever ends
	output, status := m.renewal()
	if status == 0 || api.holder != "cp-1" || !m.exists("/etc/gantry/certificates-renewed") || m.exists("/etc/kubernetes/gantry-stopped") {
		t.Errorf("status %d, the Lease is that of %q:\n%s", status, api.holder, output)
	}
	// The next run does only what is left.
	m.kubelet("cp-1", ":")
	if output, status := m.renewal(); status != 0 || !slices.Equal(api.did("cp-1"), []string{"renew"}) {
		t.Errorf("status %d, it did %q:\n%s", status, api.did("cp-1"), output)
	}
	m.intact()
}

func TestCertificatesOfKubelet(t *testing.T) {
	t.Parallel()
	const current = "/var/lib/kubelet/pki/kubelet-client-current.pem"
	for name, c := range map[string]struct {
		left  time.Duration
		signs bool
	}{
		"valid": {left: day}, "over": {left: -day, signs: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := newLeases(t)
			m := newControlPlane(t, api, "cp-1", year, year)
			m.certificate("/var/lib/kubelet/pki/old.pem", year, c.left)
			if err := os.Symlink("old.pem", filepath.Join(m.root, current)); err != nil {
				t.Fatal(err)
			}
			before := m.read(current)
			made, key := certificate(t, year, year)
			m.write("/kubelet.conf", kubeconfigOf(made, key))
			output, status := m.renewal()
			if status != 0 || slices.Contains(m.calls("systemctl"), "restart kubelet") != c.signs {
				t.Errorf("status %d, systemctl %q:\n%s", status, m.calls("systemctl"), output)
			}
			if !c.signs {
				if m.read(current) != before {
					t.Error("it is another")
				}
				return
			}
			if m.read(current) != string(made)+string(key) {
				t.Errorf("kubelet has:\n%s", m.read(current))
			}
			info, err := os.Stat(filepath.Join(m.root, current))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v (%v)", info.Mode(), err)
			}
			want := "kubeconfig user --config /etc/gantry/certificates.yaml --org system:nodes --client-name system:node:cp-1"
			if !slices.Contains(m.calls("kubeadm"), want) {
				t.Errorf("kubeadm %q", m.calls("kubeadm"))
			}
			if bytes.Contains([]byte(output), key[:60]) {
				t.Error("the key is in the log")
			}
		})
	}
}

func TestCertificatesOfNoNode(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	m := newControlPlane(t, api, "cp-1", year, day)
	if err := os.Remove(filepath.Join(m.root, "etc/gantry/bootstrapped")); err != nil {
		t.Fatal(err)
	}
	if output, status := m.renewal(); status != 0 || len(m.calls("kubeadm")) > 0 || len(api.annotations) > 0 {
		t.Errorf("status %d:\n%s", status, output)
	}
}

// What only the renewal needs would be missed in half a year.
func TestScriptRefusesAnImageThatCannotRenewCertificates(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("crictl"); err == nil {
		t.Skip("this machine has a crictl of its own")
	}
	for role, works := range map[bootstrap.Role]bool{bootstrap.ControlPlane: false, bootstrap.Worker: true} {
		m := newMachine(t, newNode(t, role))
		if err := os.Remove(m.root + "/bin/crictl"); err != nil {
			t.Fatal(err)
		}
		if status := m.bootstrap("join"); (status == 0) != works {
			t.Fatalf("%s: status %d; log:\n%s", role, status, m.log())
		}
		if !works && (len(m.kubeadm()) > 0 || !strings.Contains(m.read("tail"), "crictl is not in the node image")) {
			t.Errorf("kubeadm ran %q, and the reported log does not say what is missing:\n%s", m.kubeadm(), m.read("tail"))
		}
	}
}

// A node tells the end of its certificates as soon as it has joined.
func TestScriptTellsTheEndOfCertificates(t *testing.T) {
	t.Parallel()
	api := newLeases(t)
	m := newControlPlane(t, api, "cp-1", year, year)
	if err := os.Remove(filepath.Join(m.root, "etc/gantry/bootstrapped")); err != nil {
		t.Fatal(err)
	}
	m.play("kubeadm", `[[ $1 != version ]] || echo v1.37.2`)
	if status := m.bootstrap("join"); status != 0 {
		t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	m.wantPhases("booting", "kubeadm", "joined")
	api.wantAnnotation("cp-1", year)
}
