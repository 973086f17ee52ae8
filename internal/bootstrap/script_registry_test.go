package bootstrap_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// What containerd prints of its configuration, as far as it matters here.
const (
	containerd1 = `imports = ["/etc/containerd/config.toml"]
version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "registry.k8s.io/pause:3.6"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = ""
      [plugins."io.containerd.grpc.v1.cri".registry.configs]
        [plugins."io.containerd.grpc.v1.cri".registry.configs."a.example.com".tls]
          ca_file = "/etc/old-ca.crt"
      [plugins."io.containerd.grpc.v1.cri".registry.mirrors]
        [plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
          endpoint = ["https://old.example.com"]
    [plugins."io.containerd.grpc.v1.cri".x509_key_pair_streaming]
      tls_cert_file = ""
  [plugins."io.containerd.internal.v1.opt"]
    config_path = "/opt/other"
`
	containerd2 = `imports = ['/etc/containerd/conf.d/50-runtime.toml']
version = 3

[plugins]
  [plugins.'io.containerd.cri.v1.images']
    snapshotter = 'overlayfs'
    [plugins.'io.containerd.cri.v1.images'.pinned_images]
      sandbox = 'registry.k8s.io/pause:3.10'
    [plugins.'io.containerd.cri.v1.images'.registry]
      config_path = '/etc/containerd/certs.d:/etc/docker/certs.d'
  [plugins.'io.containerd.cri.v1.runtime']
    sandbox = 'other'
`
)

// runsContainerd has the machine run a containerd of a version, which takes its configuration
// from its file, and has some where there is none.
func (m *machine) runsContainerd(version, standard string) {
	m.t.Helper()
	m.write("/standard.toml", standard)
	m.play("containerd", `case "$*" in
--version) echo "containerd github.com/containerd/containerd `+version+` abc" ;;
"config migrate"|"config dump")
	[[ "$*" == "config migrate" || "`+version+`" == 1.* ]] || exit 1
	[[ "$*" == "config dump" || "`+version+`" != 1.* ]] || exit 3
	cat "$root/etc/containerd/config.toml" 2>/dev/null || cat "$root/standard.toml" ;;
esac`)
}

const configPath = "/etc/containerd/config.toml"

func TestScriptHasContainerdReadTheMirrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ version, standard, want string }{
		"1.x": {"1.7.27", containerd1, `imports = []
version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    sandbox_image = "harbor.example.com/kubernetes/pause:3.10.2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = true
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/etc/containerd/certs.d"
      [plugins."io.containerd.grpc.v1.cri".registry.configs]
      [plugins."io.containerd.grpc.v1.cri".registry.mirrors]
    [plugins."io.containerd.grpc.v1.cri".x509_key_pair_streaming]
      tls_cert_file = ""
  [plugins."io.containerd.internal.v1.opt"]
    config_path = "/opt/other"
`},
		"2.x": {"v2.1.4", containerd2, strings.NewReplacer(
			"imports = ['/etc/containerd/conf.d/50-runtime.toml']", "imports = []",
			"'registry.k8s.io/pause:3.10'", `"harbor.example.com/kubernetes/pause:3.10.2"`,
		).Replace(containerd2)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t, mirrored(t, newNode(t, bootstrap.Worker)))
			m.runsContainerd(c.version, c.standard)
			m.joins()
			if got := m.read(configPath); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s\nlog:\n%s", got, c.want, m.log())
			}
			if err := os.Remove(filepath.Join(m.root, "etc/gantry/bootstrapped")); err != nil {
				t.Fatal(err)
			}
			m.joins()
			if got := m.read(configPath); got != c.want {
				t.Errorf("the second time:\n%s", got)
			}
		})
	}
}

