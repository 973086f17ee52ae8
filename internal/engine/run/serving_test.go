package run_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
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
	net := map[string]model.AppliedPack{"net": {Hash: "1"}}
	both := map[string]model.AppliedPack{"net": {Hash: "1"}, "vsphere": {Hash: "1"}}
	const notInitialized = "the cloud provider has not initialized it"
	for name, c := range map[string]struct {
		spec    *model.ClusterSpec
		before  map[string]model.KubeNode
		applied map[string]model.AppliedPack
		node    model.KubeNode
		want    string
	}{
		"before any pack":             {spec, nil, nil, fresh, ""},
		"with a network":              {spec, nil, net, fresh, "no network"},
		"with a network, Ready":       {spec, nil, net, waiting, ""},
		"with both":                   {spec, nil, both, waiting, notInitialized},
		"with both, initialized":      {spec, nil, both, works, ""},
		"a node that is gone":         {spec, nil, net, model.KubeNode{}, "the API does not know it"},
		"no pack, and none was Ready": {&model.ClusterSpec{}, map[string]model.KubeNode{"a": fresh}, nil, fresh, ""},
		"no pack, and one was Ready":  {&model.ClusterSpec{}, map[string]model.KubeNode{"b": works}, nil, fresh, "no network"},
	} {
		if got := run.NotServing(c.spec, c.before, c.applied, c.node); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// Of nodes that are deleted side by side, each leaves enough others, which are not on
// their way out themselves.
func TestNodesThatLeaveSideBySideLeaveEnoughServing(t *testing.T) {
	t.Parallel()
	nodes := func(notReady ...string) map[string]model.KubeNode {
		all := map[string]model.KubeNode{}
		for _, name := range []string{"c-w-1", "c-w-2", "c-w-3", "c-w-4", "c-w-5"} {
			all[name] = model.KubeNode{Name: name, Ready: !slices.Contains(notReady, name), Reason: "it is ill"}
		}
		return all
	}
	leave := func(minReady int, names ...string) []model.DeleteNode {
		var steps []model.DeleteNode
		for _, name := range names {
			m := model.Machine{Marker: model.Marker{Node: name, NodePool: "w"}}
			steps = append(steps, model.DeleteNode{Machine: m, Rollout: &model.Rollout{MinReady: minReady}})
		}
		return steps
	}
	for name, c := range map[string]struct {
		nodes map[string]model.KubeNode
		steps []model.DeleteNode
		want  []bool
	}{
		"all serve":                 {nodes(), leave(3, "c-w-1", "c-w-2"), []bool{true, true}},
		"one too many":              {nodes(), leave(3, "c-w-1", "c-w-2", "c-w-3"), []bool{true, true, false}},
		"another does not serve":    {nodes("c-w-3"), leave(3, "c-w-1", "c-w-2"), []bool{true, false}},
		"one of them does not":      {nodes("c-w-1"), leave(3, "c-w-1", "c-w-2"), []bool{true, true}},
		"one that was refused":      {nodes("c-w-5"), leave(4, "c-w-1", "c-w-2"), []bool{false, false}},
		"one may be missing, twice": {nodes(), leave(4, "c-w-1", "c-w-2"), []bool{true, false}},
	} {
		for i, err := range run.TakeOut(&model.ClusterSpec{Ref: record.Ref{Name: "c"}}, c.nodes, c.steps) {
			if (err == nil) != c.want[i] {
				t.Errorf("%s: %s: %v", name, c.steps[i].Machine.Marker.Node, err)
			}
		}
	}
}
