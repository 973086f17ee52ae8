package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// builtFromItem is a cluster whose nodes were built from a version of the item of these tests.
func builtFromItem(version string) *model.Facts {
	built := model.LibraryItem{Library: "images", Item: "node", Content: model.LibraryContent{ID: "id", Version: version}}
	facts := running(1, 1)
	for i := range facts.Machines {
		facts.Machines[i].Marker.Template = built.ImageName()
	}
	return facts
}

// imports reports whether a plan makes an image.
func imports(p *model.Plan) bool {
	return slices.ContainsFunc(p.Steps(), func(s model.Step) bool { return s.Change().Action == model.ActionImportImage })
}

// A cluster whose nodes were built from a version of an item rolls where another version is
// asked for, and not where the item has another one by now.
func TestVersionOfAnItemRollsWhereItIsAskedFor(t *testing.T) {
	t.Parallel()
	facts := builtFromItem("1")
	for _, test := range []struct {
		what, version, content string
		rolls                  bool
	}{
		{"not resolved", "", "", false},
		{"published since", "", "2", false},
		{"kept", "1", "1", false},
		{"asked for", "2", "2", true},
		{"asked for, not resolved", "2", "", true},
	} {
		spec := small(1, 1)
		spec.Image = model.FromLibrary(model.LibraryItem{Library: "images", Item: "node", Version: test.version}, "")
		if test.content != "" {
			resolved := spec.Resolved(model.Site{Contents: map[string]model.LibraryContent{"": {ID: "id", Version: test.content}}})
			spec = &resolved
		}
		if plan.NamesDiffer(spec, facts) != test.rolls {
			t.Errorf("%s: that names differ is %t", test.what, !test.rolls)
		}
		p := plan.Cluster(spec, facts)
		if p.Empty() == test.rolls || imports(p) != test.rolls {
			t.Errorf("%s: the steps are %v", test.what, p.Changes())
		}
	}
}

// A new node is built from the version that its cluster has; where its template is gone, or a
// new pool gets another version, an item is deployed, and the plan says so.
func TestDeploymentsThatNewNodesNeedArePlanned(t *testing.T) {
	t.Parallel()
	facts := builtFromItem("3")
	for _, test := range []struct {
		what, content, ref string
		deploys            bool
	}{
		{"its template is there", "3", "VirtualMachine:vm-1", false},
		{"its template is gone", "3", "", true},
		{"another version", "4", "", true},
		{"another version that others have deployed", "4", "VirtualMachine:vm-2", true},
	} {
		spec := small(1, 2)
		spec.Image = model.FromLibrary(model.LibraryItem{Library: "images", Item: "node"}, "")
		resolved := spec.Resolved(model.Site{
			Template: model.Template{Ref: test.ref},
			Contents: map[string]model.LibraryContent{"": {ID: "id", Version: test.content}},
		})
		p := plan.Cluster(&resolved, facts)
		if imports(p) != test.deploys {
			t.Errorf("%s: the steps are %v", test.what, p.Changes())
		}
	}
}

// The step of a creation is the same before and after its names are resolved.
func TestImportOfAnItemIsPlannedFromTheSpecAlone(t *testing.T) {
	t.Parallel()
	spec := small(1, 1)
	spec.Image = model.FromLibrary(model.LibraryItem{Library: "images", Item: "node"}, "")
	before := plan.Cluster(spec, &model.Facts{}).Changes()
	resolved := spec.Resolved(model.Site{Contents: map[string]model.LibraryContent{"": {ID: "id", Version: "4"}}})
	if after := plan.Cluster(&resolved, &model.Facts{}).Changes(); !slices.Equal(before, after) {
		t.Errorf("the changes are %v, and resolved %v", before, after)
	}
	if !slices.Contains(before, model.Change{Action: model.ActionImportImage, Target: "images/node"}) {
		t.Errorf("the changes are %v", before)
	}
}
