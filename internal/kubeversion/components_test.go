package kubeversion_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

func TestComponents(t *testing.T) {
	t.Parallel()
	for version, want := range map[string][2]string{
		"1.31.0":  {"1.11.1", "3.5"},
		"1.36.3":  {"1.14.2", "3.6"},
		"1.37.10": {"1.14.6", "3.7"},
		"1.99.0":  {"", ""},
	} {
		v := parse(t, version)
		if got := [2]string{v.CoreDNS(), v.Etcd()}; got != want {
			t.Errorf("%s: %v", version, got)
		}
	}
}

// What the table says is what the sources of those releases say that are in the cache of
// modules, as where the tools were built.
func TestComponentsAreKubeadms(t *testing.T) {
	t.Parallel()
	cache, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Skip(err)
	}
	sources, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(cache)), "k8s.io", "kubernetes@*",
		"cmd", "kubeadm", "app", "constants", "constants.go"))
	compared := 0
	for _, source := range sources {
		_, tail, _ := strings.Cut(source, "kubernetes@")
		version, _, _ := strings.Cut(tail, string(filepath.Separator))
		v := parse(t, version)
		if v.CoreDNS() == "" || v.Minor == 31 {
			continue // newer, older, or the one whose patches differ
		}
		raw, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		constant := func(pattern string) string {
			found := regexp.MustCompile(pattern).FindStringSubmatch(string(raw))
			if found == nil {
				t.Fatalf("%s: no %s", version, pattern)
			}
			return found[1]
		}
		coreDNS := constant(`CoreDNSVersion = "v([^"]+)"`)
		etcd := constant(`DefaultEtcdVersion = "(\d+\.\d+)\.`)
		if v.CoreDNS() != coreDNS || v.Etcd() != etcd {
			t.Errorf("%s installs CoreDNS %s and etcd %s, and the table says %s and %s", version, coreDNS, etcd, v.CoreDNS(), v.Etcd())
		}
		compared++
	}
	if compared == 0 {
		t.Skip("no source of Kubernetes is in the cache of modules")
	}
}

// The oldest version is that of the table, which has no gaps.
func TestTableHasEachMinorRelease(t *testing.T) {
	t.Parallel()
	for minor := 31; minor <= 37; minor++ {
		if v := (kubeversion.Version{Major: 1, Minor: minor}); v.CoreDNS() == "" || v.Etcd() == "" {
			t.Errorf("%s is not in the table", v)
		}
	}
}
