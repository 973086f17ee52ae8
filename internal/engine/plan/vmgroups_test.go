package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

func vmGroup(name string, vms ...string) model.VMGroup {
	return model.VMGroup{ComputeCluster: compute, ComputeClusterName: "compute", Name: name, VMs: vms}
}

func recordedGroup(name string, others ...int) record.VMGroup {
	g := record.VMGroup{ComputeCluster: compute, Name: name}
	if len(others) > 0 {
		g.Others = map[string][]int{"cp": others}
	}
	return g
}

func TestVMGroupsThatAreNotAsTheyAreToBe(t *testing.T) {
	t.Parallel()
	three := []string{"vm-c-cp-1", "vm-c-cp-2", "vm-c-cp-3"}
	const step = "place_nodes compute"
	a, b := recordedGroup("a"), recordedGroup("b")
	type records = []record.VMGroup
	type groups = []model.VMGroup
	for name, c := range map[string]struct {
		vmGroup string
		record  records
		groups  groups
		change  func(*model.ClusterSpec, *model.Facts)
		want    string
	}{
		"none is asked for":         {},
		"VMs were never put in it":  {vmGroup: "a", want: step},
		"all are in it":             {vmGroup: "a", record: records{a}, groups: groups{vmGroup("a", three...)}},
		"one was taken out":         {vmGroup: "a", record: records{a}, groups: groups{vmGroup("a", three[1:]...)}, want: step},
		"another one is asked for":  {vmGroup: "b", record: records{a}, groups: groups{vmGroup("a", three...)}, want: step},
		"none is asked for anymore": {record: records{a}, groups: groups{vmGroup("a", three...)}, want: step},
		"a run has died that took them out": {
			vmGroup: "b", record: records{a, b}, groups: groups{vmGroup("a"), vmGroup("b", three...)}, want: step,
		},
		"the former one was deleted":      {record: records{a}, want: step},
		"it was deleted":                  {vmGroup: "a", record: records{a}},
		"all of them are there by others": {record: records{recordedGroup("a", 1, 2, 3)}, groups: groups{vmGroup("a", three...)}, want: step},
		"DRS is off, and none would join": {vmGroup: "a", change: withoutDRS},
		"DRS is off, and they are in another": {
			vmGroup: "b", record: records{a}, groups: groups{vmGroup("a", three...)}, change: withoutDRS, want: step,
		},
		"one is hidden": {record: records{recordedGroup("a", 1, 2, 3)}, groups: groups{vmGroup("a")}, change: func(
			s *model.ClusterSpec, f *model.Facts,
		) {
			s.Workers[0].Count = 3
			f.Record.Counters["w"] = 4
			f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-w-3", Ref: "vm-c-w-3"}}}
			f.API.Nodes["c-w-3"] = model.KubeNode{Name: "c-w-3", Ready: true}
		}},
		"no plan has shown it": {vmGroup: "a", change: func(s *model.ClusterSpec, _ *model.Facts) { s.Placed = map[string]bool{} }},
	} {
		s, f := small(3, 2), running(3, 2)
		s.ControlPlane.Placements[0].VMGroup = c.vmGroup
		hosted(f, "cp", 3, 3)
		hosted(f, "w", 2, 3)
		f.Rules = []model.Rule{ruleOf("cp", three...)}
		f.VMGroups = c.groups
		f.Record.VMGroups = c.record
		if c.change != nil {
			c.change(s, f)
		}
		if got := names(planned(s, f)); got != c.want {
			t.Errorf("%s: planned %q, want %q", name, got, c.want)
		}
	}
}

func withoutDRS(_ *model.ClusterSpec, f *model.Facts) {
	for i := range f.Hosting {
		f.Hosting[i].DRS = false
	}
}

