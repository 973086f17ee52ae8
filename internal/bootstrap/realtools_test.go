package bootstrap_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine/registry"
)

// missing skips a test whose tool is not there, and fails it in CI, where a
// check that silently does not run is a check that is lost.
func missing(t *testing.T, format string, arguments ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, arguments...)
	}
	t.Skipf(format, arguments...)
}

// tool finds a command on this machine.
func tool(t *testing.T, name, source string) string {
	t.Helper()
	skipShort(t, name)
	path, err := exec.LookPath(name)
	if err != nil {
		missing(t, "%s is not installed (%s)", name, source)
	}
	return path
}

func skipShort(t *testing.T, name string) {
	t.Helper()
	if testing.Short() {
		t.Skipf("%s is not run with -short", name)
	}
}

// kubeadmVersions are those of the kubeadms that judge the documents, as make tools builds
// them: two that real guests run, and an older one of those that are supported.
var kubeadmVersions = []string{"1.34.2", "1.36.3", "1.37.2"}

// kubeadmBinary finds a kubeadm that internal/tools/build-kubernetes has built.
func kubeadmBinary(t *testing.T, version string) string {
	t.Helper()
	skipShort(t, "kubeadm")
	dir, err := registry.DefaultBinaries()
	if err != nil {
		missing(t, "%v", err)
	}
	path := filepath.Join(dir, "kubeadm-v"+version)
	if _, err := os.Stat(path); err != nil {
		missing(t, "kubeadm v%s is not built (internal/tools/build-kubernetes)", version)
	}
	return path
}

// run returns a command's output and whether it succeeded.
func run(t *testing.T, name string, arguments ...string) (string, error) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), name, arguments...).CombinedOutput()
	return string(output), err
}

func writeTemporary(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestShellcheck(t *testing.T) {
	t.Parallel()
	shellcheck := tool(t, "shellcheck", "Debian package shellcheck")
	scripts, err := filepath.Glob("*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatal(scripts, err)
	}
	if output, err := run(t, shellcheck, append([]string{"-x", "-P", "."}, scripts...)...); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

// realNodes returns the nodes that real tools check.
func realNodes(t *testing.T, role bootstrap.Role) map[string]bootstrap.Node {
	schedulable := newNode(t, role)
	schedulable.Schedulable = true
	cloud := newNode(t, role)
	cloud.ExternalCloudProvider = true
	return map[string]bootstrap.Node{
		"plain":       newNode(t, role),
		"schedulable": schedulable,
		"IPv6":        onIPv6(newNode(t, role)),
		"proxy":       behindProxy(t, newNode(t, role)),
		"cloud":       cloud,
		"settings":    withSettings(newNode(t, role)),
		"encryption":  sealing(newNode(t, role), 2, 1),
		"leased":      leased(newNode(t, role)),
		"named":       behindProxy(t, named(leased(newNode(t, role)))),
	}
}

func TestKubeadmAcceptsItsConfiguration(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			kubeadm := kubeadmBinary(t, version)
			validate := func(t *testing.T, document string) (string, error) {
				return run(t, kubeadm, "config", "validate", "--config", writeTemporary(t, "kubeadm.yaml", document))
			}
			for _, role := range roles {
				for name, node := range realNodes(t, role) {
					document := userdata(t, withVersion(node, version)).file("/etc/gantry/kubeadm.yaml")
					output, err := validate(t, bootstrap.FillIn(document, lease))
					if err != nil || strings.TrimSpace(output) != "ok" {
						t.Errorf("%s %s: %v\n%s\n%s", role, name, err, output, document)
					}
				}
			}
			// What it accepts means something only if it refuses as well.
			document := userdata(t, withVersion(newNode(t, bootstrap.FirstControlPlane), version)).file("/etc/gantry/kubeadm.yaml")
			for right, wrong := range map[string]string{
				"criSocket":               "criSockets",
				"podSubnet: 10.244.0.0":   "podSubnet: 10.244.0.0.0",
				"cgroupDriver: systemd":   "cgroupDrivers: systemd",
				"kind: InitConfiguration": "kind: InitialConfiguration",
			} {
				spoiled := strings.Replace(document, right, wrong, 1)
				if spoiled == document {
					t.Fatalf("%q is not in the document", right)
				}
				if output, err := validate(t, spoiled); err == nil {
					t.Errorf("kubeadm takes %q: %s", wrong, output)
				}
			}
		})
	}
}

// The bootstrap script asks the binary for its version in this way.
func TestKubeadmReportsItsVersion(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		output, err := run(t, kubeadmBinary(t, version), "version", "-o", "short")
		if err != nil || output != "v"+version+"\n" {
			t.Errorf("version %q (error %v), want v%s", output, err, version)
		}
	}
}

// TestImagesAreThoseThatKubeadmLists compares with what kubeadm itself lists, for either kind of
// repository.
func TestImagesAreThoseThatKubeadmLists(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		kubeadm := kubeadmBinary(t, version)
		for _, repository := range []string{"", "harbor.example.com/kubernetes"} {
			arguments := []string{"config", "images", "list", "--kubernetes-version", "v" + version}
			if repository != "" {
				arguments = append(arguments, "--image-repository", repository)
			}
			out, err := run(t, kubeadm, arguments...)
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			listed := strings.Fields(out)
			got := bootstrap.Registry{Repository: repository}.Images(version)
			slices.Sort(listed)
			slices.Sort(got)
			if got = slices.Compact(got); !slices.Equal(got, listed) {
				t.Errorf("%s from %q: the images are %q, and kubeadm lists %q", version, repository, got, listed)
			}
		}
	}
}

