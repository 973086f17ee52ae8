package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// changePlacements changes what all placements of the limits resolve to.
func changePlacements(l *model.Limits, change func(*model.ResolvedPlacement)) {
	for ref, resolved := range l.Site.Placements {
		change(&resolved)
		l.Site.Placements[ref] = resolved
	}
}

// The nodes of small(1, 2) have 4 GB of memory each, and a template of 20 GB.
func TestCheckWarnsOfFullDatastores(t *testing.T) {
	t.Parallel()
	const atOnce = `GB of datastore "datastore" at once, swap files included, and `
	for name, c := range map[string]struct {
		mode model.CloneMode
		used int64 // of the template's disk
		free int64
		says string // empty: no warning
	}{
		"full clones that fit":             {model.CloneFull, 20, 72, ""},
		"full clones":                      {model.CloneFull, 20, 71, "take 72 " + atOnce + "71 of 100 GB are free"},
		"thin clones that fit grown":       {model.CloneFull, 3, 72, ""},
		"thin clones that fit at first":    {model.CloneFull, 3, 21, "take 21 " + atOnce + "72 GB when their thin or linked disks are full"},
		"thin clones":                      {model.CloneFull, 3, 20, "take 21 GB"},
		"linked clones that fit at first":  {model.CloneAuto, 20, 12, "take 12 " + atOnce + "72 GB when"},
		"linked clones":                    {model.CloneAuto, 20, 11, "take 12 GB"},
		"linked clones on a full one":      {model.CloneAuto, 20, 0, "0 of 100 GB are free"},
		"linked clones that fit also then": {model.CloneAuto, 20, 72, ""},
	} {
		s := small(1, 2)
		s.CloneMode = c.mode
		l := limitsFor(s, 100)
		l.Site.Template.UsedGB = c.used
		changePlacements(l, func(p *model.ResolvedPlacement) { p.Space = &model.Room{FreeGB: c.free, TotalGB: 100} })
		p := checked(s, &model.Facts{}, l)
		if p.Err() != nil || (c.says == "") != (len(p.Warnings) == 0) {
			t.Errorf("%s: problems %v, warnings %v", name, p.Problems, p.Warnings)
			continue
		}
		if c.says == "" {
			continue
		}
		if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].Detail, c.says) || len(p.Warnings[0].Fields) != 2 ||
			p.Warnings[0].Fields[0] != (model.PlacementRef{NodePool: model.ControlPlanePool}).Field(model.FieldDatastore) {
			t.Errorf("%s: warnings %+v, want one that says %q", name, p.Warnings, c.says)
		}
		if p := checked(s, running(1, 2), l); len(p.Warnings) > 0 {
			t.Errorf("%s: no node is built, and there are warnings: %v", name, p.Warnings)
		}
	}
}

// Where vCenter does not say what is free, nothing is said.
func TestCheckDoesNotGuessCapacities(t *testing.T) {
	t.Parallel()
	s := small(3, 50)
	if p := checked(s, &model.Facts{}, limitsFor(s, 200)); len(p.Warnings)+len(p.Problems) > 0 {
		t.Errorf("findings %+v", p.Findings)
	}
}

// A rollout needs room for one node more than there are, not for all of them again.
func TestCheckCountsWhatARolloutFrees(t *testing.T) {
	t.Parallel()
	s := small(1, 10)
	facts := built(running(1, 10), func(m *model.Marker) { m.CPU = 1 })
	warned := func(free int64) bool {
		l := limitsFor(s, 100)
		changePlacements(l, func(p *model.ResolvedPlacement) {
			p.Space = &model.Room{FreeGB: free, TotalGB: 1000}
			p.Memory = &model.Room{FreeGB: 5, TotalGB: 1000}
		})
		p := checked(s, facts, l)
		if p.Err() != nil || !slices.ContainsFunc(p.Steps(), func(s model.Step) bool { return s.Change().Action == model.ActionCreateNode }) {
			t.Fatalf("no rollout was planned: %v", p.Err())
		}
		return says(p.Warnings, "to be built")
	}
	if warned(30) {
		t.Error("there is room for one node more, and a warning")
	}
	if !warned(3) {
		t.Error("there is no room for one node more, and no warning")
	}
}

