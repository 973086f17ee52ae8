package bootstrap_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// certificate makes one whose life ends after left.
func certificate(t *testing.T, life, left time.Duration) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(left)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: end.Add(-life), NotAfter: end,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

func kubeconfigOf(certificate, key []byte) string {
	encode := base64.StdEncoding.EncodeToString
	return "users:\n- name: user\n  user:\n    client-certificate-data: " + encode(certificate) +
		"\n    client-key-data: " + encode(key) + "\n"
}

var (
	// fewFiles are one certificate of each kind, since each takes its time to read.
	fewFiles = []string{"pki/etcd/server.crt", "admin.conf"}
	allFiles = []string{
		"pki/apiserver.crt", "pki/apiserver-etcd-client.crt", "pki/apiserver-kubelet-client.crt", "pki/front-proxy-client.crt",
		"pki/etcd/server.crt", "pki/etcd/peer.crt", "pki/etcd/healthcheck-client.crt",
		"admin.conf", "super-admin.conf", "controller-manager.conf", "scheduler.conf",
	}
	components = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"}
)

// newControlPlane is a machine that has joined as a control-plane node and of whose
// certificates' life so much is left; kubeadm renews them for a year.
func newControlPlane(t *testing.T, api *leases, name string, life, left time.Duration) *machine {
	t.Helper()
	tool(t, "openssl", "Debian package openssl")
	m := newMachine(t, newNode(t, bootstrap.ControlPlane))
	m.write("/etc/gantry/bootstrapped", "")
	m.certify("/etc/kubernetes/", fewFiles, life, left)
	m.certify("/new/", fewFiles, year, year)
	m.certificate("/etc/kubernetes/pki/ca.crt", 2*year, day) // whose end is nothing that can be renewed
	for _, component := range components {
		m.write("/etc/kubernetes/manifests/"+component+".yaml", component)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	m.write("/bin/kubectl", "#!/bin/bash\n"+apiVariable+"="+api.URL+" "+nodeVariable+"="+name+" exec "+program+` "$@"`)
	m.write("/bin/uname", "#!/bin/bash\necho "+name)
	m.kubelet(name, `kubectl event `+name+` "stop-$pod"`)
	m.play("kubeadm", `case "$1 $2" in
"certs renew") kubectl event `+name+` renew; cp -r "$root/new/." "$root/etc/kubernetes/" ;;
"kubeconfig user") cat "$root/kubelet.conf" ;;
esac`)
	return m
}

// kubelet runs the pods of a node whose manifests are there, and does something where
// one is asked for that does not run.
func (m *machine) kubelet(name, does string) {
	m.t.Helper()
	m.play("crictl", `pod=${*: -1} pod=${pod#^} pod=${pod%-`+name+`$}
if [[ -e $root/etc/kubernetes/manifests/$pod.yaml ]]; then echo 0123456789ab; else `+does+`; fi`)
}

// certify gives a machine certificates of those that kubeadm makes.
func (m *machine) certify(directory string, files []string, life, left time.Duration) {
	m.t.Helper()
	for _, file := range files {
		m.certificate(directory+file, life, left)
	}
}

func (m *machine) certificate(path string, life, left time.Duration) {
	m.t.Helper()
	made, key := certificate(m.t, life, left)
	switch filepath.Ext(path) {
	case ".conf":
		m.write(path, kubeconfigOf(made, key))
	case ".pem":
		m.write(path, string(made)+string(key))
	default:
		m.write(path, string(made))
	}
}

// renewal runs the script as its unit does, with more in its environment.
func (m *machine) renewal(environment ...string) (output string, status int) {
	m.t.Helper()
	command := exec.CommandContext(m.t.Context(), filepath.Join(m.root, "etc/gantry/certificates.sh"))
	command.Env = slices.Concat(os.Environ(), []string{"GANTRY_ROOT=" + m.root, "GANTRY_PAUSE=0", "GANTRY_PATIENCE=3", "GANTRY_LEASE_LOOKS=3"},
		environment)
	raw, err := command.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(raw), exit.ExitCode()
	}
	if err != nil {
		m.t.Fatal(err)
	}
	return string(raw), 0
}

// intact expects that kubelet has all manifests and that no renewal is under way.
func (m *machine) intact() {
	m.t.Helper()
	for _, name := range append(slices.Clone(components), "kube-vip") {
		if !m.exists("/etc/kubernetes/manifests/" + name + ".yaml") {
			m.t.Errorf("the manifest of %s is not there", name)
		}
	}
	for _, left := range []string{"/etc/kubernetes/gantry-stopped", "/etc/gantry/certificates-renewed"} {
		if m.exists(left) {
			m.t.Errorf("%s is left", left)
		}
	}
}
