package bootstrap_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const (
	installed  = "1.37.2"
	repository = "https://mirror.example.com/kubernetes/v1.37"
)

// newPlainMachine is one without Kubernetes, until a package manager says that it has installed it.
func newPlainMachine(t *testing.T, scripts ...string) *machine {
	t.Helper()
	builder := newBuilder(t, scripts...)
	builder.Proxy = nil
	builder.Packages = &bootstrap.Packages{Version: installed, Repository: repository}
	m := newMachineOf(t, builderUserdata(t, builder))
	for _, command := range []string{"cloud-init", "journalctl", "kubelet"} {
		m.write("/bin/"+command, stub)
	}
	m.write("/etc/machine-id", "")
	m.write("/etc/cloud/cloud.cfg.d/90_dpkg.cfg", "datasource_list: [ NoCloud, VMware ]\n")
	m.play("kubeadm", `[[ -f $root/installed ]] || exit 127
case $1 in
version) echo v1.37.2 ;;
config) printf 'registry.k8s.io/%s\n' kube-apiserver:v1.37.2 pause:3.10.2 etcd:3.7.0-0 ;;
esac`)
	m.play("kubelet", `[[ -f $root/installed ]] && echo Kubernetes v1.37.2`)
	m.runsContainerd("1.7.27", containerd1)
	return m
}

// runsApt has it be of Debian's family.
func (m *machine) runsApt() {
	m.t.Helper()
	for _, command := range []string{"bin/apt-get", "bin/apt-cache", "bin/apt-mark", "bin/dpkg"} {
		m.write(command, stub)
	}
	m.write("/etc/apt/apt.conf.d/.keep", "")
	m.write("/etc/apt/sources.list.d/.keep", "")
	m.write("/usr/lib/apt/apt-helper", strings.Replace(stub, "${0%/bin/*}", "${0%/usr/*}", 1))
	m.play("apt-helper", `echo '-----BEGIN PGP PUBLIC KEY BLOCK-----' >"$3"`)
	m.play("apt-get", `[[ $* != *kubeadm=* ]] || touch "$root/installed"`)
	m.play("apt-cache", "exit 100")
}

// runsRPM has it be of a family whose package manager is dnf or tdnf.
func (m *machine) runsRPM(manager string) {
	m.t.Helper()
	m.write("/bin/"+manager, stub)
	m.write("/etc/yum.repos.d/.keep", "")
	m.write("/etc/"+manager+"/"+manager+".conf", "[main]\ngpgcheck=1\nexclude = kernel*\nbest=True\n[other]\nexclude=a\n")
	m.play(manager, `[[ $* != *kubeadm-* ]] || touch "$root/installed"`)
}

// ends has the machine build its image, and returns the log's end that is reported.
func (m *machine) ends(well bool) string {
	m.t.Helper()
	if status := m.bootstrap("build"); (status == 0) != well {
		m.t.Fatalf("status %d; log:\n%s", status, m.log())
	}
	if !well && (len(m.phases()) == 0 || m.phases()[len(m.phases())-1] != "failed") {
		m.t.Errorf("the phases are %v", m.phases())
	}
	return m.read("tail")
}

