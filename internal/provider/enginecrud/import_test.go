package enginecrud_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// TestImportAuthorities reads what a control-plane node has below /etc/kubernetes/pki.
// It is not parallel: import is told by the environment.
func TestImportAuthorities(t *testing.T) {
	if none, err := enginecrud.ReadImportAuthorities(); none != nil || err != nil {
		t.Errorf("without the variable: %v, %v", none, err)
	}
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv(enginecrud.ImportAuthorities, dir)
	for name, data := range map[string][]byte{
		"ca.crt": authorities.CA.Cert, "ca.key": authorities.CA.Key,
		"front-proxy-ca.crt": authorities.FrontProxy.Cert, "front-proxy-ca.key": authorities.FrontProxy.Key,
		"etcd/ca.crt": authorities.Etcd.Cert, "etcd/ca.key": authorities.Etcd.Key,
		"sa.pub": authorities.ServiceAccount.Cert,
		// What else is there is not needed.
		"apiserver.crt": []byte("x"),
	} {
		write(t, filepath.Join(dir, name), data)
	}
	if _, err := enginecrud.ReadImportAuthorities(); err == nil || !strings.Contains(err.Error(), ": sa.key") {
		t.Errorf("without sa.key: %v", err)
	}
	write(t, filepath.Join(dir, "sa.key"), authorities.ServiceAccount.Key)
	read, err := enginecrud.ReadImportAuthorities()
	if err != nil || read.Fingerprint() != authorities.Fingerprint() {
		t.Errorf("got %v, %v", read, err)
	}
	write(t, filepath.Join(dir, "etcd/ca.key"), authorities.CA.Key)
	if _, err := enginecrud.ReadImportAuthorities(); err == nil || !strings.Contains(err.Error(), "etcd CA") {
		t.Errorf("with another key of etcd: %v", err)
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
