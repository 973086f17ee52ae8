package plan

import (
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// versionField is where the version of a pool's nodes stands.
func versionField(pool model.NodePool) model.Field {
	if pool.KubernetesVersion == "" {
		return model.ClusterField(model.FieldKubernetes)
	}
	return model.NodePoolField(pool.Name, model.FieldPoolKubernetes)
}
