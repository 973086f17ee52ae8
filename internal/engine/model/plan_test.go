package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// planOf is a plan with a stage of each step.
func planOf(steps ...model.Step) *model.Plan {
	p := &model.Plan{}
	for _, step := range steps {
		p.Stages = append(p.Stages, model.Stage{Steps: []model.Step{step}})
	}
	return p
}

func deletion(node string) model.Step {
	return model.DeleteNode{Machine: model.Machine{Marker: model.Marker{Node: node}}}
}

func app(prunes, drifted int) model.Step {
	return model.ApplyPack{Pack: model.Pack{Name: "app"}, Prunes: prunes, Drifted: drifted}
}

func TestUnseenAreTheStepsThatThePlanDidNotShow(t *testing.T) {
	t.Parallel()
	build := model.CreateNode{Node: "n"}
	lost := model.RemoveLostNode{Node: "n"}
	for name, c := range map[string]struct {
		shown []model.Step
		now   []model.Step
		want  string
	}{
		"nothing at all":             {},
		"the same":                   {shown: []model.Step{build, deletion("m")}, now: []model.Step{build, deletion("m")}},
		"in another order":           {shown: []model.Step{deletion("m"), build}, now: []model.Step{build, deletion("m")}},
		"one has become unnecessary": {shown: []model.Step{build, deletion("m")}, now: []model.Step{build}},
		"one is new":                 {shown: []model.Step{build}, now: []model.Step{build, deletion("m")}, want: "delete_node m"},
		"nothing was shown":          {now: []model.Step{build}, want: "create_node n"},
		"shown once and done twice":  {shown: []model.Step{build}, now: []model.Step{build, build}, want: "create_node n"},
		"shown twice and done twice": {shown: []model.Step{build, build}, now: []model.Step{build, build}},
		"tags of VMs are shown once for all": {
			shown: []model.Step{model.UpdateVMTags{Cluster: "c"}},
			now:   []model.Step{model.UpdateVMTags{Cluster: "c"}, model.UpdateVMTags{Cluster: "c"}},
		},
		"tags of VMs were not shown": {now: []model.Step{model.UpdateVMTags{Cluster: "c"}}, want: "update_vm_tags c"},
		"more objects have changed":  {shown: []model.Step{app(0, 1)}, now: []model.Step{app(0, 2)}},
		"fewer objects have changed": {shown: []model.Step{app(1, 2)}, now: []model.Step{app(1, 1)}},
		"the whole pack is applied of which objects were to be set back": {
			shown: []model.Step{app(0, 1)}, now: []model.Step{app(0, 0)}, want: "apply_pack app",
		},
		"other objects leave": {
			shown: []model.Step{app(1, 2)}, now: []model.Step{app(2, 2)},
			want: "apply_pack app (prunes 2 objects, sets back 2 objects)",
		},
		"another action on the same target": {shown: []model.Step{build}, now: []model.Step{deletion("n")}, want: "delete_node n"},
		"another target":                    {shown: []model.Step{deletion("m")}, now: []model.Step{deletion("n")}, want: "delete_node n"},
		"the VM to delete is gone by now":   {shown: []model.Step{deletion("n")}, now: []model.Step{lost}},
		"a VM of another node is gone":      {shown: []model.Step{deletion("m")}, now: []model.Step{lost}, want: "remove_lost_node n"},
		"a lost node has its VM back":       {shown: []model.Step{lost}, now: []model.Step{deletion("n")}, want: "delete_node n"},
		"a lost node is shown as such":      {shown: []model.Step{lost, deletion("n")}, now: []model.Step{lost, deletion("n")}},
		"one deletion covers one of two": {
			shown: []model.Step{deletion("n")},
			now:   []model.Step{lost, deletion("n")},
			want:  "delete_node n",
		},
	} {
		var got []string
		for _, change := range planOf(c.now...).Unseen(planOf(c.shown...).Changes()) {
			got = append(got, change.String())
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %v, want %q", name, got, c.want)
		}
	}
}

func TestMovedErrorNamesWhatWasNotShown(t *testing.T) {
	t.Parallel()
	err := &model.MovedError{Unseen: planOf(deletion("m"), model.CreateNode{Node: "n"}).Changes()}
	if !strings.Contains(err.Error(), "delete_node m, create_node n. Nothing was changed.") {
		t.Errorf("got %v", err)
	}
}

func TestPlanListsStepsAndRebuildsOfAllStages(t *testing.T) {
	t.Parallel()
	pool := uuid.New()
	place := model.NodePool{Name: "w", Placements: []model.Placement{{IPPoolID: pool}}}
	p := &model.Plan{Stages: []model.Stage{
		{Name: "a", Steps: []model.Step{deletion("m"), model.CreateNode{Node: "m", NodePool: place}}},
		{Name: "empty"},
		{Name: "b", Steps: []model.Step{model.CreateNode{Node: "n", NodePool: place}}},
	}}
	want := []model.Change{
		{Action: model.ActionDeleteNode, Target: "m"},
		{Action: model.ActionCreateNode, Target: "m"},
		{Action: model.ActionCreateNode, Target: "n"},
	}
	if !slices.Equal(p.Changes(), want) {
		t.Errorf("changes %v", p.Changes())
	}
	if rebuilds := p.Rebuilds(); len(rebuilds) != 2 || rebuilds["m"] != pool || rebuilds["n"] != pool {
		t.Errorf("rebuilds %v", rebuilds)
	}
	if p.Empty() || !(&model.Plan{Stages: []model.Stage{{Name: "empty"}}}).Empty() {
		t.Error("a plan is empty when no stage has a step")
	}
}
