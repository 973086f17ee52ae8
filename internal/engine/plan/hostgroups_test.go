package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func groupFor(hostGroup string, vms ...string) model.HostedGroup {
	return model.HostedGroup{
		ComputeCluster: compute, ComputeClusterName: "compute", HostGroup: hostGroup, Made: true, VMs: vms, RuleKey: 3, Kept: true,
	}
}

func TestGroupsThatAreNotAsTheyAreToBe(t *testing.T) {
	t.Parallel()
	three := []string{"vm-c-cp-1", "vm-c-cp-2", "vm-c-cp-3"}
	const step = "place_nodes compute"
	changed := func(change func(*model.HostedGroup)) []model.HostedGroup {
		g := groupFor("left", three...)
		change(&g)
		return []model.HostedGroup{g}
	}
	for name, c := range map[string]struct {
		hostGroup string
		groups    []model.HostedGroup
		change    func(*model.ClusterSpec, *model.Facts)
		want      string
	}{
		"none is asked for":       {},
		"there is none":           {hostGroup: "left", want: step},
		"it is whole":             {hostGroup: "left", groups: []model.HostedGroup{groupFor("left", three...)}},
		"a VM was taken out":      {hostGroup: "left", groups: []model.HostedGroup{groupFor("left", three[1:]...)}, want: step},
		"others have added a VM":  {hostGroup: "left", groups: []model.HostedGroup{groupFor("left", append(slices.Clone(three), "vm-x")...)}},
		"the rule asks otherwise": {hostGroup: "left", groups: changed(func(g *model.HostedGroup) { g.Kept = false }), want: step},
		"the rule is off":         {hostGroup: "left", groups: changed(func(g *model.HostedGroup) { g.Off = true })},
		"the host group is gone, and its rule": {hostGroup: "left", groups: changed(func(g *model.HostedGroup) {
			g.Kept, g.RuleKey, g.Lost = false, 0, true
		})},
		"the rule is gone":         {hostGroup: "left", groups: changed(func(g *model.HostedGroup) { g.Kept, g.RuleKey = false, 0 }), want: step},
		"the VM group is gone":     {hostGroup: "left", groups: changed(func(g *model.HostedGroup) { g.Made, g.VMs = false, nil }), want: step},
		"another one is asked for": {hostGroup: "right", groups: []model.HostedGroup{groupFor("left", three...)}, want: step},
		"none is asked for any more": {
			groups: []model.HostedGroup{groupFor("left", three...)}, want: step,
		},
		"none is asked for, and others have a VM in it": {groups: []model.HostedGroup{groupFor("left", "vm-x")}},
		"no VM is in it": {hostGroup: "right", groups: []model.HostedGroup{groupFor("right", three...), groupFor("left")}, want: step},
		"DRS is off": {hostGroup: "left", change: func(_ *model.ClusterSpec, f *model.Facts) {
			f.Hosting[0].DRS = false
			f.Hosting[1].DRS = false
		}},
		"no plan has shown it": {hostGroup: "left", change: func(s *model.ClusterSpec, _ *model.Facts) { s.Placed = map[string]bool{} }},
		"a plan has": {hostGroup: "left", want: step, change: func(s *model.ClusterSpec, _ *model.Facts) {
			s.Placed = map[string]bool{"compute": true}
		}},
		"the VMs were moved to another compute cluster": {hostGroup: "left", change: func(_ *model.ClusterSpec, f *model.Facts) {
			for i := range f.Machines {
				f.Machines[i].Marker.References.ComputeCluster = "ClusterComputeResource:domain-c9"
			}
		}},
	} {
		s, f := small(3, 2), running(3, 2)
		s.ControlPlane.Placements[0].HostGroup = c.hostGroup
		hosted(f, "cp", 3, 3)
		hosted(f, "w", 2, 3)
		f.Rules = []model.Rule{ruleOf("cp", three...)}
		f.Groups = c.groups
		if c.change != nil {
			c.change(s, f)
		}
		if got := names(planned(s, f)); got != c.want {
			t.Errorf("%s: planned %q, want %q", name, got, c.want)
		}
	}
}

// Placements that differ in nothing but their host group share nodes evenly, and nodes stay
// where they are.
func TestPlacementsThatDifferInTheirHostGroup(t *testing.T) {
	t.Parallel()
	s, f := small(1, 4), running(1, 3)
	hosted(f, "w", 3, 3)
	place := s.Workers[0].Placements[0]
	s.Workers[0].Placements = []model.Placement{place, place}
	s.Workers[0].Placements[0].HostGroup = "left"
	s.Workers[0].Placements[1].HostGroup = "right"
	for _, c := range []struct {
		groups   []model.HostedGroup
		want     string
		fourthAt int
	}{
		{nil, "map[vm-c-w-1:left vm-c-w-2:right vm-c-w-3:left]", 1},
		{[]model.HostedGroup{groupFor("left", "vm-c-w-3"), groupFor("right", "vm-c-w-1", "vm-c-w-2")},
			"map[vm-c-w-1:right vm-c-w-2:right vm-c-w-3:left]", 0},
		{[]model.HostedGroup{groupFor("left", "vm-c-w-2"), groupFor("former", "vm-c-w-1", "vm-c-w-3")}, // renamed
			"map[vm-c-w-1:right vm-c-w-2:left vm-c-w-3:left]", 1},
	} {
		f.Groups = c.groups
		if got := plan.HostGroups(s, f, compute); fmt.Sprint(got) != c.want {
			t.Errorf("with %v: %v, want %s", c.groups, got, c.want)
		}
		for _, step := range planned(s, f).Steps() {
			if n, ok := step.(model.CreateNode); ok && n.Placement.Index != c.fourthAt {
				t.Errorf("with %v: %s is placed on %d, not %d", c.groups, n.Node, n.Placement.Index, c.fourthAt)
			}
		}
	}
}

