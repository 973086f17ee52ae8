package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

var (
	packsField = model.ClusterField(model.FieldPacks)
	cloudPack  = model.Pack{Name: "vsphere", Layer: model.LayerCPI, Manifests: []string{"cpi"}}
)

// cloudy is a running cluster that was built for a cloud provider.
func cloudy(controlPlane, workers int) (*model.ClusterSpec, *model.Facts) {
	s := small(controlPlane, workers)
	s.Packs = []model.Pack{cloudPack}
	f := running(controlPlane, workers)
	f.API.Packs = map[string]model.AppliedPack{cloudPack.Name: {Hash: cloudPack.Hash()}}
	for i := range f.Machines {
		f.Machines[i].Marker.ExternalCloudProvider = true
	}
	return s, f
}

// taint leaves nodes as a kubelet registers them that runs for a cloud provider.
func taint(f *model.Facts, names ...string) {
	for _, name := range names {
		node := f.API.Nodes[name]
		node.Taints = append(node.Taints, model.Taint{Key: model.TaintUninitialized, Value: "true", Effect: "NoSchedule"})
		f.API.Nodes[name] = node
	}
}

func TestCloudProviderNeitherComesNorGoesInARunningCluster(t *testing.T) {
	t.Parallel()
	s, f := cloudy(1, 1)
	wantSteps(t, planned(s, f), "")
	without := small(1, 1)
	for name, c := range map[string]struct {
		spec  *model.ClusterSpec
		facts *model.Facts
		says  []string
	}{
		"comes": {s, running(1, 1), []string{"cannot be given a cloud provider", `"c-cp-1", "c-w-1"`, "Take the pack out"}},
		"comes while the API is silent": {
			s, unreachable(running(1, 1)), []string{"cannot be given a cloud provider"},
		},
		"goes": {without, f, []string{"cannot do without", `"c-cp-1", "c-w-1"`, "Keep a pack of layer cpi"}},
	} {
		if p := planned(c.spec, c.facts); !says(on(p.Problems, packsField), c.says...) {
			t.Errorf("%s: %v", name, p.Problems)
		}
	}
	// Another name and other manifests are another version of it.
	s.Packs = []model.Pack{{Name: "vsphere", Layer: model.LayerCPI, Manifests: []string{"newer"}}}
	wantSteps(t, planned(s, f), "apply_pack vsphere")
	// What never was a cluster is built again from nothing.
	begun := running(1, 0)
	begun.Record.APIReached = false
	begun.API = model.APIFacts{}
	s = small(1, 0)
	s.New, s.Packs = true, []model.Pack{cloudPack}
	if p := planned(s, begun); p.Err() != nil {
		t.Errorf("an incomplete creation: %v", p.Problems)
	}
}

func TestPlanSaysWhatToDoAboutNodesThatAreNotInitialized(t *testing.T) {
	t.Parallel()
	s, f := cloudy(1, 2)
	taint(f, "c-w-1", "c-w-2")
	p := planned(s, f)
	wantSteps(t, p, "")
	if !says(on(p.Warnings, packsField), `"c-w-1", "c-w-2"`, model.TaintUninitialized, "Correct the pack and apply") {
		t.Errorf("warnings %v", p.Warnings)
	}
	f.API.Packs = nil // it is not there yet
	if p := planned(s, f); len(on(p.Warnings, packsField)) > 0 {
		t.Errorf("warnings %v", p.Warnings)
	}
}

// What makes nodes take pods is applied before the workers join, in its order; what needs
// them, after.
func TestPacksOfTheNetworkComeBeforeTheWorkers(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	s.New = true
	s.Packs = []model.Pack{{Name: "net", Layer: model.LayerCNI}, cloudPack, {Name: "disks", Layer: "csi"}, {Name: "web", Layer: "addon"}}
	wantSteps(t, planned(s, &model.Facts{CAFingerprint: theCA}), "create_record c, reserve_endpoint c, create_node c-cp-1, "+
		"apply_pack net, apply_pack vsphere, create_node c-w-1, apply_pack disks, apply_pack web")
}