func TestScriptInstallsKubernetesByApt(t *testing.T) {
	t.Parallel()
	m := newPlainMachine(t, note("one"))
	m.runsApt()
	// Debian's own package looks for the plug-ins of networks where Debian has them.
	m.write(configPath, strings.Replace(containerd1, "SystemdCgroup = true", "SystemdCgroup = false", 1)+
		"    [plugins.\"io.containerd.grpc.v1.cri\".cni]\n      bin_dir = \"/usr/lib/cni\"\n")
	m.ends(true)
	for file, want := range map[string]string{
		"/etc/apt/sources.list.d/gantry-kubernetes.list": "deb [signed-by=" + m.root + "/etc/apt/keyrings/gantry-kubernetes.asc] " +
			repository + "/deb/ /\n",
		"/etc/apt/keyrings/gantry-kubernetes.asc": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n",
		"/etc/cloud/cloud.cfg.d/zz-gantry.cfg":    "datasource_list: [VMware]\n",
		"/etc/modules-load.d/90-gantry.conf":      "overlay\nbr_netfilter\n",
		"/etc/crictl.yaml":                        "runtime-endpoint: unix:///run/containerd/containerd.sock\n",
	} {
		if got := m.read(file); got != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
	config := m.read(configPath)
	for _, want := range []string{
		"SystemdCgroup = true", `sandbox_image = "registry.k8s.io/pause:3.10.2"`, `config_path = "/etc/containerd/certs.d"`,
		`bin_dir = "/opt/cni/bin"`,
	} {
		if !strings.Contains(config, want) {
			t.Errorf("containerd's configuration lacks %s:\n%s", want, config)
		}
	}
	if strings.Contains(m.read("/etc/fstab"), "\n/swap.img") {
		t.Error("swap comes back")
	}
	calls := m.calls("apt-get")
	if len(calls) != 4 || !strings.HasSuffix(calls[0], " update") || strings.Contains(calls[1], "containerd") || calls[3] != "clean" ||
		!strings.HasSuffix(calls[2], "kubeadm="+installed+"-* kubelet="+installed+"-* kubectl="+installed+"-* cri-tools kubernetes-cni") {
		t.Errorf("apt-get %q", calls)
	}
	if held := m.calls("apt-mark"); !slices.Equal(held, []string{"hold kubeadm kubelet kubectl cri-tools kubernetes-cni"}) {
		t.Errorf("apt-mark %q", held)
	}
	if m.read("notes") == "" {
		t.Error("the script did not run")
	}
	if systemctl := m.calls("systemctl"); slices.Contains(systemctl, "enable kubelet") || !slices.Contains(systemctl, "restart containerd") {
		t.Errorf("systemctl %q", systemctl)
	}
}

// Without a runtime the distribution's is installed, or Docker's where its repository is there. That
// has the part switched off that kubelet speaks to.
func TestScriptInstallsContainerd(t *testing.T) {
	t.Parallel()
	for docker, want := range map[string]string{"exit 0": "containerd.io", "exit 100": "containerd"} {
		m := newPlainMachine(t)
		m.runsApt()
		m.play("apt-cache", docker)
		runs := m.read("/plays/containerd")
		m.play("containerd", "[[ -f $root/runs-containerd ]] || exit 127\n"+runs+`
[[ $1 != config ]] || ! grep -q "disabled.*cri" "$root/etc/containerd/config.toml"`)
		m.play("apt-get", `case "$*" in
*kubeadm=*) touch "$root/installed" ;;
*socat*) touch "$root/runs-containerd"; mkdir -p "$root/etc/containerd"
	{ echo 'disabled_plugins = ["cri", "other"]'; cat "$root/standard.toml"; } >"$root/etc/containerd/config.toml" ;;
esac`)
		m.ends(true)
		if calls := m.calls("apt-get"); !strings.HasSuffix(calls[1], " "+want) {
			t.Errorf("apt-get %q, and not %s", calls[1], want)
		}
		if got := m.read(configPath); !strings.HasPrefix(got, "disabled_plugins = [\"other\"]\n") || !strings.Contains(got, "pause:3.10.2") {
			t.Errorf("containerd reads\n%s", got)
		}
	}
}

func TestScriptInstallsNothingThatIsThere(t *testing.T) {
	t.Parallel()
	m := newPlainMachine(t)
	m.runsApt()
	m.write("/installed", "")
	m.ends(true)
	if calls := m.calls("apt-get"); !slices.Equal(calls, []string{"clean"}) {
		t.Errorf("apt-get %q", calls)
	}
	if !strings.Contains(m.read(configPath), "pause:3.10.2") {
		t.Error("containerd is not configured")
	}
}

// What the power was lost over is installed again, and held.
func TestScriptGoesOnWithAnInstallation(t *testing.T) {
	t.Parallel()
	m := newPlainMachine(t)
	m.runsApt()
	m.play("apt-mark", `[[ -f $root/again ]] || { touch "$root/again"; exit 1; }`)
	if status := m.script("build"); status == 0 {
		t.Fatal("the build was a success")
	}
	m.ends(true)
	if held := m.calls("apt-mark"); len(held) != 2 {
		t.Errorf("apt-mark %q", held)
	}
}

func TestScriptInstallsKubernetesByRPM(t *testing.T) {
	t.Parallel()
	for manager, tc := range map[string]string{"dnf": "iproute-tc", "tdnf": "iproute2"} {
		t.Run(manager, func(t *testing.T) {
			t.Parallel()
			m := newPlainMachine(t)
			m.runsRPM(manager)
			runs := m.read("/plays/containerd")
			m.play("containerd", "[[ -f $root/runs-containerd ]] || exit 127\n"+runs)
			m.play(manager, `case "$*" in
*kubeadm-*) touch "$root/installed" ;;
*containerd.io) exit 1 ;;
*containerd) touch "$root/runs-containerd" ;;
esac`)
			m.ends(true)
			want := "[gantry-kubernetes]\nname=Kubernetes\nbaseurl=" + repository + "/rpm/\nenabled=1\ngpgcheck=1\ngpgkey=" + repository +
				"/rpm/repodata/repomd.xml.key\n"
			if got := m.read("/etc/yum.repos.d/gantry-kubernetes.repo"); got != want {
				t.Errorf("the repository is %q", got)
			}
			if got := m.read(filepath.Join("/etc", manager, manager+".conf")); got !=
				"[main]\nexcludepkgs=kubeadm kubelet kubectl cri-tools kubernetes-cni kernel*\ngpgcheck=1\nbest=True\n[other]\nexclude=a\n" {
				t.Errorf("held is %q", got)
			}
			calls := m.calls(manager)
			if len(calls) != 5 || !strings.Contains(calls[0], " "+tc+" ") || strings.Contains(strings.Join(calls, " "), "nogpgcheck") ||
				!strings.HasSuffix(calls[3], "install kubeadm-1.37.2 kubelet-1.37.2 kubectl-1.37.2 cri-tools kubernetes-cni") {
				t.Errorf("%s %q", manager, calls)
			}
		})
	}
}

// What stops an installation is told at the end of the log, which is all that a user sees.
func TestScriptSaysWhyKubernetesIsNotInstalled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(m *machine)
		says   string
	}{
		"another version": {func(m *machine) {
			m.play("kubeadm", "echo v1.36.3")
		}, "holds kubeadm v1.36.3, and 1.37.2 is to be installed"},
		"no key": {func(m *machine) {
			m.play("apt-helper", "exit 100")
		}, "the key of the package repository was not found at " + repository + "/deb/Release.key"},
		"a page in the place of the key": {func(m *machine) {
			m.play("apt-helper", `echo '<html>log in</html>' >"$3"`)
		}, "the key of the package repository was not found"},
		"no packages": {func(m *machine) {
			m.play("apt-get", `[[ $* != *kubeadm=* ]] || { echo "E: Version '1.37.2-*' for 'kubeadm' was not found"; exit 100; }`)
		}, "Kubernetes 1.37.2 could not be installed from " + repository + "/deb/"},
		"no containerd": {func(m *machine) {
			m.play("apt-get", `[[ $* != *socat* ]] || exit 100`)
		}, "containerd and what Kubernetes needs of the distribution could not be installed from the repositories of the image"},
		"other packages": {func(m *machine) {
			m.play("kubelet", "echo Kubernetes v1.36.3")
		}, "it holds kubeadm v1.37.2, kubelet Kubernetes v1.36.3"},
		"containerd without systemd": {func(m *machine) {
			m.runsContainerd("1.5.9", "version = 2\n")
		}, "choose an image whose containerd is 1.6 or newer"},
		"no package manager": {func(m *machine) {
			if err := os.RemoveAll(filepath.Join(m.root, "etc/apt")); err != nil {
				m.t.Fatal(err)
			}
		}, "neither apt-get, dnf nor tdnf"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newPlainMachine(t, note("never"))
			m.runsApt()
			c.change(m)
			if tail := m.ends(false); !strings.Contains(tail, c.says) {
				t.Errorf("it says:\n%s", tail)
			}
			if m.read("notes") != "" {
				t.Error("the scripts have run")
			}
		})
	}
}