func TestCloudInitAcceptsUserdata(t *testing.T) {
	t.Parallel()
	cloudInit := tool(t, "cloud-init", "Debian package cloud-init")
	schema := func(t *testing.T, document string) (string, error) {
		return run(t, cloudInit, "schema", "--config-file", writeTemporary(t, "user-data", document))
	}
	for _, role := range roles {
		for name, node := range realNodes(t, role) {
			t.Run(string(role)+" "+name, func(t *testing.T) {
				t.Parallel()
				document := string(must(bootstrap.Userdata(node)))
				if output, err := schema(t, document); err != nil || strings.Contains(strings.ToLower(output), "deprecat") {
					t.Errorf("%v\n%s", err, output)
				}
			})
		}
	}
	t.Run("load balancer", func(t *testing.T) {
		t.Parallel()
		document := string(decode(t, must(bootstrap.LoadBalancerGuestInfo(newLoadBalancer(t)))["guestinfo.userdata"]))
		if output, err := schema(t, document); err != nil || strings.Contains(strings.ToLower(output), "deprecat") {
			t.Errorf("%v\n%s", err, output)
		}
	})
	t.Run("a typo is refused", func(t *testing.T) {
		t.Parallel()
		document := string(must(bootstrap.Userdata(newNode(t, bootstrap.Worker))))
		for right, wrong := range map[string]string{"permissions:": "permission:", "enabled: true": "enabled: maybe"} {
			if output, err := schema(t, strings.Replace(document, right, wrong, 1)); err == nil {
				t.Errorf("cloud-init takes %q: %s", wrong, output)
			}
		}
	})
}

// interpreter returns the Python that a script runs with, which is not always the
// first one on PATH.
func interpreter(t *testing.T, script string) string {
	t.Helper()
	line, _, _ := strings.Cut(string(must(os.ReadFile(script))), "\n")
	path, ok := strings.CutPrefix(line, "#!")
	if !ok || strings.Contains(path, " ") {
		missing(t, "%s does not begin with its interpreter but with %q", script, line)
	}
	return path
}

// readGuest lets cloud-init's own data source take guestinfo values apart and
// its netplan renderer write the network, and prints what came of them.
const readGuest = `
import json, sys
from cloudinit import util
from cloudinit.net import netplan, network_state
from cloudinit.sources import DataSourceVMware as source

values = json.load(sys.stdin)
def read(key):
    return source.decode(key, values[key + ".encoding"], values[key])

metadata = source.process_metadata(source.load_json_or_yaml(read("guestinfo.metadata")))
network = metadata["network"]["config"]
state = network_state.parse_net_config_data(network)
print(json.dumps({
    "hostname": metadata["local-hostname"],
    "instance": metadata["instance-id"],
    "cleanup": metadata["cleanup-guestinfo"],
    "wait": metadata["wait-on-network"],
    "netplan": util.load_yaml(netplan.Renderer()._render_content(state)),
    "userdata": util.load_yaml(read("guestinfo.userdata")),
}))
`

func TestCloudInitReadsGuestInfo(t *testing.T) {
	t.Parallel()
	python := interpreter(t, tool(t, "cloud-init", "Debian package cloud-init"))
	if output, err := run(t, python, "-c", "import cloudinit.sources.DataSourceVMware"); err != nil {
		missing(t, "cloud-init's modules cannot be imported: %s", output)
	}
	for _, role := range roles {
		for name, node := range realNodes(t, role) {
			t.Run(string(role)+" "+name, func(t *testing.T) {
				t.Parallel()
				values := must(bootstrap.GuestInfo(node))
				command := exec.CommandContext(t.Context(), python, "-c", readGuest)
				command.Stdin = strings.NewReader(string(must(json.Marshal(values))))
				var problems strings.Builder
				command.Stderr = &problems
				output, err := command.Output()
				if err != nil {
					t.Fatalf("%v\n%s", err, problems.String())
				}
				var guest struct {
					Hostname, Instance string
					Cleanup            []string
					Wait               map[string]bool
					Netplan            any
					Userdata           any
				}
				if err := json.Unmarshal(output, &guest); err != nil {
					t.Fatal(err)
				}
				if guest.Hostname != node.Name || guest.Instance != node.InstanceID || !reflect.DeepEqual(guest.Cleanup, []string{"userdata"}) {
					t.Errorf("metadata %+v", guest)
				}
				if guest.Wait["ipv4"] != (node.DHCP || node.Address.Addr().Is4()) || guest.Wait["ipv6"] != node.Address.Addr().Is6() {
					t.Errorf("waits on %v", guest.Wait)
				}
				// The network goes to netplan as it is, below its own head.
				var metadata struct {
					Network any `json:"network"`
				}
				if err := yaml.Unmarshal(must(bootstrap.Metadata(node)), &metadata); err != nil {
					t.Fatal(err)
				}
				if want := map[string]any{"network": metadata.Network}; !reflect.DeepEqual(guest.Netplan, any(want)) {
					t.Errorf("netplan is given %v, want %v", guest.Netplan, want)
				}
				// Two YAML readers, one meaning.
				var want any
				if err := yaml.Unmarshal(must(bootstrap.Userdata(node)), &want); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(guest.Userdata, want) {
					t.Error("cloud-init reads another user data than was written")
				}
			})
		}
	}
}
