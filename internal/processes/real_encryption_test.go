//go:build real

package processes_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestRealEncryption encrypts the Secrets of a cluster that runs, and changes the key: each
// time the control plane is rolled twice, and all Secrets are written again.
func TestRealEncryption(t *testing.T) {
	const version = "1.37.2"
	d := newRealDatacenter(t, realOptions(t))
	plain := d.real(version, 1, 1, "")
	w := newWorkspace(t, plain)
	w.patience = patience
	w.must(apply...)
	d.nodesReady(w, 2)
	d.sealed("prod-cp-1", 0)
	for key := 1; key <= 2; key++ {
		encrypted := fmt.Sprintf("kubernetes = { encryption_at_rest = { key_version = %d } }\n    packs ", key)
		w.configure(strings.Replace(plain, "packs ", encrypted, 1))
		w.must(apply...)
		w.nothingToDo()
		d.nodesReady(w, 2)
		d.sealed(fmt.Sprintf("prod-cp-%d", 1+2*key), key)
	}
}

// sealed expects that all Secrets in the etcd of a node are encrypted with the key of a
// version; 0: that they are in clear text.
func (d *datacenter) sealed(node string, version int) {
	d.t.Helper()
	names, err := d.etcdctl(node, "get /registry/secrets/ --prefix --keys-only")
	if err != nil {
		d.t.Fatal(err)
	}
	want := "k8s\x00"
	if version > 0 {
		want = fmt.Sprintf("k8s:enc:secretbox:v1:v%d:", version)
	}
	count := 0
	for _, name := range strings.Fields(names) {
		value, err := d.etcdctl(node, "get --print-value-only "+name)
		if err != nil {
			d.t.Fatal(err)
		}
		if !strings.HasPrefix(value, want) {
			d.t.Errorf("%s begins with %q, and not with %q", name, value[:min(len(value), 24)], want)
		}
		count++
	}
	if count < 2 {
		d.t.Errorf("etcd has the Secrets %q", names)
	}
}