// What a file imports it still does, where the import takes nothing back.
func TestScriptKeepsTheImportsOfContainerd(t *testing.T) {
	t.Parallel()
	const imports = `imports = ["/etc/containerd/conf.d/*.toml"]`
	own := imports + "\n" + strings.SplitN(containerd2, "\n", 2)[1]
	m := newMachine(t, mirrored(t, newNode(t, bootstrap.Worker)))
	m.runsContainerd("v2.2.0", containerd2)
	m.write(configPath, own)
	m.joins()
	if got := m.read(configPath); !strings.Contains(got, imports+"\n") || !strings.Contains(got, "harbor.example.com/kubernetes/pause") {
		t.Errorf("%s", got)
	}
	// One that takes it back: what is imported counts.
	m = newMachine(t, mirrored(t, newNode(t, bootstrap.Worker)))
	m.runsContainerd("1.7.27", containerd1)
	m.write(configPath, imports+"\nversion = 2\n")
	m.play("containerd", `case "$*" in
--version) echo "containerd github.com/containerd/containerd 1.7.27 abc" ;;
*)	file=$root/etc/containerd/config.toml
	grep -q '^imports = \[\]' "$file" || file=$root/standard.toml
	cat "$file" ;;
esac`)
	m.joins()
	if got := m.read(configPath); strings.Contains(got, imports) || !strings.Contains(got, `config_path = "/etc/containerd/certs.d"`) {
		t.Errorf("%s", got)
	}
}

// A node without any of it has the configuration of its image, and so has one whose image is
// configured for mirrors.
func TestScriptLeavesContainerdAlone(t *testing.T) {
	t.Parallel()
	m := newMachine(t, newNode(t, bootstrap.Worker))
	m.runsContainerd("1.7.27", containerd1)
	m.joins()
	if m.exists(configPath) {
		t.Error("without a registry")
	}
	node := mirrored(t, newNode(t, bootstrap.Worker))
	node.Registry.Repository = ""
	m = newMachine(t, node)
	m.runsContainerd("v2.2.0", containerd2)
	m.joins()
	if m.exists(configPath) {
		t.Error("an image for mirrors")
	}
}

// A containerd that does not take them would ask the registries themselves.
func TestScriptStopsWithoutMirrors(t *testing.T) {
	t.Parallel()
	for name, play := range map[string]string{
		"silent":   `exit 1`,
		"stubborn": `case "$*" in --version) echo "containerd x 1.7.27 y" ;; *) cat "$root/standard.toml" ;; esac`,
		"too old":  `case "$*" in --version) echo "containerd x 1.4.0 y" ;; *) echo 'version = 2' ;; esac`,
	} {
		m := newMachine(t, mirrored(t, newNode(t, bootstrap.Worker)))
		m.runsContainerd("1.7.27", containerd1)
		m.play("containerd", play)
		if status := m.bootstrap("join"); status == 0 || len(m.kubeadm()) > 1 {
			t.Errorf("%s: status %d, kubeadm %q", name, status, m.kubeadm())
		}
		if !strings.Contains(m.log(), "containerd does not") {
			t.Errorf("%s: %s", name, m.log())
		}
	}
}

// TestContainerdTakesWhatTheScriptWrites runs the script on the containerd of this machine.
func TestContainerdTakesWhatTheScriptWrites(t *testing.T) {
	t.Parallel()
	containerd := tool(t, "containerd", "Debian package containerd")
	m := newMachine(t, loggedIn(t, newNode(t, bootstrap.Worker)))
	m.play("containerd", `[[ "$*" == --version ]] || set -- -c "$root/etc/containerd/config.toml" "$@"
`+containerd+` "$@"`)
	m.write(configPath, `version = 2
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = true
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
  endpoint = ["https://old.example.com"]
`)
	if err := os.Chmod(filepath.Join(m.root, configPath), 0o600); err != nil {
		t.Fatal(err)
	}
	m.joins()
	said, err := exec.Command(containerd, "-c", filepath.Join(m.root, configPath), "config", "dump").Output()
	if err != nil {
		t.Fatalf("%v; the file:\n%s", err, m.read(configPath))
	}
	for _, want := range []string{
		`"/etc/containerd/certs.d"`, "SystemdCgroup = true", `username = "robot$k8s"`, `password = "p\"a\\\\s'__PLUGIN__"`,
		`"harbor.example.com/kubernetes/pause:3.10.2"`,
	} {
		if !strings.Contains(string(said), want) {
			t.Errorf("containerd does not have %s", want)
		}
	}
	if strings.Contains(string(said), "old.example.com") {
		t.Error("containerd has mirrors of both kinds, with which it does not start")
	}
	if info, err := os.Stat(filepath.Join(m.root, configPath)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v (%v)", info.Mode(), err)
	}
}

