package bootstrap_test

import (
	"encoding/base64"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// withSettings asks for something of everything.
func withSettings(node bootstrap.Node) bootstrap.Node {
	node.Setup.Files = []bootstrap.File{
		{Path: "/etc/example/admission.yaml", Content: "kind: AdmissionConfiguration\n", Permissions: "0600", Owner: "root:root"},
		{Path: "/etc/example/scheduler.yaml", Content: "kind: KubeSchedulerConfiguration\n", Permissions: "0600", Owner: "root:root"},
	}
	node.Settings = bootstrap.Settings{
		APIServer: bootstrap.Arguments{
			"admission-control-config-file": "/etc/example/admission.yaml",
			"audit-log-maxage":              "7",
			"max-requests-inflight":         "800",
		},
		ControllerManager: bootstrap.Arguments{"bind-address": "0.0.0.0"},
		Scheduler:         bootstrap.Arguments{"config": "/etc/example/scheduler.yaml"},
		AuditPolicy:       "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n",
		OIDC: &bootstrap.OIDC{
			IssuerURL:      "https://login.example.com",
			Audiences:      []string{"kubernetes", "kubectl"},
			UsernameClaim:  "sub",
			UsernamePrefix: "oidc:",
			GroupsClaim:    "groups",
			GroupsPrefix:   "oidc:",
			RequiredClaims: map[string]string{"tenant": "one"},
		},
		Kubelet:       bootstrap.Arguments{"image-credential-provider-bin-dir": "/usr/libexec", "node-ip": "192.0.2.1"},
		KubeletConfig: "maxPods: 60\nsystemReserved:\n  memory: 1Gi\n",
	}
	return node
}

// component is what the ClusterConfiguration says of a component.
type component struct {
	ExtraArgs    []struct{ Name, Value string }
	ExtraVolumes []struct {
		Name, HostPath, MountPath, PathType string
		ReadOnly                            bool
	}
}

func (c component) argument(name string) string {
	for _, a := range c.ExtraArgs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

func (c component) mounts(path string) bool {
	for _, v := range c.ExtraVolumes {
		if v.HostPath == path && v.MountPath == path && v.ReadOnly && v.PathType == "File" {
			return true
		}
	}
	return false
}

// clusterDocument reads the ClusterConfiguration of a first node.
func clusterDocument(t *testing.T, file string) (apiServer, controllerManager, scheduler component) {
	t.Helper()
	for document := range strings.SplitSeq(file, "---\n") {
		var cluster struct {
			Kind                                    string
			APIServer, ControllerManager, Scheduler component
		}
		if err := yaml.Unmarshal([]byte(document), &cluster); err != nil {
			t.Fatal(err)
		}
		if cluster.Kind == "ClusterConfiguration" {
			return cluster.APIServer, cluster.ControllerManager, cluster.Scheduler
		}
	}
	t.Fatal("there is no ClusterConfiguration")
	return
}

func TestSettingsOfTheControlPlane(t *testing.T) {
	t.Parallel()
	config := userdata(t, withSettings(newNode(t, bootstrap.FirstControlPlane)))
	apiServer, controllerManager, scheduler := clusterDocument(t, config.file("/etc/gantry/kubeadm.yaml"))
	for name, want := range map[string]string{
		"max-requests-inflight": "800",
		"audit-log-maxage":      "7", // in place of the default
		"audit-log-maxsize":     "100",
		"authentication-config": "/etc/gantry/authentication.yaml",
	} {
		if got := apiServer.argument(name); got != want {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
	}
	if got := controllerManager.argument("bind-address") + " " + scheduler.argument("config"); got != "0.0.0.0 /etc/example/scheduler.yaml" {
		t.Errorf("the others have %q", got)
	}
	for path, c := range map[string]component{
		"/etc/example/admission.yaml":     apiServer,
		"/etc/gantry/authentication.yaml": apiServer,
		"/etc/gantry/audit-policy.yaml":   apiServer,
		"/etc/example/scheduler.yaml":     scheduler,
	} {
		if !c.mounts(path) {
			t.Errorf("%s is not mounted: %+v", path, c.ExtraVolumes)
		}
		if config.file(path) == "" {
			t.Errorf("%s is not written", path)
		}
	}
	if got := config.file("/etc/gantry/audit-policy.yaml"); !strings.Contains(got, "level: Metadata") || strings.Contains(got, "level: None") {
		t.Errorf("the audit policy is %q", got)
	}
}

// What joining nodes read of the cluster is what its first node was given.
func TestTheConfigurationThatIsUpdatedIsThatOfTheFirstNode(t *testing.T) {
	t.Parallel()
	node := withSettings(newNode(t, bootstrap.FirstControlPlane))
	raw, err := node.Settings.ControlPlaneConfiguration(node.Setup.Files)
	if err != nil {
		t.Fatal(err)
	}
	apiServer, controllerManager, scheduler := clusterDocument(t, "kind: ClusterConfiguration\n"+string(raw))
	a, c, s := clusterDocument(t, userdata(t, node).file("/etc/gantry/kubeadm.yaml"))
	for name, pair := range map[string][2]component{
		"API server": {apiServer, a}, "controller manager": {controllerManager, c}, "scheduler": {scheduler, s},
	} {
		left, _ := yaml.Marshal(pair[0])
		right, _ := yaml.Marshal(pair[1])
		if string(left) != string(right) {
			t.Errorf("%s: updated to\n%s\nand made with\n%s", name, left, right)
		}
	}
}

func TestSettingsOfKubelet(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		node := withSettings(newNode(t, role))
		config := userdata(t, node)
		document := config.file("/etc/gantry/kubeadm.yaml")
		if !strings.Contains(document, "patches:\n  directory: /etc/gantry/patches\n") {
			t.Errorf("%s: kubeadm is told of no patches:\n%s", role, document)
		}
		if got := config.file("/etc/gantry/patches/kubeletconfiguration0+merge.yaml"); got != node.Settings.KubeletConfig {
			t.Errorf("%s: the patch is %q", role, got)
		}
		if !strings.Contains(document, "- name: image-credential-provider-bin-dir\n    value: /usr/libexec\n") {
			t.Errorf("%s: kubelet is not given its argument:\n%s", role, document)
		}
		// What the node needs counts, whatever else is said.
		if strings.Contains(document, "192.0.2.1") {
			t.Errorf("%s: the node's address is another:\n%s", role, document)
		}
		if strings.Contains(userdata(t, newNode(t, role)).file("/etc/gantry/kubeadm.yaml"), "patches") {
			t.Errorf("%s: kubeadm looks for patches that are not there", role)
		}
	}
}

func TestAuthenticationIsInTheFormatOfTheVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{"1.31.0": "v1beta1", "1.33.9": "v1beta1", "1.34.0": "v1", "1.37.2": "v1"} {
		node := withVersion(withSettings(newNode(t, bootstrap.ControlPlane)), version)
		file := userdata(t, node).file("/etc/gantry/authentication.yaml")
		if !strings.HasPrefix(file, "apiVersion: apiserver.config.k8s.io/"+want+"\n") {
			t.Errorf("%s: %s", version, file)
		}
	}
	if userdata(t, withSettings(newNode(t, bootstrap.Worker))).file("/etc/gantry/authentication.yaml") != "" {
		t.Error("a worker gets it, too")
	}
}

// kubeadm itself applies the patch to the configuration that kubelet reads.
func TestKubeadmPatchesTheConfigurationOfKubelet(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			kubeadm := kubeadmBinary(t, version)
			config := userdata(t, withVersion(withSettings(newNode(t, bootstrap.FirstControlPlane)), version))
			directory := t.TempDir()
			patch := filepath.Join(directory, filepath.Base("/etc/gantry/patches/kubeletconfiguration0+merge.yaml"))
			if err := os.WriteFile(patch, []byte(config.file("/etc/gantry/patches/kubeletconfiguration0+merge.yaml")), 0o600); err != nil {
				t.Fatal(err)
			}
			document := strings.ReplaceAll(config.file("/etc/gantry/kubeadm.yaml"), "/etc/gantry/patches", directory)
			written := t.TempDir()
			command := exec.CommandContext(t.Context(), kubeadm, "init", "phase", "kubelet-start", "--dry-run",
				"--config", writeTemporary(t, "kubeadm.yaml", document))
			command.Env = append(os.Environ(), "KUBEADM_INIT_DRYRUN_DIR="+written)
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			raw, err := os.ReadFile(filepath.Join(written, "config.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"maxPods: 60", "systemReserved:\n  memory: 1Gi", "cgroupDriver: systemd"} {
				if !strings.Contains(string(raw), want) {
					t.Errorf("%q is not in\n%s", want, raw)
				}
			}
		})
	}
}

