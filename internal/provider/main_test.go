package provider_test

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

// TestMain has certificate authorities at hand: a configuration of a cluster that is
// restored is valid only with them.
func TestMain(m *testing.M) {
	// The framework copies values and schemas at each step: with the usual goal the
	// collector takes a third of the time of these tests.
	debug.SetGCPercent(800)
	dir, err := os.MkdirTemp("", "gantry-authorities-")
	if err == nil {
		err = writeAuthorities(dir)
	}
	if err == nil {
		err = os.Setenv(enginecrud.ImportAuthorities, dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// writeAuthorities writes what a control-plane node has below /etc/kubernetes/pki.
func writeAuthorities(dir string) error {
	a, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "etcd"), 0o700); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"ca.crt": a.CA.Cert, "ca.key": a.CA.Key, "front-proxy-ca.crt": a.FrontProxy.Cert, "front-proxy-ca.key": a.FrontProxy.Key,
		"etcd/ca.crt": a.Etcd.Cert, "etcd/ca.key": a.Etcd.Key, "sa.pub": a.ServiceAccount.Cert, "sa.key": a.ServiceAccount.Key,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// theirs registers what another workspace has made, of which there is no VM.
func theirs(t *testing.T, l *ledger.Ledger, ref record.Ref) uuid.UUID {
	t.Helper()
	rec, err := ledger.NewRecord(ref, record.Cluster{
		ID: uuid.New(), Kind: ref.Kind, APIReached: true, CreationComplete: true, Datacenter: "dc-1",
	})
	if err != nil {
		t.Fatal(err)
	}
	id, err := l.Register(t.Context(), rec)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