// Placements that differ in their groups alone share nodes evenly, and a node stays where most of
// a placement's groups have it.
func TestPlacementsThatDifferInTheirGroups(t *testing.T) {
	t.Parallel()
	s, f := small(1, 3), running(1, 3)
	hosted(f, "w", 3, 3)
	place := s.Workers[0].Placements[0]
	s.Workers[0].Placements = []model.Placement{place, place}
	for i, name := range []string{"a", "b"} {
		s.Workers[0].Placements[i].VMGroup = name
		s.Workers[0].Placements[i].HostGroup = "left"
	}
	f.Groups = []model.HostedGroup{groupFor("left", "vm-c-w-1", "vm-c-w-2", "vm-c-w-3")}
	if got := plan.VMGroups(s, f, compute); fmt.Sprint(got) != "map[vm-c-w-1:a vm-c-w-2:b vm-c-w-3:a]" {
		t.Errorf("in no VM group: %v", got)
	}
	f.VMGroups = []model.VMGroup{vmGroup("b", "vm-c-w-1", "vm-c-w-3")}
	if got := plan.VMGroups(s, f, compute); fmt.Sprint(got) != "map[vm-c-w-1:b vm-c-w-2:a vm-c-w-3:b]" {
		t.Errorf("two in the second: %v", got)
	}
}

// Whoever is in groups, and whatever is asked for: edits end, keep all that others have put
// there, and leave no VM of the cluster in a group that it is not to be in, but by others.
func TestVMGroupEditsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		j := plan.Joined{Wanted: map[string]string{}, Nodes: map[string]model.Marker{}, Joins: rapid.Bool().Draw(t, "DRS")}
		for n := range 3 {
			vm := fmt.Sprintf("vm-%d", n)
			j.Nodes[vm] = model.Marker{NodePool: "cp", Ordinal: n}
			if rapid.IntRange(0, 3).Draw(t, vm+" is placed") > 0 {
				j.Wanted[vm] = rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "group")
			}
		}
		before := map[string][]string{}
		for _, name := range []string{"a", "b", "c"} {
			var others []int
			for n := range 3 {
				if rapid.IntRange(0, 3).Draw(t, "by others") == 0 {
					others = append(others, n)
				}
			}
			if rapid.Bool().Draw(t, name+" is recorded") {
				j.Record = append(j.Record, recordedGroup(name, others...))
			}
			var vms []string
			for _, vm := range []string{"vm-0", "vm-1", "vm-2", "vm-x"} {
				if rapid.Bool().Draw(t, vm+" is in "+name) {
					vms = append(vms, vm)
				}
			}
			if rapid.IntRange(0, 4).Draw(t, name+" is there") > 0 {
				j.Groups = append(j.Groups, vmGroup(name, vms...))
				before[name] = vms
			}
		}
		for _, edit := range j.Edits() {
			i := slices.IndexFunc(j.Groups, func(g model.VMGroup) bool { return g.Name == edit.Name })
			j.Groups[i].VMs = edit.VMs
		}
		if again := j.Edits(); len(again) > 0 {
			t.Fatalf("after them there are %+v", again)
		}
		for _, g := range j.Groups {
			for _, vm := range []string{"vm-0", "vm-1", "vm-2", "vm-x"} {
				to, placed := j.Wanted[vm]
				i := slices.IndexFunc(j.Record, func(r record.VMGroup) bool { return r.Name == g.Name })
				given := i >= 0 && !slices.Contains(j.Record[i].Others["cp"], j.Nodes[vm].Ordinal) && vm != "vm-x"
				was := slices.Contains(before[g.Name], vm)
				want := was && (!placed || to == g.Name || !given) || !was && placed && to == g.Name && j.Joins
				if slices.Contains(g.VMs, vm) != want {
					t.Fatalf("%s is to be in %q: it was in %q: %t, and now: %+v", vm, to, g.Name, was, g)
				}
			}
		}
	})
}

