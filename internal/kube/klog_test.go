package kube_test

import (
	"testing"

	"k8s.io/klog/v2"

	_ "github.com/gantry/terraform-provider-gantry/internal/kube"
)

// What client-go logs would stand among what Terraform shows.
func TestClientGoDoesNotWriteToStandardError(t *testing.T) {
	t.Parallel()
	if klog.Background().Enabled() {
		t.Error("client-go logs to the standard error")
	}
}
