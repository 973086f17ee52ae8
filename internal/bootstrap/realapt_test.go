package bootstrap_test

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/packagerepository"
)

// kubernetesPackages are those of a repository of Kubernetes, with programs that know nothing but
// their version, and what they need of the distribution.
func kubernetesPackages(versions ...string) []packagerepository.Package {
	program := func(name, says string) map[string]packagerepository.File {
		return map[string]packagerepository.File{"/bin/" + name: {Content: "#!/bin/bash\n" + says, Mode: 0o755}}
	}
	packages := []packagerepository.Package{
		{Name: "cri-tools", Version: "1.37.0-1.1", Files: program("crictl", "echo crictl version v1.37.0\n")},
		{Name: "kubernetes-cni", Version: "1.7.1-1.1"},
	}
	for _, name := range strings.Fields("ca-certificates conntrack ethtool iproute2 iptables kmod openssl socat") {
		packages = append(packages, packagerepository.Package{Name: name, Version: "1"})
	}
	for _, version := range versions {
		release := version + "-1.1"
		packages = append(packages,
			packagerepository.Package{Name: "kubeadm", Version: release, Depends: "cri-tools", Files: program("kubeadm", `case $1 in
version) echo v`+version+` ;;
config) echo registry.k8s.io/pause:3.10.2 ;;
esac
`)},
			packagerepository.Package{
				Name: "kubelet", Version: release, Depends: "kubernetes-cni", Files: program("kubelet", "echo Kubernetes v"+version+"\n"),
			},
			packagerepository.Package{Name: "kubectl", Version: release, Files: program("kubectl", "echo Client Version: v"+version+"\n")},
		)
	}
	return packages
}

// runsRealApt has the machine run this one's apt and dpkg on its own directory, which reach a
// repository that is served by TLS.
func (m *machine) runsRealApt(server *httptest.Server) {
	m.t.Helper()
	for _, name := range []string{"apt-get", "apt-cache", "apt-mark"} {
		m.write("/bin/"+name, fmt.Sprintf("#!/bin/bash\nAPT_CONFIG=%s/apt.conf exec %s \"$@\"\n", m.root, tool(m.t, name, "apt")))
	}
	m.write("/usr/lib/apt/apt-helper", fmt.Sprintf("#!/bin/bash\nAPT_CONFIG=%s/apt.conf exec /usr/lib/apt/apt-helper \"$@\"\n", m.root))
	m.write("/bin/dpkg", fmt.Sprintf("#!/bin/bash\nexec %s --root=%s --force-not-root --force-script-chrootless --force-bad-path \"$@\"\n",
		tool(m.t, "dpkg", "dpkg"), m.root))
	m.write("/apt.conf", fmt.Sprintf(`Dir "%[1]s";
Dir::State::status "%[1]s/var/lib/dpkg/status";
Dir::Bin::dpkg "%[1]s/bin/dpkg";
Dir::Bin::methods "/usr/lib/apt/methods";
Dir::Etc::trustedparts "%[1]s/etc/apt/trusted.gpg.d";
APT::Sandbox::User "root";
Acquire::https::CAInfo "%[1]s/ca.crt";
Acquire::https::Proxy "DIRECT";
`, m.root))
	m.write("/ca.crt", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	for _, path := range []string{
		"/etc/apt/apt.conf.d/.keep", "/etc/apt/preferences.d/.keep", "/etc/apt/sources.list.d/.keep", "/etc/apt/trusted.gpg.d/.keep",
		"/var/lib/apt/lists/partial/.keep", "/var/cache/apt/archives/partial/.keep", "/var/lib/dpkg/updates/.keep", "/var/lib/dpkg/info/.keep",
		"/var/log/apt/.keep", "/tmp/.keep",
	} {
		m.write(path, "")
	}
	m.write("/var/lib/dpkg/status", "")
	for _, path := range []string{
		"bin/kubeadm", "bin/kubectl", "bin/crictl", "var/lib/apt/lists/partial/.keep", "var/cache/apt/archives/partial/.keep",
		"var/lib/dpkg/updates/.keep",
	} {
		if err := os.Remove(filepath.Join(m.root, path)); err != nil {
			m.t.Fatal(err)
		}
	}
}

// TestScriptInstallsByRealApt installs from a signed repository, in which there are other versions,
// too, and refuses what has another's signature.
func TestScriptInstallsByRealApt(t *testing.T) {
	t.Parallel()
	tool(t, "apt-get", "apt")
	for name, c := range map[string]struct {
		versions []string
		spoil    func(dir string) error
		says     []string
	}{
		"signed": {[]string{"1.37.1", "1.37.2", "1.37.20"}, nil, nil},
		"no version": {[]string{"1.37.1", "1.37.20"}, nil, []string{
			"'1.37.2-*' for 'kubeadm' was not found", "could not be installed from https://",
		}},
		"other key": {[]string{"1.37.2"}, func(dir string) error {
			other := t.TempDir()
			if err := packagerepository.Write(other); err != nil {
				return err
			}
			return os.Rename(filepath.Join(other, "deb/Release.key"), filepath.Join(dir, "deb/Release.key"))
		}, []string{"is not signed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := packagerepository.Write(dir, kubernetesPackages(c.versions...)...); err != nil {
				t.Fatal(err)
			}
			if c.spoil != nil {
				if err := c.spoil(dir); err != nil {
					t.Fatal(err)
				}
			}
			server := httptest.NewTLSServer(http.FileServer(http.Dir(dir)))
			t.Cleanup(server.Close)
			builder := newBuilder(t)
			builder.Proxy = nil
			builder.Packages = &bootstrap.Packages{Version: "1.37.2", Repository: server.URL}
			m := newMachineOf(t, builderUserdata(t, builder))
			m.write("/bin/cloud-init", stub)
			m.write("/bin/journalctl", stub)
			m.write("/etc/machine-id", "")
			m.write("/etc/cloud/cloud.cfg.d/.keep", "")
			m.runsContainerd("1.7.27", containerd1)
			m.runsRealApt(server)
			tail := m.ends(c.says == nil)
			for _, want := range c.says {
				if !strings.Contains(tail, want) {
					t.Errorf("it does not say %q:\n%s", want, tail)
				}
			}
			status := m.read("/var/lib/dpkg/status")
			if held := strings.Count(status, "Status: hold ok installed"); c.says == nil && held != 5 || c.says != nil && held != 0 {
				t.Errorf("%d packages are held:\n%s", held, status)
			}
			if c.says == nil && m.read("/bin/kubelet") != "#!/bin/bash\necho Kubernetes v1.37.2\n" {
				t.Errorf("kubelet is %q; log:\n%s", m.read("/bin/kubelet"), m.log())
			}
		})
	}
}