// What keeps nodes out of their VM group is told on the attribute: as an error where there is no
// such group, and else as a warning.
func TestVMGroupsThatCannotBe(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.Workers[0].Placements[0].VMGroup = "a"
	field := model.PlacementRef{NodePool: "w"}.Field(model.FieldVMGroup)
	l := limitsFor(s, 100)
	if p := checked(s, &model.Facts{}, l); len(p.Warnings)+len(p.Problems) > 0 {
		t.Errorf("all is well: %v, %v", p.Warnings, p.Problems)
	}
	lacks := map[string][]string{"ref-compute": {"Host.Inventory.EditCluster"}}
	l.Lacks = lacks
	warned := checked(s, &model.Facts{}, l)
	if p := warned; !says(on(p.Warnings, field), "not in their VM group", "Host.Inventory.EditCluster", `"a"`) || len(p.Problems) > 0 {
		t.Errorf("the privilege is missing: %v, %v", p.Warnings, p.Problems)
	}
	l.Lacks = nil
	for ref, place := range l.Site.Placements {
		place.DRS = false
		l.Site.Placements[ref] = place
	}
	if p := checked(s, &model.Facts{}, l); !says(on(p.Warnings, field), "not in their VM group", "DRS is off") || len(p.Problems) > 0 {
		t.Errorf("DRS is off: %v, %v", p.Warnings, p.Problems)
	}

	f := running(1, 2)
	hosted(f, "cp", 1, 2)
	hosted(f, "w", 2, 2)
	for i := range f.Hosting {
		f.Hosting[i].ComputeCluster = "ref-compute"
	}
	l = limitsFor(s, 100)
	l.Findings.Refuse(field, "Unknown VM group", "none")
	if p := checked(s, f, l); names(p) != "place_nodes compute" || !says(on(p.Problems, field), "Unknown VM group") {
		t.Errorf("it is asked for first: %s, %v", names(p), p.Problems)
	}
	f.Record.VMGroups = []record.VMGroup{{ComputeCluster: "ref-compute", Name: "a"}}
	if p := checked(s, f, l); !p.Empty() || len(p.Problems) > 0 || !says(on(p.Warnings, field), "VM group is gone", `"a"`) {
		t.Errorf("it was deleted: %s, %v, %v", names(p), p.Problems, p.Warnings)
	}
	s.Workers[0].Count = 3
	if p := checked(s, f, l); !says(on(p.Problems, field), "Unknown VM group") {
		t.Errorf("a node is built there: %v", p.Problems)
	}
	s.Workers[0].Count = 2
	f.VMGroups = []model.VMGroup{{ComputeCluster: "ref-compute", Name: "a", VMs: []string{"vm-c-w-1"}}}
	l = limitsFor(s, 100)
	l.Lacks = lacks
	p := checked(s, f, l)
	if len(p.Problems) > 0 || !says(on(p.Warnings, field), "Host.Inventory.EditCluster") {
		t.Errorf("others have taken one out, and the privilege is gone: %v, %v", p.Problems, p.Warnings)
	}
	if plan.WithoutSpreading(p, l); !p.Empty() {
		t.Errorf("what the account may not do is planned: %s", names(p))
	}
}

func TestConditionOfVMGroups(t *testing.T) {
	t.Parallel()
	s, f := small(1, 2), running(1, 2)
	hosted(f, "w", 2, 2)
	reason := func() string {
		st := plan.Status(s, f, nil, today)
		if st.Health != model.Healthy {
			t.Errorf("it is %s: %+v", st.Health, st.Conditions)
		}
		for _, c := range st.Conditions {
			if c.Type == "NodesGrouped" {
				return c.Reason
			}
		}
		return ""
	}
	if got := reason(); got != "" {
		t.Errorf("none is asked for: %s", got)
	}
	s.Workers[0].Placements[0].VMGroup = "a"
	if got := reason(); got != "OutsideGroup" {
		t.Errorf("they were never put there: %s", got)
	}
	f.Record.VMGroups = []record.VMGroup{recordedGroup("a")}
	for _, c := range []struct {
		groups []model.VMGroup
		want   string
	}{
		{nil, "GroupGone"},
		{[]model.VMGroup{vmGroup("a", "vm-c-w-1")}, "OutsideGroup"},
		{[]model.VMGroup{vmGroup("a", "vm-c-w-1", "vm-c-w-2")}, "Grouped"},
	} {
		f.VMGroups = c.groups
		if got := reason(); got != c.want {
			t.Errorf("with %+v: %s, want %s", c.groups, got, c.want)
		}
	}
	withoutDRS(s, f)
	if got := reason(); got != "NoDRS" {
		t.Errorf("DRS is off: %s", got)
	}
}
