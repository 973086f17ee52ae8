package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// onCompute are placements on compute clusters of these names that have the rest in common.
func onCompute(names ...string) []model.Placement {
	var placements []model.Placement
	for _, name := range names {
		p := place(poolID)
		p.ComputeCluster = name
		placements = append(placements, p)
	}
	return placements
}

// spreadOf are how many control-plane nodes there are by compute cluster.
func spreadOf(f *model.Facts) map[string]int {
	counts := map[string]int{}
	for _, m := range f.Machines {
		if m.Marker.ControlPlane() {
			counts[m.Marker.ComputeCluster]++
		}
	}
	return counts
}

func TestControlPlaneSpreadsOverItsPlacements(t *testing.T) {
	t.Parallel()
	s := small(3, 0)
	s.ControlPlane.Placements = onCompute("a", "b")
	p := planned(s, &model.Facts{})
	if p.Err() != nil {
		t.Fatal(p.Problems)
	}
	var at []int
	for _, step := range p.Steps() {
		if create, ok := step.(model.CreateNode); ok {
			at = append(at, create.Placement.Index)
		}
	}
	if !slices.Equal(at, []int{0, 1, 0}) {
		t.Errorf("placed on %v", at)
	}
	warned := checked(s, &model.Facts{}, func() *model.Limits {
		l := limitsFor(s, 100)
		setHosts(l, host("x"), host("y"))
		return l
	}())
	if len(warned.Warnings) > 0 {
		t.Errorf("two nodes on two hosts: %v", warned.Warnings)
	}
}

func TestControlPlaneEvensOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		count         int
		before, after []string
		lost          string
		want          map[string]int
		steps         int // nodes that are created
	}{
		"a placement is added": {count: 3, before: []string{"a"}, after: []string{"a", "b"}, want: map[string]int{"a": 3}},
		"in another order":     {count: 3, before: []string{"a", "b"}, after: []string{"b", "a"}, want: map[string]int{"a": 2, "b": 1}},
		"one is removed": {
			count: 3, before: []string{"a", "b", "c"}, after: []string{"a", "c"}, want: map[string]int{"a": 2, "c": 1}, steps: 1,
		},
		"all are others": {count: 3, before: []string{"a"}, after: []string{"b", "c"}, want: map[string]int{"b": 2, "c": 1}, steps: 3},
		"one is lost": {
			count: 3, before: []string{"a", "b"}, after: []string{"a", "b"}, lost: "c-cp-2", want: map[string]int{"a": 2, "b": 1}, steps: 1,
		},
		"five on two": {count: 5, before: []string{"a"}, after: []string{"b", "c"}, want: map[string]int{"b": 3, "c": 2}, steps: 5},
	} {
		s := small(c.count, 0)
		s.ControlPlane.Placements = onCompute(c.before...)
		f := running(0, 0)
		f.Record.Counters = map[string]int{model.ControlPlanePool: c.count + 1}
		for n := range c.count {
			join(f, s.ControlPlane, n%len(c.before), n+1)
		}
		if c.lost != "" {
			lose(f, c.lost)
		}
		s.ControlPlane.Placements = onCompute(c.after...)
		p := planned(s, f)
		if p.Err() != nil {
			t.Fatalf("%s: %v", name, p.Problems)
		}
		created := 0
		f.Record.Counters = p.Numbers.Next
		for _, step := range p.Steps() {
			if _, ok := step.(model.CreateNode); ok {
				created++
			}
			play(f, step, false)
		}
		if got := spreadOf(f); created != c.steps || !maps.Equal(got, c.want) {
			t.Errorf("%s: %d created, on %v; want %d, %v (%s)", name, created, got, c.steps, c.want, names(p))
		}
	}
}