func TestLabelsOfTheCloudProvider(t *testing.T) {
	t.Parallel()
	s, f := cloudy(1, 1)
	// What it sets is no drift.
	node := f.API.Nodes["c-w-1"]
	node.Labels = map[string]string{"topology.kubernetes.io/zone": "zone-a", "node.kubernetes.io/instance-type": "x"}
	node.Taints = []model.Taint{{Key: "node.cloudprovider.kubernetes.io/shutdown", Effect: "NoSchedule"}}
	f.API.Nodes["c-w-1"] = node
	wantSteps(t, planned(s, f), "")
	s.Workers[0].Meta.Labels = map[string]string{"topology.kubernetes.io/zone": "mine", "tier": "web"}
	pool := model.NodePoolField("w", "")
	if p := planned(s, f); !says(on(p.Problems, pool), `"topology.kubernetes.io/zone"`) {
		t.Errorf("problems %v", p.Problems)
	}
	plain := small(1, 1)
	plain.Workers[0].Meta = s.Workers[0].Meta
	wantSteps(t, planned(plain, running(1, 1)), "update_node_metadata c-w-1")
}

// A worker whose node object went while its VM was off is powered on; not one that never
// joined, and not one that did not come back before.
func TestPlanPowersOnAWorkerWithoutNodeObject(t *testing.T) {
	t.Parallel()
	gone := func() (*model.ClusterSpec, *model.Facts) {
		s, f := cloudy(1, 1)
		off(f, "c-w-1")
		delete(f.API.Nodes, "c-w-1")
		return s, f
	}
	s, f := gone()
	wantSteps(t, planned(s, f), "power_on_node c-w-1")
	wantSteps(t, planned(s, pending(f, 1)), "delete_node c-w-1, create_node c-w-1")
	s, f = gone()
	f.Record.Unresponsive = map[string][]int{"w": {1}}
	wantSteps(t, planned(s, f), "delete_node c-w-1, create_node c-w-1")
	s, f = gone()
	f.Record.Found = false // nothing says that it ever joined
	if p := planned(s, f); says(p.Warnings, "powered off") {
		t.Errorf("%s, %v", names(p), p.Warnings)
	}
}

// With the VM of a control-plane node its node object goes, and the member of etcd stays:
// it is removed before another node is built.
func TestLostMemberWithoutANodeObjectIsRemoved(t *testing.T) {
	t.Parallel()
	s, f := cloudy(3, 0)
	lose(f, "c-cp-3")
	delete(f.API.Nodes, "c-cp-3")
	for _, known := range []bool{true, false} {
		if !known {
			f.Gone = nil // the state has forgotten the VM
		}
		p := planned(s, f)
		wantSteps(t, p, "remove_lost_node c-cp-3, create_node c-cp-4")
		if !says(p.Warnings, `"c-cp-3"`, "its member from etcd") {
			t.Errorf("warnings %v", p.Warnings)
		}
	}
}

func TestStatusNamesNodesThatAreNotInitialized(t *testing.T) {
	t.Parallel()
	find := func(s *model.ClusterSpec, f *model.Facts) (model.Condition, *model.Status) {
		st := plan.Status(s, f, nil, today)
		for _, c := range st.Conditions {
			if c.Type == "NodesInitialized" {
				return c, st
			}
		}
		return model.Condition{}, st
	}
	s, f := cloudy(1, 1)
	if c, st := find(s, f); c.Status != model.ConditionTrue || st.State != model.StateRunning {
		t.Errorf("%+v, %+v", c, st)
	}
	taint(f, "c-w-1")
	c, st := find(s, f)
	if c.Status != model.ConditionFalse || c.Message != "Not initialized by the cloud provider: c-w-1" || st.State != model.StateDegraded {
		t.Errorf("%+v, %+v", c, st)
	}
	if c, _ := find(s, unreachable(f)); c.Status != model.ConditionUnknown {
		t.Errorf("%+v", c)
	}
	if c, _ := find(small(1, 1), running(1, 1)); c.Type != "" {
		t.Errorf("without a cloud provider: %+v", c)
	}
}
