package pki_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/pki"
)

// files are authorities in the files of kubeadm.
func files(a *pki.Authorities) map[string][]byte {
	return map[string][]byte{
		"ca.crt": a.CA.Cert, "ca.key": a.CA.Key,
		"front-proxy-ca.crt": a.FrontProxy.Cert, "front-proxy-ca.key": a.FrontProxy.Key,
		"etcd/ca.crt": a.Etcd.Cert, "etcd/ca.key": a.Etcd.Key,
		"sa.pub": a.ServiceAccount.Cert, "sa.key": a.ServiceAccount.Key,
	}
}

// TestAuthoritiesAreReadBack has them the same, whatever else stands in the files:
// their fingerprint is what the markers of VMs hold.
func TestAuthoritiesAreReadBack(t *testing.T) {
	t.Parallel()
	authorities := newAuthorities(t)
	raw, err := json.Marshal(authorities)
	if err != nil {
		t.Fatal(err)
	}
	read, err := pki.ReadAuthorities(raw)
	if err != nil || !reflect.DeepEqual(read, authorities) {
		t.Errorf("from JSON: %v, %v", read, err)
	}
	content := files(authorities)
	if names := pki.AuthorityFiles(); len(names) != len(content) {
		t.Errorf("the files are %q", names)
	}
	for name := range content {
		content[name] = append([]byte("# kubernetes \x1b[31m\n"), append(content[name], "\n\n# more\n"...)...)
	}
	read, err = pki.AuthoritiesFromFiles(content)
	if err != nil || !reflect.DeepEqual(read, authorities) {
		t.Errorf("from files: %v, %v", read, err)
	}
}

// TestAuthoritiesThatAreNone refuses what is missing or damaged, by name.
func TestAuthoritiesThatAreNone(t *testing.T) {
	t.Parallel()
	authorities, other := newAuthorities(t), newAuthorities(t)
	for name := range files(authorities) {
		for what, data := range map[string][]byte{
			"missing": nil, "no PEM": []byte(secret), "of another cluster": files(other)[name],
			"huge": []byte(strings.Repeat(string(files(authorities)[name]), 100)),
		} {
			content := maps.Clone(files(authorities))
			content[name] = data
			_, err := pki.AuthoritiesFromFiles(content)
			if err == nil || strings.Contains(err.Error(), secret) || what == "missing" && !strings.Contains(err.Error(), name) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
	}
	for _, text := range []string{"", "null", "{}", `"` + secret + `"`, `{"ca":{"cert":"` + secret + `"}}`} {
		if _, err := pki.ReadAuthorities([]byte(text)); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzReadAuthorities(f *testing.F) {
	f.Add([]byte(`{"ca":{"cert":"LS0tLS1CRUdJTg==","key":""}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if read, err := pki.ReadAuthorities(raw); (err == nil) != (read != nil) {
			t.Errorf("got %v, %v", read, err)
		}
	})
}
