package engine_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// TestPlanProperties holds the planner to what must be true of every plan,
// whatever is wanted and whatever is there.
func TestPlanProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), rapid.IntRange(0, 6).Draw(t, "workers"))
		o := running(observed(1000), rapid.IntRange(1, 3).Draw(t, "there"), rapid.IntRange(0, 6).Draw(t, "workers there"))
		o.Record.APIReached = rapid.Bool().Draw(t, "ready")
		o.Record.Counters["w"] += rapid.IntRange(0, 3).Draw(t, "skipped")
		if rapid.Bool().Draw(t, "unreachable") {
			o.APIError, o.Nodes = "no route", nil
		}
		for _, m := range slices.Clone(o.Survey.Machines) {
			switch rapid.IntRange(0, 4).Draw(t, "fate of "+m.Marker.Node) {
			case 0:
				lose(o, m.Marker.Node)
			case 1:
				delete(o.Nodes, m.Marker.Node)
			}
		}
		there, used := map[string]bool{}, map[string]int{}
		for _, m := range o.Survey.Machines {
			there[m.Marker.Node] = true
		}
		p := engine.PlanFor(spec, o)
		if p.Err() != nil {
			return
		}
		firsts := 0
		deleted := map[string]bool{}
		for _, s := range p.Steps {
			if s.First() {
				firsts++
			}
			switch s.Action {
			case engine.ActionDeleteNode:
				deleted[s.Target] = true
				if !there[s.Target] {
					t.Fatalf("%s has no VM to delete", s.Target)
				}
			case engine.ActionCreateNode:
				used[s.Target]++
				if there[s.Target] && !deleted[s.Target] {
					t.Fatalf("%s is created beside itself", s.Target)
				}
				if _, known := o.Nodes[s.Target]; known {
					t.Fatalf("%s has been a node already", s.Target)
				}
			}
		}
		for name, n := range used {
			if n > 1 {
				t.Fatalf("%s is created %d times", name, n)
			}
		}
		if firsts > 1 || firsts == 1 && o.Record.APIReached {
			t.Fatalf("%d nodes initialise a control plane (ready: %v)", firsts, o.Record.APIReached)
		}
		left := 0
		for name := range there {
			if strings.Contains(name, "-w-") && !deleted[name] {
				left++
			}
		}
		for name := range used {
			if strings.Contains(name, "-w-") {
				left++
			}
		}
		if left != spec.Workers[0].Count {
			t.Fatalf("%d workers are wanted and the plan leads to %d: %s", spec.Workers[0].Count, left, names(p))
		}
	})
}
