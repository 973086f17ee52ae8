package plan_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func TestCloneModeIsLinkedOnlyWhereSnapshotDatastoreAndDiskAllowIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.Template)
		disk   int64
		why    string // why it cannot be linked; empty: it can
	}{
		"the template's disk":        {},
		"the same disk":              {disk: 20},
		"another disk":               {disk: 40, why: "its disk has 20 GB and the node's 40 GB"},
		"no snapshot":                {change: func(t *model.Template) { t.Snapshot = "" }, why: "it has no snapshot"},
		"another datastore":          {change: func(t *model.Template) { t.Datastore = "ds-2" }, why: "it is on another datastore"},
		"a snapshot of two disks":    {change: func(t *model.Template) { t.SnapshotDisks = 2 }, why: "its current snapshot has 2 disks"},
		"no snapshot and other disk": {change: func(t *model.Template) { t.Snapshot = "" }, disk: 40, why: "it has no snapshot"},
	} {
		template := model.Template{Ref: "t", Path: "/dc/vm/node", Snapshot: "s", SnapshotDisks: 1, Datastore: "ds", DiskGB: 20}
		if c.change != nil {
			c.change(&template)
		}
		for want, expected := range map[model.CloneMode]model.CloneMode{
			model.CloneFull:   model.CloneFull,
			model.CloneAuto:   model.CloneLinked,
			model.CloneLinked: model.CloneLinked,
			"":                model.CloneLinked,
		} {
			refused := c.why != "" && want == model.CloneLinked
			switch {
			case refused:
				expected = ""
			case c.why != "":
				expected = model.CloneFull
			}
			got, err := plan.CloneMode(want, template, model.ResolvedPlacement{Datastore: "ds"}, c.disk)
			if got != expected || (err != nil) != refused {
				t.Errorf("%s, %q: got %q (%v)", name, want, got, err)
			}
			if refused && (err == nil || !strings.Contains(err.Error(), c.why) || !strings.Contains(err.Error(), "/dc/vm/node")) {
				t.Errorf("%s: %v does not say %q", name, err, c.why)
			}
		}
	}
}

func TestPlanRefusesALinkedCloneThatWouldBeFull(t *testing.T) {
	t.Parallel()
	s := small(1, 0)
	s.CloneMode = model.CloneLinked
	l := limitsFor(s, 100)
	l.Site.Template.Snapshot = ""
	p := checked(s, &model.Facts{}, l)
	if len(p.Problems) != 1 || !says(on(p.Problems, model.ClusterField(model.FieldCloneMode)), "no snapshot") {
		t.Fatalf("got %v", p.Problems)
	}
}
