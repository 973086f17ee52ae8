package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// told tells whether one of the findings says all of the words.
func told(found []engine.Problem, words ...string) bool {
	return slices.ContainsFunc(found, func(p engine.Problem) bool {
		text := p.Summary + "\n" + p.Detail
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	})
}

// TestPlanRollsToALargerTemplate has an image that a control plane which stays as
// it is could not be built from: it keeps no worker from being rolled.
func TestPlanRollsToALargerTemplate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode    engine.CloneMode
		disk    int64 // of the control plane
		grows   bool
		problem engine.Field
	}{
		"the control plane's disk is smaller": {engine.CloneAuto, 20, false, ""},
		"it could not be a linked clone":      {engine.CloneLinked, 20, false, ""},
		"a control-plane node is added":       {engine.CloneAuto, 20, true, "control_plane.disk_gb"},
		"added as a linked clone":             {engine.CloneLinked, 80, true, "clone_mode"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := small(1, 1)
			spec.CloneMode, spec.ControlPlane.DiskGB, spec.Template = c.mode, c.disk, "larger"
			if c.grows {
				spec.ControlPlane.Count = 3
			}
			o := built(running(observed(100), 1, 1), func(m *engine.Marker) { m.Template = "node" })
			o.Survey.Site.Template.DiskGB = 40
			p := engine.PlanFor(spec, o)
			if c.problem == "" && (p.Err() != nil || names(p) != "create_node c-w-2, delete_node c-w-1") {
				t.Fatalf("got %s (%v)", names(p), p.Err())
			}
			if c.problem != "" && !slices.ContainsFunc(p.Problems, func(x engine.Problem) bool { return x.Field == c.problem }) {
				t.Fatalf("no problem of %s in %v", c.problem, p.Problems)
			}
		})
	}
}

// TestPlanTellsWhatARollDoes has nodes that go without a successor, and rolls
// that have to wait.
func TestPlanTellsWhatARollDoes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		count  int
		change func(*engine.Observed)
		steps  string
		told   []string // nil: no roll is spoken of
	}{
		"all are replaced": {2, nil, "create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2", []string{"2 of its nodes", "now: cpu.", "after its successor", "c-w-1, c-w-2"}},
		"one is too many":  {1, nil, "delete_node c-w-1, create_node c-w-3, delete_node c-w-2", []string{"2 of its nodes", "1 of them without a successor"}},
		"all are too many": {0, nil, "delete_node c-w-2, delete_node c-w-1", nil},
		"nobody answers": {2, func(o *engine.Observed) { o.APIError, o.Nodes = "no route", nil }, "",
			[]string{"is not rolled now", "2 of its nodes", "API answers"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := small(1, c.count)
			spec.Workers[0].CPU = 4
			o := built(running(observed(100), 1, 2), cpus(2))
			if c.change != nil {
				c.change(o)
			}
			p := engine.PlanFor(spec, o)
			if got := names(p); got != c.steps || p.Err() != nil {
				t.Errorf("got %q (%v)", got, p.Err())
			}
			if c.told == nil && told(p.Warnings, "roll") || c.told != nil && !told(p.Warnings, c.told...) {
				t.Errorf("warnings %v", p.Warnings)
			}
			for i, s := range p.Steps {
				if c.told == nil && s.Stage() != p.Steps[0].Stage() {
					t.Errorf("%s waits for %s", s.Change, p.Steps[i-1].Change)
				}
			}
		})
	}
}

// TestPlanGivesWorkBack has nodes that a run has begun to take away, and a
// configuration that wants them or does not.
func TestPlanGivesWorkBack(t *testing.T) {
	t.Parallel()
	there := func(n int, node string, off bool, with engine.KubeNode) *engine.Observed {
		o := built(running(observed(100), 1, n), cpus(2))
		for i := range o.Survey.Machines {
			if m := &o.Survey.Machines[i]; m.Marker.Node == node {
				m.PoweredOn = !off
			}
		}
		with.Name = node
		o.Nodes[node] = with
		return o
	}
	emptied := engine.KubeNode{Ready: true, Unschedulable: true, Cordoned: true}
	stopped := engine.KubeNode{Unschedulable: true, Cordoned: true}
	larger := func(o *engine.Observed, node string) *engine.Observed {
		return built(o, func(m *engine.Marker) {
			if m.Node == node {
				m.CPU = 4
			}
		})
	}
	unreadable := there(2, "c-w-1", false, emptied)
	unreadable.Survey.Unreadable = []string{"c-w-3"}
	for name, c := range map[string]struct {
		there *engine.Observed
		cpu   int32
		want  string
	}{
		"it is to stay":                       {there(2, "c-w-1", false, emptied), 2, "uncordon_node c-w-1"},
		"somebody else cordoned it":           {there(2, "c-w-1", false, engine.KubeNode{Ready: true, Unschedulable: true}), 2, ""},
		"it is uncordoned and marked":         {there(2, "c-w-1", false, engine.KubeNode{Ready: true, Cordoned: true}), 2, "uncordon_node c-w-1"},
		"it is replaced":                      {there(2, "c-w-1", false, emptied), 4, "create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2"},
		"it is replaced later":                {unreadable, 4, ""},
		"it has a successor that is to go":    {larger(there(3, "c-w-1", false, emptied), "c-w-3"), 2, "uncordon_node c-w-1, delete_node c-w-3"},
		"another one goes":                    {there(3, "c-w-1", false, emptied), 2, "delete_node c-w-3, uncordon_node c-w-1"},
		"it is half deleted":                  {there(2, "c-w-1", true, stopped), 2, "create_node c-w-3, delete_node c-w-1"},
		"half deleted, the successor goes":    {larger(there(3, "c-w-1", true, stopped), "c-w-3"), 2, "delete_node c-w-1, create_node c-w-4, delete_node c-w-3"},
		"half deleted, and one too many":      {there(3, "c-w-1", true, stopped), 2, "delete_node c-w-1"},
		"somebody else has turned it off":     {there(2, "c-w-1", true, engine.KubeNode{}), 2, ""},
		"somebody else cordoned a stopped VM": {there(2, "c-w-1", true, engine.KubeNode{Unschedulable: true}), 2, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := small(1, 2)
			spec.Workers[0].CPU = c.cpu
			c.there.Partial = true // what steps follow from is in the part that is remembered
			if p := engine.PlanFor(spec, c.there.Remember()); names(p) != c.want || p.Err() != nil {
				t.Errorf("got %q (%v)", names(p), p.Err())
			}
		})
	}
}
