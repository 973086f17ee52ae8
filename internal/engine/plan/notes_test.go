package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func TestPlanCarriesAChangedDescriptionToTheVMsThatStay(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.Description = "billing"
	s.Tags = map[string]string{"team": "a"}
	f := running(1, 2)
	delete(f.API.Nodes, "c-w-2")
	p := planned(s, f)
	wantSteps(t, p, "delete_node c-w-2, create_node c-w-2, update_description c")
	step := stage(t, p, "description").Steps[0].(model.UpdateDescription)
	if !slices.Equal(step.VMs, []string{"vm-c-cp-1", "vm-c-w-1"}) {
		t.Errorf("changes the notes of %v", step.VMs)
	}

	f = running(1, 2)
	f.Record.Description = "billing"
	f.Record.Tags = map[string]string{"team": "a"}
	wantSteps(t, planned(s, f), "")
	s.Tags = nil
	wantSteps(t, planned(s, f), "update_description c")
	f.Record.Tags = map[string]string{}
	wantSteps(t, planned(s, f), "")
	f.Record = model.Record{}
	wantSteps(t, planned(s, f), "create_record c")
}

func TestNotesOfOthersStayBelowThoseOfGantry(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	before := plan.Notes(s)
	s.Description = "line one\nline two"
	s.Tags = map[string]string{"b": "2", "a": "1"}
	after := plan.Notes(s)
	want := "Node of the Kubernetes cluster \"c\". Made by Gantry; change it in Terraform.\n" +
		"Description:\n  line one\n  line two\nTags:\n  a = 1\n  b = 2"
	if after != want {
		t.Errorf("got  %q\nwant %q", after, want)
	}
	for existing, want := range map[string]string{
		"":                            after,
		" \n":                         after,
		before:                        after,
		after:                         after,
		before + "\n\nbackup: daily":  after + "\n\nbackup: daily",
		"by hand":                     after + "\n\nby hand",
		before + "\n\none\n\nand two": after + "\n\none\n\nand two",
	} {
		if got := plan.MergeNotes(existing, after); got != want {
			t.Errorf("%q becomes %q, want %q", existing, got, want)
		}
	}
}
