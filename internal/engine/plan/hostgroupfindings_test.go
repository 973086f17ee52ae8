package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

func TestHostGroupsThatNothingKeeps(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	s.Workers[0].Placements[0].HostGroup = "left"
	field := model.PlacementRef{NodePool: "w"}.Field(model.FieldHostGroup)
	l := limitsFor(s, 100)
	if p := checked(s, &model.Facts{}, l); len(p.Warnings) > 0 {
		t.Errorf("DRS is on: %v", p.Warnings)
	}
	l.Lacks = map[string][]string{"ref-compute": {"Host.Inventory.EditCluster"}}
	if p := checked(s, &model.Facts{}, l); !says(on(p.Warnings, field), "not kept on the hosts", "Host.Inventory.EditCluster", `"left"`) {
		t.Errorf("the privilege is missing: %v", p.Warnings)
	}
	l.Lacks = nil
	for ref, place := range l.Site.Placements {
		place.DRS = false
		l.Site.Placements[ref] = place
	}
	if p := checked(s, &model.Facts{}, l); !says(on(p.Warnings, field), "not kept on the hosts", "DRS is off", `"left"`) {
		t.Errorf("DRS is off: %v", p.Warnings)
	}

	f := running(1, 2)
	hosted(f, "w", 2, 2)
	f.Hosting[0].DRS = false
	if p := planned(s, f); !says(on(p.Warnings, field), "DRS is off") || !p.Empty() {
		t.Errorf("DRS is off where nodes are: %s, %v", names(p), p.Warnings)
	}
	f.Hosting[0].DRS = true
	l = limitsFor(s, 100)
	l.Lacks = map[string][]string{compute: {"Host.Inventory.EditCluster"}}
	p := checked(s, f, l)
	if plan.WithoutSpreading(p, l); !p.Empty() {
		t.Errorf("the account may not, and it is planned: %s", names(p))
	}
}

// A host group that is not there is told only where a plan needs it.
func TestUnknownHostGroupsAreTold(t *testing.T) {
	t.Parallel()
	s, f := small(1, 2), running(1, 2)
	hosted(f, "w", 2, 2)
	f.Hosting[0].ComputeCluster = "ref-compute"
	s.Workers[0].Placements[0].HostGroup = "left"
	field := model.PlacementRef{NodePool: "w"}.Field(model.FieldHostGroup)
	l := limitsFor(s, 100)
	l.Findings.Refuse(field, "Unknown host group", "none")
	p := checked(s, f, l)
	if names(p) != "place_nodes compute" || !says(on(p.Problems, field), "Unknown host group") {
		t.Errorf("%s, %v", names(p), p.Problems)
	}
	s.Workers[0].Placements[0].HostGroup = ""
	if p := checked(s, f, l); len(p.Problems) > 0 {
		t.Errorf("nothing is placed: %v", p.Problems)
	}
}

// A host group that was deleted under a running cluster is a warning, also while nodes go to
// another one, and an error only where nodes are to be built on it.
func TestHostGroupsThatWereDeleted(t *testing.T) {
	t.Parallel()
	s, f := small(1, 2), running(1, 2)
	hosted(f, "cp", 1, 2)
	hosted(f, "w", 2, 2)
	for i := range f.Hosting {
		f.Hosting[i].ComputeCluster = "ref-compute"
	}
	for i := range f.Machines {
		f.Machines[i].Marker.References.ComputeCluster = ""
	}
	g := groupFor("left", "vm-c-w-1", "vm-c-w-2")
	g.ComputeCluster, g.Kept, g.RuleKey, g.Lost = "ref-compute", false, 0, true
	f.Groups = []model.HostedGroup{g}
	s.Workers[0].Placements[0].HostGroup = "left"
	field := model.PlacementRef{NodePool: "w"}.Field(model.FieldHostGroup)
	l := limitsFor(s, 100)
	l.Findings.Refuse(field, "Unknown host group", "none")
	if p := checked(s, f, l); !p.Empty() || len(p.Problems) > 0 || !says(on(p.Warnings, field), "Host group is gone", `"left"`) {
		t.Errorf("it runs: %s, %v, %v", names(p), p.Problems, p.Warnings)
	}
	s.ControlPlane.Placements[0].HostGroup = "right"
	if p := checked(s, f, l); names(p) != "place_nodes compute" || len(p.Problems) > 0 {
		t.Errorf("others are placed: %s, %v", names(p), p.Problems)
	}
	s.Workers[0].Count = 3
	if p := checked(s, f, l); !says(on(p.Problems, field), "Unknown host group") {
		t.Errorf("one is built there: %s, %v", names(p), p.Problems)
	}
}

func TestConditionOfHostGroups(t *testing.T) {
	t.Parallel()
	s, f := small(1, 2), running(1, 2)
	hosted(f, "w", 2, 2)
	reason := func() string {
		st := plan.Status(s, f, nil, today)
		if st.Health != model.Healthy {
			t.Errorf("it is %s: %+v", st.Health, st.Conditions)
		}
		for _, c := range st.Conditions {
			if c.Type == "NodesPlaced" {
				return c.Reason
			}
		}
		return ""
	}
	if got := reason(); got != "" {
		t.Errorf("none is asked for: %s", got)
	}
	s.Workers[0].Placements[0].HostGroup = "left"
	turnedOff, lost := groupFor("left", "vm-c-w-1", "vm-c-w-2"), groupFor("left", "vm-c-w-1", "vm-c-w-2")
	turnedOff.Off = true
	lost.Lost = true
	off := groupFor("left", "vm-c-w-1", "vm-c-w-2")
	off.Kept = false
	for _, c := range []struct {
		groups []model.HostedGroup
		want   string
	}{
		{nil, "NoRule"},
		{[]model.HostedGroup{off}, "NoRule"},
		{[]model.HostedGroup{turnedOff}, "RuleDisabled"},
		{[]model.HostedGroup{lost}, "HostGroupGone"},
		{[]model.HostedGroup{groupFor("left", "vm-c-w-1")}, "OutsideGroup"},
		{[]model.HostedGroup{groupFor("left", "vm-c-w-1", "vm-c-w-2")}, "Placed"},
	} {
		f.Groups = c.groups
		if got := reason(); got != c.want {
			t.Errorf("with %+v: %s, want %s", c.groups, got, c.want)
		}
	}
	f.Hosting[0].DRS = false
	if got := reason(); got != "NoDRS" {
		t.Errorf("DRS is off: %s", got)
	}
}
