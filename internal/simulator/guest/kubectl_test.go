package guest_test

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// TestKubectl proves that an ordinary client copes.
func TestKubectl(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kubectl is not run with -short")
	}
	path, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("no kubectl on PATH")
	}
	s := newSite(t, guest.Options{})
	s.cluster(1, 1)
	client := s.ca.client(t, "admin", "system:masters")
	key, err := x509.MarshalECPrivateKey(client.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	data := func(kind string, der []byte) string {
		return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "kubeconfig")
	if err := os.WriteFile(file, []byte(marshal(t, document{
		"apiVersion": "v1", "kind": "Config", "current-context": "c",
		"clusters": []any{document{"name": "c", "cluster": document{
			"server": "https://" + vip + ":6443", "proxy-url": s.world.ProxyURL(), "certificate-authority-data": data("CERTIFICATE", s.ca.cert.Raw),
		}}},
		"users": []any{document{"name": "u", "user": document{
			"client-certificate-data": data("CERTIFICATE", client.Certificate[0]), "client-key-data": data("EC PRIVATE KEY", key),
		}}},
		"contexts": []any{document{"name": "c", "context": document{"cluster": "c", "user": "u"}}},
	})), 0o600); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(dir, "cm.yaml")
	if err := os.WriteFile(manifest, []byte("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: hello\n"+
		"  namespace: default\ndata:\n  a: b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ args, want string }{
		{"get nodes", "w-1"},
		{"version", "Server Version: v" + version},
		{"get pods -A", "kube-apiserver-cp-1"},
		{"label node w-1 team=a", "labeled"},
		{"cordon w-1", "cordoned"},
		{"apply --server-side -f " + manifest, "serverside-applied"},
		{"apply -f " + manifest, "configured"},
		{"delete configmap hello", "deleted"},
		{"drain w-1 --ignore-daemonsets --force", "drained"},
		{"delete node w-1", "deleted"},
	} {
		cmd := exec.CommandContext(t.Context(), path, strings.Fields(c.args)...)
		cmd.Env = append(os.Environ(), "KUBECONFIG="+file, "HOME="+dir)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("kubectl %s: %v\n%s", c.args, err, out)
		}
	}
}
