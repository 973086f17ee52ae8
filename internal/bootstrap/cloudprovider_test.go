package bootstrap_test

import (
	"strings"
	"testing"
)

// TestExternalCloudProvider: every kubelet is told, in either format of kubeadm, where
// there is a cloud provider, and nothing is said of one where there is none.
func TestExternalCloudProvider(t *testing.T) {
	t.Parallel()
	for version, argument := range map[string]string{
		"1.30.4": "    cloud-provider: external\n",
		"1.34.2": "  - name: cloud-provider\n    value: external\n",
	} {
		for _, role := range roles {
			node := withVersion(newNode(t, role), version)
			if document := userdata(t, node).file("/etc/gantry/kubeadm.yaml"); strings.Contains(document, "cloud-provider") {
				t.Errorf("%s %s without one:\n%s", version, role, document)
			}
			node.ExternalCloudProvider = true
			if document := userdata(t, node).file("/etc/gantry/kubeadm.yaml"); !strings.Contains(document, argument) {
				t.Errorf("%s %s:\n%s", version, role, document)
			}
		}
	}
}
