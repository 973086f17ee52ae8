package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// TestPlanRollProperties plays every roll that the planner may be asked for, from
// any state that an interrupted one may have left, and stops it after any step.
func TestPlanRollProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		spec := small(1, rapid.IntRange(1, 5).Draw(t, "workers"))
		w := &spec.Workers[0]
		w.CPU = 4
		w.Strategy = rapid.SampledFrom([]engine.RollStrategy{engine.ExpandFirst, engine.ContractFirst}).Draw(t, "strategy")
		if rapid.Bool().Draw(t, "two pools of addresses") {
			w.Placements = append(slices.Clone(w.Placements), engine.Placement{ComputeCluster: "a", IPPoolID: "other"})
		}
		o := running(observed(1000), 1, w.Count)
		o.IPPools["other"] = &engine.IPPool{Registered: true, Total: 1000}
		o.Survey.Site.Placements = append(o.Survey.Site.Placements, o.Survey.Site.Placements[0])
		built(o, func(m *engine.Marker) {
			m.CPU = rapid.SampledFrom([]int32{2, 4}).Draw(t, "cpu of "+m.Node)
			m.IPPool = rapid.SampledFrom(w.Placements).Draw(t, "pool of "+m.Node).IPPoolID
		})
		least := w.Count
		if w.Strategy == engine.ContractFirst {
			least--
		}
		kills := rapid.IntRange(0, 6).Draw(t, "kills")
		for round := 0; ; round++ {
			p := engine.PlanFor(spec, o)
			if p.Err() != nil {
				t.Fatalf("problems %v", p.Problems)
			}
			if len(p.Steps) == 0 {
				break
			}
			if round > kills {
				t.Fatalf("what was not killed has left %s", names(p))
			}
			// An apply that is killed after some of the steps, or in the middle of one.
			stop := len(p.Steps)
			if round < kills {
				stop = rapid.IntRange(1, stop).Draw(t, fmt.Sprintf("steps of round %d", round))
			}
			for i, s := range p.Steps[:stop] {
				half := round < kills && i == stop-1 && rapid.Bool().Draw(t, "half of "+s.String())
				play(o, s, half)
				if n := joined(o); n < least {
					t.Fatalf("%d of %d nodes after %s", n, w.Count, s.Change)
				}
				if n := len(o.Survey.Machines) - 1; n > least+1 {
					t.Fatalf("%d VMs for %d nodes after %s", n, w.Count, s.Change)
				}
			}
		}
		if n := joined(o); n != w.Count || len(o.Survey.Machines) != w.Count+1 {
			t.Fatalf("%d nodes and %d VMs at the end", n, len(o.Survey.Machines))
		}
		for _, m := range o.Survey.Machines {
			if m.Marker.Pool == "w" && m.Marker.CPU != 4 {
				t.Fatalf("%s is as it was", m.Marker.Node)
			}
		}
	})
}

// joined counts the workers that serve.
func joined(o *engine.Observed) int {
	n := -1 // the control plane's
	for _, m := range o.Survey.Machines {
		if o.Nodes[m.Marker.Node].Ready {
			n++
		}
	}
	return n
}

// play does to an observation what a step does to the world; half leaves a VM
// that has not joined, or a node object without one.
func play(o *engine.Observed, s engine.Step, half bool) {
	switch s.Action {
	case engine.ActionCreateNode:
		s.Build(o)
		o.Record.Counters["w"] = max(o.Record.Counters["w"], o.Survey.Machines[len(o.Survey.Machines)-1].Marker.N+1)
		if half {
			delete(o.Nodes, s.Target)
		}
	case engine.ActionDeleteNode:
		lose(o, s.Target)
		if !half {
			delete(o.Nodes, s.Target)
			o.Claims = slices.DeleteFunc(o.Claims, func(c engine.Claim) bool { return c.Node == s.Target })
		}
	case engine.ActionForgetNode, engine.ActionReleaseAddress:
		delete(o.Nodes, s.Target)
		o.Claims = slices.DeleteFunc(o.Claims, func(c engine.Claim) bool { return c.Node == s.Target })
	}
}
