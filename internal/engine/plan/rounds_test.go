package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// wide is a cluster whose workers are replaced by larger ones, several at once.
func wide(workers int, with func(*model.NodePool)) *model.ClusterSpec {
	s := withCPUs(workers, 4, "")
	with(&s.Workers[0])
	return s
}

func surging(n int) func(*model.NodePool) { return func(p *model.NodePool) { p.MaxSurge = n } }

func contracting(n int) func(*model.NodePool) {
	return func(p *model.NodePool) {
		p.Strategy = model.ContractFirst
		p.MaxUnavailable = n
	}
}

// shape are the stages of a plan in brief: a line for each, with "=" before those whose
// steps run side by side, and its pause.
func shape(p *model.Plan) string {
	var lines []string
	for _, s := range p.Stages {
		words := s.Name + ":"
		if s.Parallel {
			words = "=" + words
		}
		for _, step := range s.Steps {
			words += " " + strings.NewReplacer("create_node c-w-", "+", "delete_node c-w-", "-").Replace(step.Change().String())
		}
		if s.Pause > 0 {
			words += fmt.Sprintf(" after %s", s.Pause)
		}
		lines = append(lines, words)
	}
	return strings.Join(lines, "\n")
}

func TestRolloutReplacesSeveralNodesAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		there int
		with  func(*model.NodePool)
		want  []string
	}{
		"a surge of two": {5, surging(2), []string{
			"=rollout of w: +6 +7", "=rollout of w: -1 -2", "=rollout of w: +8 +9", "=rollout of w: -3 -4",
			"=rollout of w: +10", "=rollout of w: -5"}},
		"a surge beyond the pool": {2, surging(9), []string{"=rollout of w: +3 +4", "=rollout of w: -1 -2"}},
		"two unavailable": {3, contracting(2), []string{
			"=rollout of w: -1 -2", "=rollout of w: +4 +5", "=rollout of w: -3", "=rollout of w: +6"}},
		"one at a time with pauses": {3, func(p *model.NodePool) { p.NodePause = time.Minute }, []string{
			"rollout of w: +4 -1", "rollout of w: +5 -2 after 1m0s", "rollout of w: +6 -3 after 1m0s"}},
		"two at a time with pauses": {4, func(p *model.NodePool) { p.NodePause, p.MaxSurge = time.Minute, 2 }, []string{
			"=rollout of w: +5 +6", "=rollout of w: -1 -2", "=rollout of w: +7 +8 after 1m0s", "=rollout of w: -3 -4"}},
		// The other strategy's bound means nothing.
		"max_unavailable of expand first": {2, func(p *model.NodePool) { p.MaxUnavailable = 2 }, []string{"rollout of w: +3 -1 +4 -2"}},
	} {
		p := planned(wide(c.there, c.with), running(1, c.there))
		if got, want := shape(p), strings.Join(c.want, "\n"); got != want || p.Err() != nil {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, p.Problems, got, want)
		}
		for _, s := range p.Stages {
			if !s.Rollout || s.OnFailure != model.SkipRollouts {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// Rollouts that were interrupted with several successors there go on within their bound.
func TestRolloutOfSeveralAtOnceResumes(t *testing.T) {
	t.Parallel()
	half := func(next int, workers ...int) *model.Facts {
		f := running(1, 0)
		f.Record.Counters["w"] = next
		for _, n := range workers {
			join(f, nodePool("w", 3), 0, n)
		}
		return built(f, func(m *model.Marker) {
			if m.Ordinal > 3 {
				m.CPU = 4
			}
		})
	}
	notJoined := func(f *model.Facts, name string) *model.Facts {
		delete(f.API.Nodes, name)
		return f
	}
	for name, c := range map[string]struct {
		with  func(*model.NodePool)
		facts *model.Facts
		want  []string
	}{
		"both successors are there": {surging(2), half(6, 1, 2, 3, 4, 5), []string{
			"=rollout of w: -1 -2", "=rollout of w: +6", "=rollout of w: -3"}},
		"one of them has not joined": {surging(2), notJoined(half(6, 1, 2, 3, 4, 5), "c-w-5"), []string{
			"=cleanup: -5", "=rollout of w: -1", "=rollout of w: +5 +6", "=rollout of w: -2 -3"}},
		"one predecessor is gone": {surging(2), half(6, 2, 3, 4, 5), []string{
			"=rollout of w: -2", "=rollout of w: +6", "=rollout of w: -3"}},
		"the surge is smaller now": {surging(1), half(6, 1, 2, 3, 4, 5), []string{"rollout of w: -1 -2 +6 -3"}},
		"two are gone and not made": {contracting(2), half(4, 3), []string{
			"=workers: +4 +5", "=rollout of w: -3", "=rollout of w: +6"}},
		"one of two is made": {contracting(2), half(5, 3, 4), []string{
			"=workers: +5", "=rollout of w: -3", "=rollout of w: +6"}},
	} {
		p := planned(wide(3, c.with), c.facts)
		if got, want := shape(p), strings.Join(c.want, "\n"); got != want || p.Err() != nil {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, p.Problems, got, want)
		}
	}
}

// How many other nodes must serve before one is deleted of several at once.
func TestRolloutOfSeveralAtOnceKeepsEnoughServing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		with func(*model.NodePool)
		want int
	}{
		"a surge of two":       {surging(2), 5},
		"two unavailable":      {contracting(2), 3},
		"more than there are":  {contracting(9), 0},
		"one, contract first":  {contracting(0), 4},
		"a surge of the whole": {surging(5), 5},
	} {
		for _, step := range planned(wide(5, c.with), running(1, 5)).Steps() {
			if gone, ok := step.(model.DeleteNode); ok && (gone.Rollout == nil || gone.Rollout.MinReady != c.want) {
				t.Errorf("%s: %+v, want %d", name, gone.Rollout, c.want)
			}
		}
	}
}

