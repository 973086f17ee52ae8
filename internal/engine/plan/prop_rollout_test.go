package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Every rollout that the planner may be asked for, from any state that an
// interrupted one may have left, stopped after any step.
func TestRolloutConvergesHoweverOftenItIsInterrupted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := small(1, rapid.IntRange(1, 5).Draw(t, "workers"))
		w := &s.Workers[0]
		w.CPU = 4
		w.Strategy = rapid.SampledFrom([]model.RollStrategy{model.ExpandFirst, model.ContractFirst}).Draw(t, "strategy")
		if rapid.Bool().Draw(t, "two IP pools") {
			w.Placements = append(slices.Clone(w.Placements), place(otherPoolID))
		}
		f := built(running(1, w.Count), func(m *model.Marker) {
			m.CPU = rapid.SampledFrom([]int32{2, 4}).Draw(t, "CPUs of "+m.Node)
			m.IPPool = rapid.SampledFrom(w.Placements).Draw(t, "IP pool of "+m.Node).IPPoolID
		})
		for i, c := range f.Claims {
			if pool, ok := poolOf(f, c.Owner); ok {
				f.Claims[i].IPPool = pool
			}
		}
		least := w.Count
		if w.Strategy == model.ContractFirst {
			least--
		}
		interruptions := rapid.IntRange(0, 6).Draw(t, "interruptions")
		for round := 0; ; round++ {
			p := planned(s, f)
			if p.Err() != nil {
				t.Fatalf("problems %v", p.Problems)
			}
			steps := p.Steps()
			if len(steps) == 0 {
				break
			}
			if round > interruptions {
				t.Fatalf("a run that was not interrupted has left %s", names(p))
			}
			// An apply that is killed after some of the steps, or in the middle of one.
			stop := len(steps)
			if round < interruptions {
				stop = rapid.IntRange(1, stop).Draw(t, fmt.Sprintf("steps of round %d", round))
			}
			for i, step := range steps[:stop] {
				half := round < interruptions && i == stop-1 && rapid.Bool().Draw(t, "half of "+step.Change().String())
				play(f, step, half)
				if n := serving(f); n < least {
					t.Fatalf("%d of %d nodes after %s", n, w.Count, step.Change())
				}
				if n := len(f.Machines) - 1; n > least+1 {
					t.Fatalf("%d VMs for %d nodes after %s", n, w.Count, step.Change())
				}
			}
		}
		if n := serving(f); n != w.Count || len(f.Machines) != w.Count+1 {
			t.Fatalf("%d nodes and %d VMs at the end", n, len(f.Machines))
		}
		for _, m := range f.Machines {
			if m.Marker.NodePool == "w" && m.Marker.CPU != 4 {
				t.Fatalf("%s is as it was", m.Marker.Node)
			}
		}
		if n := len(f.Claims); n != w.Count+3 {
			t.Fatalf("%d claims at the end", n)
		}
	})
}

func poolOf(f *model.Facts, node string) (uuid.UUID, bool) {
	for _, m := range f.Machines {
		if m.Marker.Node == node {
			return m.Marker.IPPool, true
		}
	}
	return uuid.Nil, false
}

// serving counts the workers that serve.
func serving(f *model.Facts) int {
	n := -1 // the control plane's
	for _, m := range f.Machines {
		if f.API.Nodes[m.Marker.Node].Ready {
			n++
		}
	}
	return n
}

// play does to the facts what a step does to the world; half leaves a VM that has
// not joined, or a node object without one.
func play(f *model.Facts, step model.Step, half bool) {
	target := step.Change().Target
	forget := func() {
		delete(f.API.Nodes, target)
		f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return c.Owner == target })
	}
	switch step := step.(type) {
	case model.CreateNode:
		f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return c.Owner == target })
		join(f, step.NodePool, step.Placement.Index, step.Ordinal)
		f.Record.Counters["w"] = max(f.Record.Counters["w"], step.Ordinal+1)
		if half {
			delete(f.API.Nodes, target)
		}
	case model.DeleteNode:
		lose(f, target)
		if !half {
			forget()
		}
	case model.RemoveLostNode, model.ReleaseAddress:
		forget()
	}
}