// The scripts come last, and what they leave is to be a node image.
func TestScriptChecksTheNodeImageAfterTheScripts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, says string
	}{
		"Kubernetes is gone":    {`rm "$GANTRY_ROOT/installed"`, "the image is to hold containerd and Kubernetes 1.37.2"},
		"firewalld is enabled":  {"true", "firewalld is enabled in the image, and closes TCP 10250"},
		"iptables is enabled":   {`mv "$GANTRY_ROOT"/{firewalld,iptables}`, "iptables is enabled in the image"},
		"firewalld is disabled": {`echo disabled >"$GANTRY_ROOT/firewalld"`, ""},
		"a service is open": {
			`mkdir -p "$GANTRY_ROOT/etc/firewalld"; echo '<service name="kube-worker"/>' >"$GANTRY_ROOT/etc/firewalld/zone.xml"`, "",
		},
		"all is open": {
			`mkdir -p "$GANTRY_ROOT/etc/firewalld"; echo '<zone target="ACCEPT">' >"$GANTRY_ROOT/etc/firewalld/zone.xml"`, "",
		},
		"SSH is open": {
			`mkdir -p "$GANTRY_ROOT/etc/firewalld"; echo '<service name="ssh"/>' >"$GANTRY_ROOT/etc/firewalld/zone.xml"`,
			"firewalld is enabled in the image",
		},
		"the port is open": {`mkdir -p "$GANTRY_ROOT/etc/firewalld"; echo 'port="10250"' >"$GANTRY_ROOT/etc/firewalld/zone.xml"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newPlainMachine(t, c.script)
			m.runsApt()
			m.write("/firewalld", "enabled\n")
			m.play("systemctl", `[[ "$1 $2" != "start --no-block" ]] || printf '%s\n' "$3" >>"$root/started"
[[ $1 != is-enabled || ! -f $root/${2%.service} ]] || cat "$root/${2%.service}"`)
			if tail := m.ends(c.says == ""); !strings.Contains(tail, c.says) {
				t.Errorf("it says:\n%s", tail)
			}
		})
	}
}