func TestRolloutOfSeveralAtOnceIsAnnounced(t *testing.T) {
	t.Parallel()
	s := wide(3, func(p *model.NodePool) { p.MaxSurge, p.NodePause = 2, 90*time.Second })
	p := planned(s, running(1, 3))
	if !says(p.Warnings, `Worker pool "w" is rolled`, "deletes 3 of its nodes, at most 2 at a time with a pause of 1m30s between them, each") {
		t.Errorf("got %v", p.Warnings)
	}
}

// What surges need of their IP pools, at once and in the plan that creates the cluster.
func TestBudgetCountsTheSurge(t *testing.T) {
	t.Parallel()
	twoPools := func(p *model.NodePool) {
		p.MaxSurge = 3
		p.Placements = append(p.Placements, place(otherPoolID))
	}
	for name, c := range map[string]struct {
		facts *model.Facts
		count int
		with  func(*model.NodePool)
		free  int // in each IP pool
		want  []string
	}{
		"created with room for the surge": {&model.Facts{}, 4, surging(3), 10, nil},
		"created without": {&model.Facts{}, 4, surging(3), 9,
			[]string{"10 are needed", "4 for worker pool w, 3 for rolling workers (expand_first)", "smaller max_surge"}},
		"no more than there are nodes": {&model.Facts{}, 2, surging(9), 7, nil},
		"over two IP pools":            {&model.Facts{}, 4, twoPools, 7, nil}, // of four nodes two, and of three more at most two
		"over two that are too small":  {&model.Facts{}, 4, twoPools, 6, []string{"7 are needed", "2 for rolling workers"}},
		"contract first needs none":    {&model.Facts{}, 4, contracting(3), 7, nil},
		"rolled":                       {running(1, 4), 4, surging(3), 3, nil},
		"rolled without room":          {running(1, 4), 4, surging(3), 2, []string{"3 are needed: 3 for rolling worker pool w"}},
	} {
		s := wide(c.count, c.with)
		l := limitsFor(s, 100)
		for id := range l.IPPools {
			change(l, id, func(p *model.IPPool) { p.Taken = 100 - c.free })
		}
		p := checked(s, c.facts, l)
		if c.want == nil && p.Err() != nil || c.want != nil && !says(p.Problems, c.want...) {
			t.Errorf("%s: %v", name, p.Problems)
		}
	}
}

func TestPodNetworkHasRangesForTheSurge(t *testing.T) {
	t.Parallel()
	for surge, fits := range map[int]bool{2: true, 3: false} {
		s := wide(5, surging(surge)) // with the control plane's and the surge of two, eight
		s.PodCIDR = "192.168.0.0/21"
		p := checked(s, &model.Facts{}, limitsFor(s, 100))
		if says(p.Problems, "The pod network is too small", fmt.Sprintf("and %d for rolling", surge)) == fits {
			t.Errorf("a surge of %d: %v", surge, p.Problems)
		}
	}
}
