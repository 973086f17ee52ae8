package plan_test

import (
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func unused(gb int64) func(*model.Host) { return func(h *model.Host) { h.FreeGB = &gb } }

// Nodes of 4 GB each: three of the control plane and some workers in one compute cluster.
func TestCheckWarnsOfFullPlacements(t *testing.T) {
	t.Parallel()
	control := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldComputeCluster)
	workers := model.PlacementRef{NodePool: "w"}.Field(model.FieldComputeCluster)
	for name, c := range map[string]struct {
		hosts  []model.Host
		change func(*model.ClusterSpec, *model.Limits)
		field  model.Field
		says   string // empty: no warning
	}{
		"there is room": {hosts: []model.Host{host("a", unused(8)), host("b", unused(8)), host("c", unused(4))}},
		"what each has counts": {
			hosts: []model.Host{host("a", unused(7)), host("b", unused(7)), host("c", unused(7))},
			field: workers, says: "builds 2 nodes of worker pool \"w\" in compute cluster \"compute\", of 4 GB of memory each, and the hosts",
		},
		"none at all": {
			hosts: []model.Host{host("a", unused(0)), host("b", unused(3)), host("c", unused(3))},
			field: control, says: "unused for 0: a has 0 of 256 GB, b has 3 of 256 GB, c has 3 of 256 GB.",
		},
		"in maintenance mode": {
			hosts: []model.Host{host("a", unused(12)), host("b", unused(4)), host("c", unused(200), maintenance), host("d", unused(0))},
			field: workers, says: "unused for 1:",
		},
		"one does not say": {hosts: []model.Host{host("a", unused(0)), host("b"), host("c", unused(0))}},
		"the resource pool has its own warning": {
			hosts: []model.Host{host("a", unused(1)), host("b", unused(1)), host("c", unused(1))},
			change: func(_ *model.ClusterSpec, l *model.Limits) {
				changePlacements(l, func(p *model.ResolvedPlacement) { p.Memory = &model.Room{FreeGB: 3, TotalGB: 100} })
			},
		},
		"the larger nodes come first": {
			hosts: []model.Host{host("a", unused(9)), host("b", unused(8)), host("c", unused(8))},
			change: func(s *model.ClusterSpec, _ *model.Limits) {
				s.Workers[0].MemoryGB = 8
				s.Workers[0].Count = 3
			},
			field: control, says: "unused for 0:",
		},
		"kept apart on too few hosts": {
			hosts: []model.Host{host("a", unused(100)), host("b", unused(100)), host("c", unused(100)), host("d", maintenance)},
			change: func(s *model.ClusterSpec, _ *model.Limits) {
				s.Workers[0].Spread = model.SpreadHost
				s.Workers[0].Count = 5
			},
			field: workers, says: "3 hosts can run a VM now and reach datastore and network, " +
				"and 5 nodes of worker pool \"w\" are placed there with " +
				"spread = \"host\": 2 of them are kept apart from no other. The other hosts: d is in maintenance mode.",
		},
		"kept apart on enough": {
			hosts: []model.Host{host("a", unused(100)), host("b", unused(100)), host("c", unused(100))},
			change: func(s *model.ClusterSpec, _ *model.Limits) {
				s.Workers[0].Spread = model.SpreadHost
				s.Workers[0].Count = 3
			},
		},
	} {
		s := small(3, 2)
		l := limitsFor(s, 100)
		changePlacements(l, func(p *model.ResolvedPlacement) { p.DRS = true })
		setHosts(l, c.hosts...)
		if c.change != nil {
			c.change(s, l)
		}
		p := checked(s, &model.Facts{}, l)
		got := append(saying(p.Warnings, "full"), saying(p.Warnings, "to keep apart")...)
		if c.says == "" && len(got) > 0 || c.says != "" && !says(on(got, c.field), c.says) {
			t.Errorf("%s: warnings %+v", name, got)
		}
	}
}

// A rollout that makes one node more at a time needs room for one.
func TestARolloutNeedsRoomForItsSurge(t *testing.T) {
	t.Parallel()
	s := small(1, 6)
	facts := built(running(1, 6), func(m *model.Marker) { m.CPU = 1 })
	for room, want := range map[int64]bool{4: false, 3: true} {
		l := limitsFor(s, 100)
		setHosts(l, host("a", unused(room)), host("b", unused(1)))
		if got := len(saying(checked(s, facts, l).Warnings, "The placement is full")) > 0; got != want {
			t.Errorf("with %d GB: warned %t", room, got)
		}
	}
}

func TestCheckWarnsOfHostsWithoutTime(t *testing.T) {
	t.Parallel()
	noTime := func(h *model.Host) { h.NoTime = true }
	s := small(1, 1)
	l := limitsFor(s, 100)
	setHosts(l, host("a", noTime), host("b"), host("c", noTime, maintenance))
	p := checked(s, &model.Facts{}, l)
	found := saying(p.Warnings, "Hosts without an NTP server")
	if len(found) != 1 || !says(on(found, model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldComputeCluster)),
		`In compute cluster "compute"`, ": a, c. ") {
		t.Errorf("warnings %+v", p.Warnings)
	}
	s.Workers[0].Count = 2
	if p = checked(s, running(1, 1), l); len(saying(p.Warnings, "NTP")) > 0 {
		t.Errorf("of a cluster that is there: %+v", p.Warnings)
	}
}

// saying are the findings whose summary has some words.
func saying(findings []model.Finding, words string) []model.Finding {
	var found []model.Finding
	for _, f := range findings {
		if strings.Contains(f.Summary, words) {
			found = append(found, f)
		}
	}
	return found
}
