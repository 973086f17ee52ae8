//go:build real

package processes_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/simulator/machine"
)

// behindMirror has the nodes of a configuration pull from the datacenter's mirror.
func (d *datacenter) behindMirror(config string, user *machine.Mirror) string {
	d.t.Helper()
	registry := fmt.Sprintf(`  registry = {
    mirrors             = { "registry.k8s.io" = [%[1]q], "ghcr.io" = [%[1]q] }
    ca_certificate      = %[2]q
    username            = %[3]q
    password_wo         = %[4]q
    password_wo_version = 1
  }
`, d.Machines().MirrorURL(), d.Machines().MirrorCA(), user.Username, user.Password)
	const before = `  datacenter    = "dc-1"` + "\n"
	if strings.Count(config, before) != 1 {
		d.t.Fatalf("%q is not once in the configuration", before)
	}
	return strings.Replace(config, before, before+registry, 1)
}

// pullsWhatIsListed expects that a control-plane node has pulled all images that the cluster
// lists, and none beside them but those of packs.
func (d *datacenter) pullsWhatIsListed(w *workspace, node string, packs ...string) {
	d.t.Helper()
	var output struct{ Images []string }
	w.outputs(&output)
	var found struct {
		Images []struct{ RepoTags []string }
	}
	if err := json.Unmarshal([]byte(d.shell(node, "crictl images --output json")), &found); err != nil {
		d.t.Fatal(err)
	}
	var pulled []string
	for _, image := range found.Images {
		for _, tag := range image.RepoTags {
			if !slices.ContainsFunc(packs, func(pack string) bool { return strings.Contains(tag, pack) }) {
				pulled = append(pulled, tag)
			}
		}
	}
	slices.Sort(pulled)
	if !slices.Equal(pulled, output.Images) {
		d.t.Errorf("%s has pulled %q, and the cluster lists %q", node, pulled, output.Images)
	}
}
