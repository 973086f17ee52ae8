package hardening_test

import (
	"crypto/rand"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/bootstrap/hardening"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// Real kubeadm makes of the documents of a first node what all nodes of its cluster run
// with: what the table says of flags and settings holds there. Files, and the flags of
// kubelet, need a node.
func TestDocuments(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("kubeadm is not run with -short")
	}
	for _, version := range []string{"1.34.2", "1.36.3", "1.37.2"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			evidence := rendered(t, version)
			looked := 0
			for _, row := range hardening.Table() {
				if err := row.Verify(evidence); err != nil {
					t.Error(err)
				}
				if row.Concerns(evidence) {
					looked++
				}
			}
			if want := 62; looked != want {
				t.Errorf("%d rows were looked at, and not %d", looked, want)
			}
		})
	}
}

// rendered is what kubeadm of a version makes of the documents, in a directory.
func rendered(t *testing.T, version string) hardening.Evidence {
	t.Helper()
	binaries, err := registry.DefaultBinaries()
	if err != nil {
		t.Fatal(err)
	}
	kubeadm := filepath.Join(binaries, "kubeadm-v"+version)
	if _, err := os.Stat(kubeadm); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("kubeadm v%s is not built (internal/tools/build-kubernetes)", version)
	}
	files := documents(t, version)
	directory := t.TempDir()
	config := filepath.Join(directory, "given.yaml")
	if err := os.WriteFile(config, []byte(files["/etc/gantry/kubeadm.yaml"]), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) string {
		command := exec.CommandContext(t.Context(), kubeadm, arguments...)
		command.Env = append(os.Environ(), "KUBEADM_INIT_DRYRUN_DIR="+directory)
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("kubeadm %q: %v\n%s", arguments, err, output)
		}
		return string(output)
	}
	for _, phase := range []string{"control-plane all", "etcd local", "kubelet-start"} {
		run(append(append([]string{"init", "phase"}, strings.Fields(phase)...), "--config", config, "--dry-run")...)
	}
	e := hardening.Evidence{ControlPlane: true, Flags: map[string]map[string]string{}}
	for _, component := range hardening.Components() {
		var pod corev1.Pod
		decode(t, read(t, directory, component+".yaml"), &pod)
		e.Flags[component] = hardening.ParseFlags(pod.Spec.Containers[0].Command)
	}
	decode(t, read(t, directory, "config.yaml"), &e.Kubelet)
	decode(t, files["/etc/gantry/audit-policy.yaml"], &e.Audit)
	defaults := run("config", "print", "init-defaults", "--component-configs", "KubeProxyConfiguration")
	for document := range strings.SplitSeq(defaults, "\n---\n") {
		if strings.Contains(document, "kind: KubeProxyConfiguration") {
			decode(t, document, &e.KubeProxy)
		}
	}
	return e
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func decode(t *testing.T, document string, out any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(document), out); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
}

// documents are the files that cloud-init writes on the first node of a cluster.
func documents(t *testing.T, version string) map[string]string {
	t.Helper()
	authorities, err := pki.NewAuthorities(rand.Reader, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, err := bootstrap.Userdata(bootstrap.Node{
		ClusterName:       "prod",
		Name:              "prod-cp-1",
		InstanceID:        "1b4e28ba-2fa1-5b5c-883f-0016d3cca427",
		Role:              bootstrap.FirstControlPlane,
		KubernetesVersion: version,
		MAC:               "00:50:56:0a:b7:0b",
		Address:           netip.MustParsePrefix("10.10.183.11/18"),
		Gateway:           netip.MustParseAddr("10.10.128.1"),
		Nameservers:       []netip.Addr{netip.MustParseAddr("8.8.8.8")},
		Endpoint:          bootstrap.Endpoint{Address: netip.MustParseAddr("10.10.183.1")},
		PodCIDR:           "10.244.0.0/16",
		ServiceCIDR:       "10.96.0.0/12",
		Authorities:       authorities,
	})
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		WriteFiles []struct{ Path, Content string } `json:"write_files"`
	}
	decode(t, string(data), &config)
	files := map[string]string{}
	for _, file := range config.WriteFiles {
		files[file.Path] = file.Content
	}
	return files
}
