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
	for version, want := range map[string][4]string{
		"1.31.0":   {"1.11.1", "3.5", "3.5.15-0", "3.10"},
		"1.31.13":  {"1.11.3", "3.5", "3.5.15-0", "3.10"},
		"1.31.14":  {"1.11.3", "3.5", "3.5.24-0", "3.10"},
		"1.36.3":   {"1.14.2", "3.6", "3.6.8-0", "3.10.2"},
		"1.37.100": {"1.14.6", "3.7", "", "3.10.2"},
		"1.99.0":   {"", "", "", "3.10.2"},
	} {
		v := parse(t, version)
		if got := [4]string{v.CoreDNS(), v.Etcd(), v.EtcdTag(), v.Pause()}; got != want {
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
		if v.EtcdTag() == "" {
			continue // newer or older
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
		etcd := constant(`DefaultEtcdVersion = "([^"]+)"`)
		pause := constant(`PauseVersion = "([^"]+)"`)
		if v.CoreDNS() != coreDNS || v.EtcdTag() != etcd || v.Pause() != pause {
			t.Errorf("%s installs CoreDNS %s, etcd %s and pause %s, and the table says %s, %s and %s", version,
				coreDNS, etcd, pause, v.CoreDNS(), v.EtcdTag(), v.Pause())
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
