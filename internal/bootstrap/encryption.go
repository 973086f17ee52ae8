package bootstrap

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// SecretKey is a key by which an API server reads Secrets in etcd.
type SecretKey struct {
	Name string
	// Key is one of secretbox, of 32 bytes; empty: Secrets in clear text.
	Key []byte
}

// String keeps the key out of logs and errors.
func (k SecretKey) String() string { return fmt.Sprintf("key %s (redacted)", k.Name) }

// GoString keeps it out of %#v.
func (k SecretKey) GoString() string { return k.String() }

const (
	encryptionPath = "/etc/gantry/encryption.yaml"
	// apiServerPatchPath changes the static pod of this node alone: what a node can read
	// follows from what the node was built with, whatever others are built with.
	apiServerPatchPath = patchesDirectory + "/kube-apiserver0+json.yaml"
	encryptionVolume   = "encryption"
)

type encryptionConfiguration struct {
	APIVersion string                `json:"apiVersion"`
	Kind       string                `json:"kind"`
	Resources  []encryptionResources `json:"resources"`
}

type encryptionResources struct {
	Resources []string             `json:"resources"`
	Providers []encryptionProvider `json:"providers"`
}

// encryptionProvider is one of the two.
type encryptionProvider struct {
	Secretbox *secretbox `json:"secretbox,omitempty"`
	Identity  *struct{}  `json:"identity,omitempty"`
}

// secretbox is what Kubernetes recommends of the providers whose keys are in a file:
// the number of writes with a key is no matter, and there is no padding to probe.
type secretbox struct {
	Keys []secretboxKey `json:"keys"`
}

type secretboxKey struct {
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

// encryptionConfiguration has the API server write Secrets with the first key, and read
// them with any.
func (n Node) encryptionConfiguration() encryptionConfiguration {
	var providers []encryptionProvider
	for _, key := range n.SecretKeys {
		if len(key.Key) == 0 {
			providers = append(providers, encryptionProvider{Identity: &struct{}{}})
			continue
		}
		if len(providers) == 0 || providers[len(providers)-1].Secretbox == nil {
			providers = append(providers, encryptionProvider{Secretbox: &secretbox{}})
		}
		box := providers[len(providers)-1].Secretbox
		box.Keys = append(box.Keys, secretboxKey{Name: key.Name, Secret: base64.StdEncoding.EncodeToString(key.Key)})
	}
	return encryptionConfiguration{
		APIVersion: "apiserver.config.k8s.io/v1",
		Kind:       "EncryptionConfiguration",
		Resources:  []encryptionResources{{Resources: []string{"secrets"}, Providers: providers}},
	}
}

// patchOperation is one of JSON Patch (RFC 6902). A merge would replace the whole command.
type patchOperation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

func apiServerPatch() []patchOperation {
	return []patchOperation{
		{"add", "/spec/containers/0/command/-", "--encryption-provider-config=" + encryptionPath},
		{"add", "/spec/containers/0/volumeMounts/-", map[string]any{"name": encryptionVolume, "mountPath": encryptionPath, "readOnly": true}},
		{"add", "/spec/volumes/-", map[string]any{"name": encryptionVolume, "hostPath": map[string]any{"path": encryptionPath, "type": "File"}}},
	}
}

// encryptionFiles are what the API server of a control-plane node reads its keys from.
func (n Node) encryptionFiles() ([]writeFile, error) {
	if len(n.SecretKeys) == 0 || !n.Role.controlsPlane() {
		return nil, nil
	}
	config, err := yaml.Marshal(n.encryptionConfiguration())
	if err != nil {
		return nil, fmt.Errorf("encryption configuration of node %s: %w", n.Name, err)
	}
	patch, err := json.Marshal(apiServerPatch())
	if err != nil {
		return nil, fmt.Errorf("patch of the API server of node %s: %w", n.Name, err)
	}
	return []writeFile{
		{Path: encryptionPath, Permissions: modePrivate, Content: string(config)},
		{Path: apiServerPatchPath, Permissions: modePrivate, Content: string(patch) + "\n"},
	}, nil
}
