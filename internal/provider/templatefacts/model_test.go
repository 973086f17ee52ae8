package templatefacts

import (
	"testing"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// TestTheVersionIsThatOfTheName has folders with versions in their names.
func TestTheVersionIsThatOfTheName(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/dc-1/vm/1.36.1/node-1.37.2":       "1.37.2",
		"/dc-1/vm/kubernetes-v1.36.1/plain": "",
	} {
		var m model
		m.fill(&vsphere.TemplateFacts{Path: path}, enginemodel.Findings{})
		got := ""
		if m.KubernetesVersion != nil {
			got = *m.KubernetesVersion
		}
		if got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
