package bootstrap_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

const (
	encryptionPath     = "/etc/gantry/encryption.yaml"
	apiServerPatchPath = "/etc/gantry/patches/kube-apiserver0+json.yaml"
)

// sealing has a node read Secrets by the keys of some versions; 0 is none.
func sealing(node bootstrap.Node, versions ...byte) bootstrap.Node {
	for _, version := range versions {
		key := bootstrap.SecretKey{Name: fmt.Sprintf("v%d", version)}
		if version > 0 {
			key.Key = []byte(strings.Repeat(string(rune('a'+version)), 32))
		}
		node.SecretKeys = append(node.SecretKeys, key)
	}
	return node
}

func TestSecretsAreWrittenWithTheFirstKey(t *testing.T) {
	t.Parallel()
	const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- providers:\n"
	const foot = "  resources:\n  - secrets\n"
	const identity = "  - identity: {}\n"
	box := func(keys ...string) string {
		text := "  - secretbox:\n      keys:\n"
		for _, key := range keys {
			text += "      - name: " + key + "\n"
		}
		return text
	}
	one := "v1\n        secret: YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmI="
	two := "v2\n        secret: Y2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2NjY2M="
	for want, versions := range map[string][]byte{
		box(one):                       {1},
		identity + box(one):            {0, 1},
		box(one) + identity:            {1, 0},
		box(one, two):                  {1, 2},
		box(two, one) + identity:       {2, 1, 0},
		box(two) + identity + box(one): {2, 0, 1},
		identity + box(two, one):       {0, 2, 1},
	} {
		config := userdata(t, sealing(newNode(t, bootstrap.ControlPlane), versions...))
		if got := config.file(encryptionPath); got != head+want+foot {
			t.Errorf("%v:\n%s\nwant\n%s", versions, got, head+want+foot)
		}
		for _, file := range config.WriteFiles {
			if file.Path == encryptionPath && file.Permissions != "0600" {
				t.Errorf("mode %s", file.Permissions)
			}
		}
		if !strings.Contains(config.file("/etc/gantry/kubeadm.yaml"), "directory: /etc/gantry/patches") {
			t.Errorf("%v: kubeadm is not told of the patch", versions)
		}
	}
}

func TestNodesWithoutKeysAreAsTheyWere(t *testing.T) {
	t.Parallel()
	for _, node := range []bootstrap.Node{
		newNode(t, bootstrap.FirstControlPlane), newNode(t, bootstrap.Worker), sealing(newNode(t, bootstrap.Worker), 1),
	} {
		config := userdata(t, node)
		if config.file(encryptionPath)+config.file(apiServerPatchPath) != "" ||
			strings.Contains(config.file("/etc/gantry/kubeadm.yaml"), "patches") {
			t.Errorf("%s has keys, or a patch", node)
		}
	}
}

func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	node := sealing(newNode(t, bootstrap.ControlPlane), 1)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		text := fmt.Sprintf(format, node) + fmt.Sprintf(format, node.SecretKeys)
		if strings.Contains(text, "bbbb") || strings.Contains(text, "98, 98") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

// kubeadm itself applies the patch to the static pod.
func TestKubeadmPatchesTheAPIServer(t *testing.T) {
	t.Parallel()
	for _, version := range kubeadmVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			kubeadm := kubeadmBinary(t, version)
			config := userdata(t, withVersion(sealing(withSettings(newNode(t, bootstrap.FirstControlPlane)), 1, 0), version))
			directory := t.TempDir()
			for _, file := range config.WriteFiles {
				if filepath.Dir(file.Path) == "/etc/gantry/patches" {
					if err := os.WriteFile(filepath.Join(directory, filepath.Base(file.Path)), []byte(file.Content), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			document := strings.ReplaceAll(config.file("/etc/gantry/kubeadm.yaml"), "/etc/gantry/patches", directory)
			written := t.TempDir()
			command := exec.CommandContext(t.Context(), kubeadm, "init", "phase", "control-plane", "apiserver", "--dry-run",
				"--config", writeTemporary(t, "kubeadm.yaml", document))
			command.Env = append(os.Environ(), "KUBEADM_INIT_DRYRUN_DIR="+written)
			if output, err := command.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			raw, err := os.ReadFile(filepath.Join(written, "kube-apiserver.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			var pod corev1.Pod
			if err := yaml.UnmarshalStrict(raw, &pod); err != nil {
				t.Fatal(err)
			}
			if command := strings.Join(pod.Spec.Containers[0].Command, " "); !strings.HasPrefix(command, "kube-apiserver ") ||
				!strings.Contains(command, "--max-requests-inflight=800") ||
				!strings.HasSuffix(command, " --encryption-provider-config="+encryptionPath) {
				t.Errorf("command %s", command)
			}
			mounts := pod.Spec.Containers[0].VolumeMounts
			mount := mounts[len(mounts)-1]
			volume := pod.Spec.Volumes[len(pod.Spec.Volumes)-1]
			if mount.MountPath != encryptionPath || !mount.ReadOnly || volume.Name != mount.Name || volume.HostPath.Path != encryptionPath {
				t.Errorf("mount %+v of %+v", mount, volume)
			}
		})
	}
}
