package plan_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Every rollout that the planner may be asked for, from any state that an
// interrupted one may have left, stopped after any step, or in the middle of some that
// run side by side.
func TestRolloutConvergesHoweverOftenItIsInterrupted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := small(1, rapid.IntRange(1, 5).Draw(t, "workers"))
		w := &s.Workers[0]
		w.CPU = 4
		w.Strategy = rapid.SampledFrom([]model.RollStrategy{model.ExpandFirst, model.ContractFirst}).Draw(t, "strategy")
		w.MaxSurge = rapid.IntRange(0, 3).Draw(t, "max_surge")
		w.MaxUnavailable = rapid.IntRange(0, 3).Draw(t, "max_unavailable")
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
		least, most := w.Count, w.Count
		if w.Strategy == model.ContractFirst {
			least = max(0, least-max(1, w.MaxUnavailable))
		} else {
			most += max(1, w.MaxSurge)
		}
		interruptions := rapid.IntRange(0, 6).Draw(t, "interruptions")
		for round := 0; ; round++ {
			p := planned(s, f)
			if p.Err() != nil {
				t.Fatalf("problems %v", p.Problems)
			}
			if p.Empty() {
				break
			}
			if round > interruptions {
				t.Fatalf("a run that was not interrupted has left %s", names(p))
			}
			for _, done := range played(t, p, round < interruptions) {
				play(f, done.step, done.half)
				if n := serving(f); n < least {
					t.Fatalf("%d of %d nodes after %s", n, w.Count, done.step.Change())
				}
				if n := len(f.Machines) - 1; n > most {
					t.Fatalf("%d VMs for %d nodes after %s", n, w.Count, done.step.Change())
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

// doneStep is a step of an apply, which has ended, or was killed in its middle.
type doneStep struct {
	step model.Step
	half bool
}

// played are the steps of a plan in an order in which an apply may do them. One that is
// killed does some of them, and some only by half that run side by side.
func played(t *rapid.T, p *model.Plan, killed bool) []doneStep {
	all := len(p.Steps())
	stop := all
	if killed {
		stop = rapid.IntRange(1, all).Draw(t, "steps until the kill")
	}
	var done []doneStep
	for _, stage := range p.Stages {
		steps := stage.Steps
		if stage.Parallel {
			steps = rapid.Permutation(steps).Draw(t, "order of "+stage.Name)
		}
		for i, step := range steps {
			half := func() bool { return rapid.Bool().Draw(t, "half of "+step.Change().String()) }
			switch {
			case len(done) < stop-1 || !killed:
				done = append(done, doneStep{step: step})
			case len(done) == stop-1:
				done = append(done, doneStep{step, half()})
			case stage.Parallel && i > 0 && half(): // beside the last one
				done = append(done, doneStep{step, true})
			}
		}
		if len(done) >= stop {
			break
		}
	}
	return done
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