// Whatever there is of groups and their rules, and whatever is asked for: each round of edits is
// one that vCenter takes, and after three there is none; VMs of others stay where they are.
func TestGroupEditsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"a", "b", "c"}
		wanted := map[string]string{}
		for n := range rapid.IntRange(0, 4).Draw(t, "VMs") {
			wanted[fmt.Sprintf("vm-%d", n)] = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "host group")
		}
		there := map[string]model.HostedGroup{}
		foreign := map[string]bool{}
		for _, name := range names {
			g := model.HostedGroup{HostGroup: name, Made: rapid.Bool().Draw(t, "made "+name)}
			if rapid.Bool().Draw(t, "a rule of "+name) {
				g.RuleKey = 1
				g.Kept = rapid.Bool().Draw(t, "kept "+name)
			}
			for _, vm := range []string{"vm-0", "vm-1", "vm-2", "vm-x"} {
				if g.Made && rapid.Bool().Draw(t, vm+" in "+name) {
					g.VMs = append(g.VMs, vm)
					_, ours := wanted[vm]
					foreign[name] = foreign[name] || !ours
				}
			}
			if g.Made || g.RuleKey != 0 {
				there[name] = g
			}
		}
		list := func() (all []model.HostedGroup) {
			for _, name := range names {
				if g, ok := there[name]; ok {
					all = append(all, g)
				}
			}
			return all
		}
		for range 3 {
			for _, edit := range plan.GroupEdits(list(), wanted) {
				there = edited(t, there, edit)
			}
		}
		if again := plan.GroupEdits(list(), wanted); len(again) > 0 {
			t.Fatalf("after them there are %+v of %+v", again, list())
		}
		for vm, name := range wanted {
			for _, g := range list() {
				if slices.Contains(g.VMs, vm) != (g.HostGroup == name) || g.HostGroup == name && !g.Kept {
					t.Fatalf("%s is to be in %q: %+v", vm, name, g)
				}
			}
		}
		for _, g := range list() {
			if len(g.VMs) == 0 {
				t.Fatalf("%+v is left", g)
			}
		}
		for name := range foreign {
			if _, ok := there[name]; foreign[name] && !ok {
				t.Fatalf("%s is gone with VMs of others", name)
			}
		}
	})
}

// edited is what becomes of groups by an edit, which vCenter has to take.
func edited(t *rapid.T, there map[string]model.HostedGroup, edit model.GroupEdit) map[string]model.HostedGroup {
	g, ok := there[edit.HostGroup]
	had := g
	refused := false
	switch edit.Group {
	case model.Add:
		refused = had.Made
		g.Made, g.VMs = true, edit.VMs
	case model.Edit:
		refused = !had.Made
		g.VMs = edit.VMs
	case model.Remove:
		refused = !had.Made || had.RuleKey != 0
		g.Made = false
	}
	switch edit.Rule {
	case model.Add:
		refused = refused || !had.Made || had.RuleKey != 0
		g.RuleKey, g.Kept = 2, true
	case model.Edit:
		refused = refused || !had.Made || had.RuleKey == 0 || edit.RuleKey != had.RuleKey
		g.Kept = true
	case model.Remove:
		refused = refused || had.RuleKey == 0 || edit.RuleKey != had.RuleKey
		g.RuleKey, g.Kept = 0, false
	}
	if refused || !ok && edit.Group != model.Add {
		t.Fatalf("vCenter refuses %+v with %+v", edit, had)
	}
	g.HostGroup = edit.HostGroup
	there[edit.HostGroup] = g
	if !g.Made && g.RuleKey == 0 {
		delete(there, edit.HostGroup)
	}
	return there
}

func TestDestroyDeletesGroupsAfterTheirRules(t *testing.T) {
	t.Parallel()
	s, f := small(3, 0), running(3, 0)
	left := groupFor("right", "vm-x")
	left.RuleKey = 0
	f.Rules = []model.Rule{ruleOf("cp", "vm-c-cp-1")}
	f.Groups = []model.HostedGroup{groupFor("left"), left}
	steps := ruleDeletionsOf(t, plan.Destroy(s.Target(), f, &model.Limits{}))
	edits := steps[0].Edits
	want := []model.GroupEdit{{HostGroup: "left", Rule: model.Remove, RuleKey: 3}, {HostGroup: "right", Group: model.Remove}}
	if len(steps) != 1 || len(edits.Edits) != 1 || fmt.Sprint(edits.Groups) != fmt.Sprint(want) {
		t.Errorf("deletes %+v", steps)
	}
}