func TestCheckCountsWhatUsersAdd(t *testing.T) {
	t.Parallel()
	noise := make([]byte, 60<<10)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(noise)
	text := base64.StdEncoding.EncodeToString(noise)
	for _, role := range []bootstrap.Role{bootstrap.ControlPlane, bootstrap.Worker} {
		node := newNode(t, role)
		node.Token, node.CAHash, node.CertificateKey = "", "", "" // as in a plan
		if faults := bootstrap.Check(node); len(faults) > 0 {
			t.Fatalf("%s: %v", role, faults)
		}
		node.Setup.Files = []bootstrap.File{{Path: "/etc/example", Content: text, Permissions: "0600", Owner: "root:root"}}
		faults := bootstrap.Check(node)
		if len(faults) != 1 || faults[0].Field != "Setup" {
			t.Fatalf("%s: faults %v", role, faults)
		}
		number := regexp.MustCompile(`\d{5,}`).FindString(faults[0].Reason)
		if number == "" || !strings.Contains(faults[0].Reason, strconv.Itoa(64<<10)) {
			t.Errorf("%s: the reason has no numbers: %s", role, faults[0].Reason)
		}
		if strings.Contains(faults[0].Reason, text[:20]) {
			t.Errorf("%s: the reason quotes the file", role)
		}
	}
}