// However the placements of a control plane change, and whatever is lost, the nodes that a
// plan builds even out what stays, and the next plan moves none of them.
func TestControlPlaneSpreadIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.Permutation([]string{"a", "b", "c", "d"})
		before := some.Draw(t, "before")[:rapid.IntRange(1, 4).Draw(t, "placements before")]
		after := some.Draw(t, "after")[:rapid.IntRange(1, 4).Draw(t, "placements after")]
		count := rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "count")
		s := small(count, 0)
		s.ControlPlane.Placements = onCompute(before...)
		f := running(0, 0)
		f.Record.Counters = map[string]int{model.ControlPlanePool: count + 1}
		for n := range count {
			join(f, s.ControlPlane, rapid.IntRange(0, len(before)-1).Draw(t, fmt.Sprintf("placement of %d", n)), n+1)
		}
		if count > 1 && rapid.Bool().Draw(t, "one is lost") {
			lose(f, "c-cp-2")
		}
		s.ControlPlane.Placements = onCompute(after...)
		stays := map[string]int{}
		for where, n := range spreadOf(f) {
			if slices.Contains(after, where) {
				stays[where] = n
			}
		}
		for round := 0; ; round++ {
			p := planned(s, f)
			if p.Err() != nil {
				t.Fatal(p.Problems)
			}
			if len(p.Steps()) == 0 {
				break
			}
			if round > 1 {
				t.Fatalf("the plan after two applies has %s", names(p))
			}
			f.Record.Counters = p.Numbers.Next
			for _, step := range p.Steps() {
				play(f, step, false)
			}
		}
		got, all := spreadOf(f), 0
		for _, where := range after {
			all += got[where]
		}
		if all != count || len(f.Machines) != count {
			t.Fatalf("%d of %d nodes are on %v: %v", all, count, after, got)
		}
		if uneven(got, after) && !uneven(stays, after) {
			t.Fatalf("%v on %v, of which %v stay", got, after, stays)
		}
	})
}

// uneven reports whether nodes are not spread evenly. Nothing is moved for that.
func uneven(counts map[string]int, placements []string) bool {
	least, most := 5, 0
	for _, where := range placements {
		least = min(least, counts[where])
		most = max(most, counts[where])
	}
	return most-least > 1
}

func TestControlPlaneHasOneNetworkAndOneIPPool(t *testing.T) {
	t.Parallel()
	s := small(3, 0)
	s.ControlPlane.Placements = onCompute("a", "b")
	at := model.PlacementRef{NodePool: model.ControlPlanePool, Index: 1}
	l := limitsFor(s, 100)
	resolved := l.Site.Placements[at]
	resolved.Network = model.Network{Ref: "ref-other", Path: "/dc/network/switch-2/network"}
	l.Site.Placements[at] = resolved
	for name, facts := range map[string]*model.Facts{"new": {}, "running": running(3, 0)} {
		p := checked(s, facts, l)
		if got := on(p.Problems, at.Field(model.FieldNetwork)); !says(got, "/dc/network/switch-2/network", "share one network") {
			t.Errorf("%s: %v", name, p.Problems)
		}
	}
	s.ControlPlane.Placements[1].IPPoolID = otherPoolID
	p := planned(s, &model.Facts{})
	if got := on(p.Problems, at.Field(model.FieldIPPool)); !says(got, "Another IP pool", "share one network and one IP pool") {
		t.Errorf("%v", p.Problems)
	}
	s.Workers = []model.NodePool{nodePool("w", 1)}
	s.Workers[0].Placements = append(s.Workers[0].Placements, place(otherPoolID))
	s.ControlPlane.Placements[1].IPPoolID = poolID
	if p := planned(s, &model.Facts{}); p.Err() != nil {
		t.Errorf("workers may have several: %v", p.Problems)
	}
}

// The load balancer goes on where it is as long as that is a placement of the control plane.
func TestLoadBalancerStaysOnAPlacement(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		after    []string
		replaced bool
	}{
		"as it was":        {[]string{"compute"}, false},
		"another first":    {[]string{"b", "compute"}, false},
		"its one is added": {[]string{"compute", "b"}, false},
		"its one is gone":  {[]string{"b"}, true},
	} {
		s := leased(1, 0)
		f := leasedRunning(1, 0)
		s.ControlPlane.Placements = onCompute(c.after...)
		for i := range s.ControlPlane.Placements {
			s.ControlPlane.Placements[i].IPPoolID = leased(1, 0).ControlPlane.Placements[0].IPPoolID
		}
		p := checked(s, f, limitsFor(s, 100))
		replaced := slices.ContainsFunc(p.Steps(), func(step model.Step) bool {
			_, ok := step.(model.ReplaceLoadBalancer)
			return ok
		})
		if replaced != c.replaced {
			t.Errorf("%s: %s", name, names(p))
		}
	}
}
