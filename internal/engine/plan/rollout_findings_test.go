package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// An image that the control plane cannot be built from is refused before anything is rolled.
func TestRolloutToALargerTemplateNeedsALargerDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode    model.CloneMode
		disk    int64 // of the control plane
		problem model.Field
	}{
		{model.CloneAuto, 20, model.NodePoolField(model.ControlPlanePool, model.FieldDisk)},
		{model.CloneLinked, 80, model.ClusterField(model.FieldCloneMode)},
	} {
		s := small(1, 1)
		s.CloneMode = c.mode
		s.ControlPlane.DiskGB = c.disk
		s.Image.Template = "larger"
		l := limitsFor(s, 100)
		l.Site.Template.DiskGB = 40
		if p := checked(s, running(1, 1), l); len(on(p.Problems, c.problem)) != 1 {
			t.Errorf("no problem of %s in %v", c.problem, p.Problems)
		}
	}
}

// Nodes that go without a successor, and rollouts that have to wait.
func TestRolloutIsAnnounced(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		count    int
		strategy model.RollStrategy
		change   func(*model.Facts)
		steps    string
		stages   string
		says     []string // nil: no rollout is spoken of
	}{
		"all are replaced": {
			count:  2,
			steps:  "create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2",
			stages: "rollout of w",
			says: []string{`Worker pool "w" is rolled`, "2 of its nodes", "configuration: cpu.", "each after its successor is Ready",
				"c-w-1, c-w-2"},
		},
		"contract first": {
			count:    2,
			strategy: model.ContractFirst,
			steps:    "delete_node c-w-1, create_node c-w-3, delete_node c-w-2, create_node c-w-4",
			stages:   "rollout of w",
			says:     []string{"each before its successor is created"},
		},
		"one is too many": {
			count:  1,
			steps:  "delete_node c-w-1, create_node c-w-3, delete_node c-w-2",
			stages: "rollout of w",
			says:   []string{"2 of its nodes", "1 of them without a successor"},
		},
		"all are too many": {
			steps:  "delete_node c-w-2, delete_node c-w-1",
			stages: "scale in",
		},
		"the API is silent": {
			count:  2,
			change: func(f *model.Facts) { unreachable(f) },
			says:   []string{`Rollout of worker pool "w" postponed`, "2 nodes have", "API answers"},
		},
		"a VM cannot be read": {
			count:  2,
			change: func(f *model.Facts) { f.Unreadable = []string{"c-w-5"} },
			says:   []string{`Rollout of worker pool "w" postponed`, "2 nodes have", "all of its VMs are visible"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := running(1, 2)
			if c.change != nil {
				c.change(f)
			}
			p := planned(withCPUs(c.count, 4, c.strategy), f)
			wantSteps(t, p, c.steps)
			if got := stageNames(p); got != c.stages {
				t.Errorf("stages %q", got)
			}
			field := model.NodePoolField("w", "")
			if c.says == nil && says(p.Warnings, "roll") || c.says != nil && !says(on(p.Warnings, field), c.says...) {
				t.Errorf("warnings %v", p.Warnings)
			}
		})
	}
}

func TestRolloutOfManyNodesNamesTheFirstTen(t *testing.T) {
	t.Parallel()
	p := planned(withCPUs(12, 4, ""), running(1, 12))
	if !says(p.Warnings, "deletes 12 of its nodes", "c-w-1, c-w-10, c-w-11, c-w-12, c-w-2", "c-w-7, and 2 more.") {
		t.Errorf("warnings %v", p.Warnings)
	}
}

// Nodes that a run has begun to delete, and a configuration in which they stay or
// do not.
func TestNodeThatWasToBeDeletedAndStaysIsUncordoned(t *testing.T) {
	t.Parallel()
	there := func(n int, off bool, with model.KubeNode) *model.Facts {
		f := running(1, n)
		for i := range f.Machines {
			if m := &f.Machines[i]; m.Marker.Node == "c-w-1" {
				m.PoweredOn = !off
			}
		}
		with.Name = "c-w-1"
		f.API.Nodes["c-w-1"] = with
		return f
	}
	drained := model.KubeNode{Ready: true, Unschedulable: true, Cordoned: true}
	stopped := model.KubeNode{Unschedulable: true, Cordoned: true}
	larger := func(f *model.Facts, node string) *model.Facts {
		return built(f, func(m *model.Marker) {
			if m.Node == node {
				m.CPU = 4
			}
		})
	}
	unreadable := there(2, false, drained)
	unreadable.Unreadable = []string{"c-w-3"}
	for name, c := range map[string]struct {
		facts *model.Facts
		cpu   int32
		want  string
	}{
		"it is to stay":           {there(2, false, drained), 2, "uncordon_node c-w-1"},
		"it was cordoned by hand": {there(2, false, model.KubeNode{Ready: true, Unschedulable: true}), 2, ""},
		"it is uncordoned and still marked": {there(2, false, model.KubeNode{Ready: true, Cordoned: true}), 2,
			"uncordon_node c-w-1"},
		"it is replaced": {there(2, false, drained), 4,
			"create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2"},
		"it is replaced later": {unreadable, 4, ""},
		"it has a successor that is to go": {larger(there(3, false, drained), "c-w-3"), 2,
			"uncordon_node c-w-1, delete_node c-w-3"},
		"another one goes": {there(3, false, drained), 2, "delete_node c-w-3, uncordon_node c-w-1"},
		"it is half deleted": {there(2, true, stopped), 2,
			"create_node c-w-3, delete_node c-w-1"},
		"half deleted, the successor goes": {larger(there(3, true, stopped), "c-w-3"), 2,
			"delete_node c-w-1, create_node c-w-4, delete_node c-w-3"},
		"half deleted, and one too many": {there(3, true, stopped), 2, "delete_node c-w-1"},
		"it was turned off by hand":      {there(2, true, model.KubeNode{}), 2, "power_on_node c-w-1"},
		"it was turned off and cordoned by hand": {there(2, true, model.KubeNode{Unschedulable: true}), 2,
			"power_on_node c-w-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// What steps follow from is in the part that is remembered.
			wantSteps(t, planned(withCPUs(2, c.cpu, ""), c.facts.PlanInputs()), c.want)
		})
	}
}