// The placeholders of the credentials take as much room as real ones.
func TestCheckMeasuresAsMuchAsARealNode(t *testing.T) {
	t.Parallel()
	real, err := bootstrap.GuestInfo(newNode(t, bootstrap.FirstControlPlane))
	if err != nil {
		t.Fatal(err)
	}
	// What is left to the bound, but for a little, still fits; a little more does not.
	room := 64<<10 - len(real["guestinfo.userdata"])
	for percent, fits := range map[int]bool{90: true, 110: false} {
		noise := make([]byte, room*percent/100*3/4)
		source := rand.NewChaCha8([32]byte{2})
		_, _ = source.Read(noise)
		node := newNode(t, bootstrap.ControlPlane)
		node.Token, node.CAHash, node.CertificateKey = "", "", ""
		node.Setup.PreBootstrap = []string{"# " + base64.StdEncoding.EncodeToString(noise)}
		if faults := bootstrap.Check(node); (len(faults) == 0) != fits {
			t.Errorf("with %d%% of the room taken: %v", percent, faults)
		}
	}
}

func TestFilePaths(t *testing.T) {
	t.Parallel()
	for path, ok := range map[string]bool{
		"/etc/example":                               true,
		"/etc/sysctl.d/99-more.conf":                 true,
		"/etc/kubernetes/admission.yaml":             true,
		"/etc/gantryman":                             true,
		"/etc/systemd/system/example.service":        true,
		"/etc/gantry":                                false,
		"/etc/gantry/kubeadm.yaml":                   false,
		"/etc/kubernetes/pki/ca.key":                 false,
		"/etc/kubernetes/manifests/pod.yaml":         false,
		"/etc/kubernetes/admin.conf":                 false,
		"/etc/systemd/system/gantry-more.service":    false,
		"/var/lib/kubelet/config.yaml":               false,
		"/var/lib/etcd/member":                       false,
		"/proc/sys/kernel/panic":                     false,
		"etc/example":                                false,
		"/etc/../etc/gantry/kubeadm.yaml":            false,
		"/etc/example/":                              false,
		"/":                                          false,
		"/etc/exa\nmple":                             false,
		"/etc/sysctl.d/90-gantry.conf":               false,
		"/usr/local/bin/example-with-gantry-in-name": true,
	} {
		if err := bootstrap.CheckFilePath(path); (err == nil) != ok {
			t.Errorf("%q: %v", path, err)
		}
	}
}
