package guest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/gantry/terraform-provider-gantry/internal/kubeoptions"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/cloudinit"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeadm"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/kubeapi"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest/strictyaml"
)

// encryptionFlag is the flag of the API server that names its keys.
const encryptionFlag = "encryption-provider-config"

// encryptionConfiguration is the format of apiserver.config.k8s.io/v1, as far as it is
// played here.
type encryptionConfiguration struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Resources  []struct {
		Resources []string `json:"resources"`
		Providers []struct {
			Secretbox *struct {
				Keys []struct {
					Name   string `json:"name"`
					Secret string `json:"secret"`
				} `json:"keys"`
			} `json:"secretbox"`
			Identity *struct{} `json:"identity"`
		} `json:"providers"`
	} `json:"resources"`
}

// secretKeys are those by which the API server of a machine reads Secrets: kubeadm writes
// its static pod, and the patches of the node change it.
func (g *guest) secretKeys(inst *cloudinit.Instance, r kubeadm.Registration, version kubeadm.Version) (kubeapi.Keys, error) {
	pod, err := patchedAPIServer(inst, r.Patches)
	if err != nil {
		return nil, fmt.Errorf("error execution phase control-plane/apiserver: could not patch the static Pod manifest: %w", err)
	}
	file, err := encryptionFile(pod, version)
	if err != nil || file == "" {
		return nil, err
	}
	return g.readKeys(inst, file)
}

// patchedAPIServer is the static pod of the API server, of which kubeadm's own arguments
// are left out.
func patchedAPIServer(inst *cloudinit.Instance, patches string) (pod corev1.Pod, err error) {
	pod.Spec.Containers = []corev1.Container{{
		Name: "kube-apiserver", Command: []string{"kube-apiserver"},
		VolumeMounts: []corev1.VolumeMount{{Name: "k8s-certs", MountPath: "/etc/kubernetes/pki", ReadOnly: true}},
	}}
	pod.Spec.Volumes = []corev1.Volume{{Name: "k8s-certs"}}
	doc, err := json.Marshal(pod)
	if err != nil {
		return pod, err
	}
	for _, file := range slices.Sorted(maps.Keys(inst.Files)) {
		name := path.Base(file)
		if patches == "" || path.Dir(file) != path.Clean(patches) || !strings.HasPrefix(name, "kube-apiserver") {
			continue
		}
		if !strings.Contains(name, "+json.") {
			return pod, fmt.Errorf("%s: only patches of the type json are played here", name)
		}
		raw, err := yaml.YAMLToJSON(inst.Files[file].Content)
		if err != nil {
			return pod, fmt.Errorf("%s: %w", name, err)
		}
		operations, err := jsonpatch.DecodePatch(raw)
		if err == nil {
			doc, err = operations.Apply(doc)
		}
		if err != nil {
			return pod, fmt.Errorf("%s: %w", name, err)
		}
	}
	pod = corev1.Pod{}
	return pod, strictyaml.Unmarshal(doc, &pod)
}

// encryptionFile is the file of the machine that the API server reads its keys from; empty:
// it has none. The pod sees only what is mounted.
func encryptionFile(pod corev1.Pod, version kubeadm.Version) (string, error) {
	container := pod.Spec.Containers[0]
	inPod := ""
	for _, word := range container.Command[1:] {
		name, value, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if verdict := kubeoptions.CheckFlag(kubeoptions.APIServer, version.Minor, name, value); verdict.Problem != "" {
			return "", fmt.Errorf("kube-apiserver does not start: %s", verdict.Problem)
		}
		if name == encryptionFlag {
			inPod = value
		}
	}
	if inPod == "" {
		return "", nil
	}
	for _, mount := range container.VolumeMounts {
		for _, volume := range pod.Spec.Volumes {
			if mount.MountPath == inPod && mount.ReadOnly && volume.Name == mount.Name && volume.HostPath != nil {
				return volume.HostPath.Path, nil
			}
		}
	}
	return "", fmt.Errorf("kube-apiserver does not start: error opening encryption provider configuration file %q: "+
		"no such file or directory", inPod)
}

// readKeys reads the configuration as the API server does when it starts. A file that
// others may read is refused here, which no API server does.
func (g *guest) readKeys(inst *cloudinit.Instance, name string) (kubeapi.Keys, error) {
	failed := func(err error) error {
		return fmt.Errorf("kube-apiserver does not start: error while parsing encryption provider configuration file %q: %w", name, err)
	}
	file, ok := inst.Files[name]
	switch {
	case !ok:
		return nil, failed(errors.New("no such file or directory"))
	case file.Mode&0o077 != 0:
		return nil, failed(fmt.Errorf("mode %#o: every user of the machine can read the keys", file.Mode))
	}
	var config encryptionConfiguration
	if err := strictyaml.Unmarshal(file.Content, &config); err != nil {
		return nil, failed(err)
	}
	if config.APIVersion != "apiserver.config.k8s.io/v1" || config.Kind != "EncryptionConfiguration" {
		return nil, failed(fmt.Errorf("no kind %q is registered for version %q", config.Kind, config.APIVersion))
	}
	if len(config.Resources) != 1 || !slices.Equal(config.Resources[0].Resources, []string{"secrets"}) {
		return nil, failed(errors.New("only the encryption of Secrets is played here"))
	}
	var keys kubeapi.Keys
	for _, provider := range config.Resources[0].Providers {
		switch {
		case (provider.Secretbox == nil) == (provider.Identity == nil):
			return nil, failed(errors.New("provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity"))
		case provider.Identity != nil:
			keys = append(keys, "")
			continue
		}
		seen := map[string]bool{}
		for _, key := range provider.Secretbox.Keys {
			secret, err := base64.StdEncoding.DecodeString(key.Secret)
			if err != nil || len(secret) != 32 || key.Name == "" || seen[key.Name] {
				return nil, failed(fmt.Errorf("secretbox: the key %q is not one of 32 bytes, or is there twice", key.Name))
			}
			seen[key.Name] = true
			g.redact(key.Secret)
			sum := sha256.Sum256(secret)
			keys = append(keys, key.Name+" "+hex.EncodeToString(sum[:4]))
		}
	}
	if len(keys) == 0 {
		return nil, failed(errors.New("no provider"))
	}
	return keys, nil
}

// checkKeys is the end of a node whose API server cannot read the Secrets that there are: it
// never becomes ready.
func (c *cluster) checkKeys(n *node) error {
	if err := c.store.Readable(n.keys); err != nil {
		return fmt.Errorf("error execution phase wait-control-plane: kube-apiserver check failed at https://%s/livez: %w", n.advertise, err)
	}
	return nil
}

// noteUnreadable adds to the history that an API server cannot read Secrets that there are,
// or that another one may write. World.mu is held.
func (c *cluster) noteUnreadable(live []*guest) {
	written := c.store.Sealed()
	for _, g := range live {
		written[g.disk.node.keys.Writes()]++
	}
	for _, g := range live {
		for name := range written {
			if !g.disk.node.keys.Reads(name) {
				c.world.history.Unreadable = append(c.world.history.Unreadable,
					fmt.Sprintf("%s cannot read what is written with the key %q", g.vm.Name, name))
			}
		}
	}
}
