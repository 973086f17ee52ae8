package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// attributeWords are the attributes that nodes are replaced for, as users write them.
var attributeWords = map[model.FieldName]string{
	model.FieldSSHKeys:    "ssh_authorized_keys",
	model.FieldNTPServers: "ntp_servers",
	model.FieldProxy:      "proxy",
	model.FieldComponents: "the settings of API server, controller manager and scheduler",
	model.FieldKubelet:    "the settings of kubelet",
	model.FieldSetup:      "node_files, pre_bootstrap and post_bootstrap",

	model.FieldRegistry:        "registry",
	model.FieldImageRepository: "registry.image_repository",
	model.FieldKubeVIPImage:    "registry.kube_vip_image",
}

// upToDateCondition says which control-plane nodes were built with other values than the
// spec's, as where a rollout has stopped. It is no matter of health: nothing is broken, and
// the next plan shows what is replaced. Without references, an object of a placement that
// was renamed could not be told from another one: placements are the plan's to compare.
func upToDateCondition(spec *model.ClusterSpec, facts *model.Facts) model.Condition {
	var old []string
	target := newView(spec, facts).encryption().target
	for _, m := range facts.Machines {
		if !m.Marker.ControlPlane() {
			continue
		}
		reasons := slices.DeleteFunc(outdated(spec, spec.ControlPlane, m.Marker), func(reason string) bool {
			return reason == reasonPlacements || reason == reasonImage && inventoryname.MayMatch(m.Template, spec.Image.Template)
		})
		if !m.Marker.EncryptionKeys.Writes(target) {
			reasons = append(reasons, reasonEncryption)
		}
		if len(reasons) > 0 {
			old = append(old, fmt.Sprintf("%s (%s)", m.Marker.Node, strings.Join(reasons, ", ")))
		}
	}
	slices.Sort(old)
	return condition("ControlPlaneUpToDate", len(old) == 0, "AllUpToDate", "Outdated",
		"Control-plane nodes that differ from the configuration, and that the next apply replaces: "+model.Listed(old))
}
