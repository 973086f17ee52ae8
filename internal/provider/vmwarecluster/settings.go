package vmwarecluster

import (
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/kubernetesschema"
)

// checkSettings judges the settings of Kubernetes by the versions of the nodes that are
// known.
func checkSettings(m *model) diag.Diagnostics {
	profile := m.Profile.Attributes()
	settings, _ := profile["kubernetes"].(types.Object)
	version := textOf(profile["kubernetes_version"])
	nodes := []string{version}
	for _, value := range m.WorkerPools.Elements() {
		pool, _ := value.(types.Object)
		nodes = append(nodes, textOf(pool.Attributes()["kubernetes_version"]))
	}
	return kubernetesschema.Check(settings, kubernetesPath, version, nodes)
}

// checkBuild judges what is installed into the image by the version of the nodes.
func checkBuild(m *model) diag.Diagnostics {
	profile := m.Profile.Attributes()
	image, _ := profile["image"].(types.Object)
	build, _ := image.Attributes()["build"].(types.Object)
	return kubernetesschema.CheckInstalled(build, path.Root("profile").AtName("image").AtName("build"), textOf(profile["kubernetes_version"]))
}

// ownSetup reports whether a node pool itself has something done on its nodes.
func (m *model) ownSetup(pool string) bool {
	object := m.ControlPlane
	if pool != enginemodel.ControlPlanePool {
		object, _ = m.WorkerPools.Elements()[pool].(types.Object)
	}
	for _, name := range []string{"node_files", "pre_bootstrap", "post_bootstrap"} {
		if value, ok := object.Attributes()[name]; ok && !value.IsNull() {
			return true
		}
	}
	return false
}
