package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// withCPUs is a cluster whose workers have that many CPUs.
func withCPUs(workers int, n int32, strategy model.RollStrategy) *model.ClusterSpec {
	s := small(1, workers)
	s.Workers[0].CPU = n
	s.Workers[0].Strategy = strategy
	return s
}

// wantRollout expects the steps of the plan to be rollouts: serial, and left out
// after a failure.
func wantRollout(t *testing.T, p *model.Plan, stages string) {
	t.Helper()
	if got := stageNames(p); got != stages {
		t.Errorf("stages %s", got)
	}
	for _, s := range p.Stages {
		if s.Parallel || !s.Rollout || s.OnFailure != model.SkipRollouts {
			t.Errorf("stage %+v", s)
		}
	}
}

func TestRolloutReplacesOneNodeAtATime(t *testing.T) {
	t.Parallel()
	p := planned(withCPUs(2, 4, ""), running(1, 2))
	wantSteps(t, p, "create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2")
	wantRollout(t, p, "rollout of w")
	wantWarnings(t, p, 1)
	if !says(on(p.Warnings, model.NodePoolField("w", "")), "2 of its nodes", "configuration: cpu.", "c-w-1, c-w-2") {
		t.Errorf("warnings %v", p.Warnings)
	}
	p = planned(withCPUs(2, 4, model.ContractFirst), running(1, 2))
	wantSteps(t, p, "delete_node c-w-1, create_node c-w-3, delete_node c-w-2, create_node c-w-4")
	wantRollout(t, p, "rollout of w")
}

func TestRolloutOfOnePoolFollowsThatOfAnother(t *testing.T) {
	t.Parallel()
	s := withCPUs(1, 4, "")
	x := nodePool("x", 1)
	x.CPU = 4
	x.Strategy = model.ContractFirst
	s.Workers = append(s.Workers, x)
	f := running(1, 1)
	join(f, nodePool("x", 1), 0, 1)
	p := planned(s, f.PlanInputs())
	wantSteps(t, p, "create_node c-w-2, delete_node c-w-1, delete_node c-x-1, create_node c-x-2")
	wantRollout(t, p, "rollout of w, rollout of x")
}

// How many other nodes must serve before one is deleted.
func TestRolloutDeletesANodeOnlyWhileEnoughOthersServe(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		strategy model.RollStrategy
		count    int
		there    int
		want     int
	}{
		"the default":                   {"", 3, 3, 3},
		"expand first":                  {model.ExpandFirst, 3, 3, 3},
		"contract first":                {model.ContractFirst, 3, 3, 2},
		"a single one, expand first":    {model.ExpandFirst, 1, 1, 1},
		"a single one, contract first":  {model.ContractFirst, 1, 1, 0},
		"scaled in at once":             {model.ExpandFirst, 2, 4, 2},
		"scaled in at once, contracted": {model.ContractFirst, 2, 4, 1},
	} {
		deletions := 0
		for _, step := range planned(withCPUs(c.count, 4, c.strategy), running(1, c.there)).Steps() {
			switch step := step.(type) {
			case model.DeleteNode:
				deletions++
				if step.Rollout == nil || step.Rollout.MinReady != c.want || !step.Drain {
					t.Errorf("%s: %+v", name, step)
				}
			case model.CreateNode:
				if !step.Rollout || step.First {
					t.Errorf("%s: %+v", name, step)
				}
			}
		}
		if deletions != c.there {
			t.Errorf("%s: %d deletions", name, deletions)
		}
	}
}

// Plans from what interrupted rollouts have left.
func TestRolloutResumes(t *testing.T) {
	t.Parallel()
	half := func(workers ...int) *model.Facts {
		f := running(1, 0)
		f.Record.Counters["w"] = 9
		for _, n := range workers {
			join(f, nodePool("w", 2), 0, n)
		}
		return built(f, func(m *model.Marker) {
			if m.Ordinal > 2 {
				m.CPU = 4
			}
		})
	}
	node := func(f *model.Facts, name string, with func(*model.KubeNode)) *model.Facts {
		n := f.API.Nodes[name]
		with(&n)
		f.API.Nodes[name] = n
		return f
	}
	notReady := func(n *model.KubeNode) { n.Ready = false }
	drained := func(n *model.KubeNode) { n.Unschedulable = true }
	notJoined := func(f *model.Facts, name string) *model.Facts {
		delete(f.API.Nodes, name)
		return f
	}
	unreadable := func(f *model.Facts, name string) *model.Facts {
		f.Unreadable = []string{name}
		return f
	}
	for name, c := range map[string]struct {
		strategy model.RollStrategy
		facts    *model.Facts
		want     string
	}{
		"the successor is there": {model.ExpandFirst, half(1, 2, 3),
			"delete_node c-w-1, create_node c-w-9, delete_node c-w-2"},
		"the predecessor is drained": {model.ExpandFirst, node(half(1, 2, 3), "c-w-2", drained),
			"delete_node c-w-2, create_node c-w-9, delete_node c-w-1"},
		"the successor has not joined": {model.ExpandFirst, notJoined(half(1, 2, 3), "c-w-3"),
			"delete_node c-w-3, create_node c-w-3, delete_node c-w-1, create_node c-w-9, delete_node c-w-2"},
		"the successor is being made": {model.ExpandFirst, unreadable(half(1, 2), "c-w-3"), ""},
		"one is left":                 {model.ExpandFirst, half(2, 3), "create_node c-w-9, delete_node c-w-2"},
		"the last one is left":        {model.ExpandFirst, half(2, 3, 4), "delete_node c-w-2"},
		"one is gone and not made": {model.ContractFirst, half(2),
			"create_node c-w-9, delete_node c-w-2, create_node c-w-10"},
		"one is gone and half made": {model.ContractFirst, notJoined(half(2, 3), "c-w-3"),
			"delete_node c-w-3, create_node c-w-3, delete_node c-w-2, create_node c-w-9"},
		"the one that is not ready": {model.ContractFirst, node(half(1, 2), "c-w-2", notReady),
			"delete_node c-w-2, create_node c-w-9, delete_node c-w-1, create_node c-w-10"},
		"the strategy was expand first": {model.ContractFirst, half(1, 2, 3),
			"delete_node c-w-1, delete_node c-w-2, create_node c-w-9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantSteps(t, planned(withCPUs(2, 4, c.strategy), c.facts), c.want)
		})
	}
}

// The old configuration is back while a successor is there: that is what goes.
func TestRolloutThatIsRevertedDeletesTheSuccessor(t *testing.T) {
	t.Parallel()
	f := built(running(1, 3), func(m *model.Marker) {
		if m.Ordinal == 3 {
			m.CPU = 4
		}
	})
	wantSteps(t, planned(small(1, 2), f), "delete_node c-w-3")
}

func TestRolloutReplacesANodeByOneOfTheSameIPPool(t *testing.T) {
	t.Parallel()
	s := withCPUs(2, 4, "")
	other := place(otherPoolID)
	s.Workers[0].Placements = append(s.Workers[0].Placements, other)
	before := s.Workers[0]
	before.CPU = 2
	f := running(1, 0)
	join(f, before, 1, 1)
	join(f, before, 0, 2)
	p := planned(s, f)
	wantSteps(t, p, "create_node c-w-3, delete_node c-w-2, create_node c-w-4, delete_node c-w-1")
	if pools := p.Rebuilds(); pools["c-w-3"] != poolID || pools["c-w-4"] != otherPoolID {
		t.Errorf("IP pools %v", pools)
	}
}
