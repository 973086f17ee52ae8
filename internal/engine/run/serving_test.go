package run_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
)

// TestNodesServeAsFarAsPacksAreThere: a node has to be Ready once a pack has brought a
// network, and initialized once one has brought a cloud provider, and not before.
func TestNodesServeAsFarAsPacksAreThere(t *testing.T) {
	t.Parallel()
	spec := &model.ClusterSpec{Packs: []model.Pack{{Name: "net", Layer: model.LayerCNI}, {Name: "vsphere", Layer: model.LayerCPI}}}
	tainted := []model.Taint{{Key: model.TaintUninitialized, Value: "true", Effect: "NoSchedule"}}
	fresh := model.KubeNode{Name: "a", Reason: "no network", NodeMeta: model.NodeMeta{Taints: tainted}}
	waiting := model.KubeNode{Name: "a", Ready: true, NodeMeta: model.NodeMeta{Taints: tainted}}
	works := model.KubeNode{Name: "a", Ready: true}
	const notInitialized = "the cloud provider has not initialized it"
	for name, c := range map[string]struct {
		spec    *model.ClusterSpec
		before  map[string]model.KubeNode
		applied map[string]string
		node    model.KubeNode
		want    string
	}{
		"before any pack":             {spec, nil, nil, fresh, ""},
		"with a network":              {spec, nil, map[string]string{"net": "1"}, fresh, "no network"},
		"with a network, Ready":       {spec, nil, map[string]string{"net": "1"}, waiting, ""},
		"with both":                   {spec, nil, map[string]string{"net": "1", "vsphere": "1"}, waiting, notInitialized},
		"with both, initialized":      {spec, nil, map[string]string{"net": "1", "vsphere": "1"}, works, ""},
		"a node that is gone":         {spec, nil, map[string]string{"net": "1"}, model.KubeNode{}, "the API does not know it"},
		"no pack, and none was Ready": {&model.ClusterSpec{}, map[string]model.KubeNode{"a": fresh}, nil, fresh, ""},
		"no pack, and one was Ready":  {&model.ClusterSpec{}, map[string]model.KubeNode{"b": works}, nil, fresh, "no network"},
	} {
		if got := run.NotServing(c.spec, c.before, c.applied, c.node); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