func TestCheckWarnsOfMemoryAndCPU(t *testing.T) {
	t.Parallel()
	cp := model.PlacementRef{NodePool: model.ControlPlanePool}
	for name, c := range map[string]struct {
		change func(*model.ResolvedPlacement)
		spec   func(*model.ClusterSpec)
		field  model.Field
		says   string // empty: no warning
	}{
		"memory that is there": {change: func(p *model.ResolvedPlacement) { p.Memory = &model.Room{FreeGB: 12, TotalGB: 100} }},
		"memory that is not": {
			change: func(p *model.ResolvedPlacement) { p.Memory = &model.Room{FreeGB: 11, TotalGB: 100} },
			field:  cp.Field(model.FieldResourcePool),
			says:   `have 12 GB of memory, and of the 100 GB that resource pool "team" of compute cluster "compute" may use 11 GB are unused`,
		},
		"of the root pool": {
			change: func(p *model.ResolvedPlacement) { p.Memory = &model.Room{FreeGB: 1, TotalGB: 100} },
			spec: func(s *model.ClusterSpec) {
				s.ControlPlane.Placements[0].ResourcePool = ""
				s.Workers[0].Placements[0].ResourcePool = ""
			},
			field: cp.Field(model.FieldResourcePool), says: `that compute cluster "compute" may use`,
		},
		"CPUs within the limit": {change: func(p *model.ResolvedPlacement) { p.CPULimitMHz = 12_000 }},
		"CPUs beyond the limit": {
			change: func(p *model.ResolvedPlacement) { p.CPULimitMHz = 11_999 },
			field:  cp.Field(model.FieldResourcePool), says: "have 6 CPUs, 12000 MHz at full load",
		},
		"more CPUs than a host": {
			spec:  func(s *model.ClusterSpec) { s.Workers[0].CPU = 33 },
			field: model.NodePoolField("w", model.FieldCPU), says: "Nodes of worker pool \"w\" have 33 CPUs, and the largest host",
		},
		"more memory than a host": {
			spec:  func(s *model.ClusterSpec) { s.ControlPlane.MemoryGB = 257 },
			field: model.NodePoolField(model.ControlPlanePool, model.FieldMemory), says: "257 GB of memory",
		},
		"no more than a host": {spec: func(s *model.ClusterSpec) {
			s.Workers[0].CPU = 32
			s.Workers[0].MemoryGB = 256
		}},
	} {
		s := small(1, 2)
		if c.spec != nil {
			c.spec(s)
		}
		l := limitsFor(s, 100)
		changePlacements(l, func(p *model.ResolvedPlacement) {
			p.Hosts = []model.Host{host("a"), host("b", noDatastore, func(h *model.Host) { h.Threads = 999 }), host("c")}
			if c.change != nil {
				c.change(p)
			}
		})
		p := checked(s, &model.Facts{}, l)
		p.Warnings = slices.DeleteFunc(p.Warnings, func(f model.Finding) bool { return f.Summary == "Not all hosts reach datastore and network" })
		switch {
		case p.Err() != nil || (c.says == "") != (len(p.Warnings) == 0):
			t.Errorf("%s: problems %v, warnings %v", name, p.Problems, p.Warnings)
		case c.says != "" && (len(p.Warnings) != 1 || p.Warnings[0].Fields[0] != c.field || !strings.Contains(p.Warnings[0].Detail, c.says)):
			t.Errorf("%s: warnings %+v, want %q", name, p.Warnings, c.says)
		}
	}
}

// Snapshots keep nodes from being deleted; the plan says so before the apply does.
func TestCheckWarnsOfDisksThatSnapshotsHold(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	l := limitsFor(s, 100)
	l.HeldDisks = map[string][]model.HeldDisk{"vm-c-w-2": {{File: "[ds] fcd/pvc.vmdk", Snapshot: "backup"}}}
	p := checked(s, running(1, 2), l)
	wantSteps(t, p, "delete_node c-w-2")
	if p.Err() != nil || len(p.Warnings) != 1 || !says(p.Warnings, `[ds] fcd/pvc.vmdk (snapshot "backup")`) ||
		p.Warnings[0].Fields[0] != model.NodePoolField("w", "") {
		t.Errorf("problems %v, warnings %v", p.Problems, p.Warnings)
	}
	s = small(1, 2)
	if p := checked(s, running(1, 2), l); len(p.Warnings) > 0 {
		t.Errorf("no node is deleted, and there is a warning: %v", p.Warnings)
	}
}