// Where a registry hands out tokens, containerd needs tables of its own.
func TestScriptLogsContainerdIn(t *testing.T) {
	t.Parallel()
	for version, plugin := range map[string]string{"1.7.27": "io.containerd.grpc.v1.cri", "v2.3.1": "io.containerd.cri.v1.images"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			standard := containerd2
			if strings.HasPrefix(version, "1.") {
				standard = containerd1
			}
			m := newMachine(t, loggedIn(t, newNode(t, bootstrap.Worker)))
			m.runsContainerd(version, standard+`[plugins."`+plugin+`".registry.configs.'harbor.example.com'.auth]
  username = "former"
`)
			m.joins()
			got := m.read(configPath)
			table := `[plugins."` + plugin + `".registry.configs."harbor.example.com".auth]
  username = "robot$k8s"
  password = "p\"a\\\\s'__PLUGIN__"
`
			if strings.Count(got, table) != 1 || strings.Contains(got, "former") || strings.Contains(got, `"__PLUGIN__"`) {
				t.Errorf("%s", got)
			}
			if info, err := os.Stat(filepath.Join(m.root, configPath)); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("the file with the password: %v (%v)", info, err)
			}
			m.keepsNoPassword()
			if err := os.Remove(filepath.Join(m.root, "etc/gantry/bootstrapped")); err != nil {
				t.Fatal(err)
			}
			m.joins()
			if again := m.read(configPath); again != got {
				t.Errorf("the second time:\n%s", again)
			}
		})
	}
}

// A file that containerd's configuration imports may have the password of before: it is not
// imported again.
func TestScriptImportsNoFormerPassword(t *testing.T) {
	t.Parallel()
	const imports = `imports = ["/etc/containerd/conf.d/*.toml"]`
	m := newMachine(t, loggedIn(t, newNode(t, bootstrap.Worker)))
	m.runsContainerd("v2.2.0", containerd2)
	m.write(configPath, imports+"\n"+strings.SplitN(containerd2, "\n", 2)[1])
	m.play("containerd", `case "$*" in
--version) echo "containerd github.com/containerd/containerd v2.2.0 abc" ;;
*)	file=$root/etc/containerd/config.toml
	if grep -q conf.d "$file"; then
		sed "s/password = .*/password = 'former'/" "$file"
	else
		cat "$file"
	fi ;;
esac`)
	m.joins()
	if got := m.read(configPath); strings.Contains(got, imports) || !strings.Contains(got, `password = "p\"a`) {
		t.Errorf("%s", got)
	}
}

// keepsNoPassword beside what containerd reads.
func (m *machine) keepsNoPassword() {
	m.t.Helper()
	if m.exists("/etc/gantry/registry-auth") {
		m.t.Error("the password is in a file that nothing reads any more")
	}
	if strings.Contains(m.log(), "s'__PLUGIN__") {
		m.t.Error("the log has the password")
	}
}

// A containerd that has such tables no more logs in by headers.
func TestScriptLogsInWithoutTables(t *testing.T) {
	t.Parallel()
	m := newMachine(t, loggedIn(t, newNode(t, bootstrap.Worker)))
	m.write("/standard.toml", containerd2)
	m.play("containerd", `case "$*" in
--version) echo "containerd github.com/containerd/containerd v2.9.0 abc" ;;
*) { cat "$root/etc/containerd/config.toml" 2>/dev/null || cat "$root/standard.toml"; } |
	awk '/^\[/ { dropped = /registry\.configs/ } !dropped' ;;
esac`)
	m.joins()
	if got := m.read(configPath); strings.Contains(got, "robot") || !strings.Contains(got, "kubernetes/pause:3.10.2") {
		t.Errorf("%s", got)
	}
	if !strings.Contains(m.log(), "hands out tokens") {
		t.Errorf("the log does not say it: %s", m.log())
	}
	m.keepsNoPassword()
}
