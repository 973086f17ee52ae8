package bootstrap_test

import (
	"strings"
	"testing"
)

// TestExternalCloudProvider: every kubelet is told where there is a cloud provider, and
// nothing is said of one where there is none.
func TestExternalCloudProvider(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		node := newNode(t, role)
		if document := userdata(t, node).file("/etc/gantry/kubeadm.yaml"); strings.Contains(document, "cloud-provider") {
			t.Errorf("%s without one:\n%s", role, document)
		}
		node.ExternalCloudProvider = true
		document := userdata(t, node).file("/etc/gantry/kubeadm.yaml")
		if !strings.Contains(document, "  - name: cloud-provider\n    value: external\n") {
			t.Errorf("%s:\n%s", role, document)
		}
	}
}
