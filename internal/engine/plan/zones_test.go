package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// TestCheckWarnsOfZones has two workers on two compute clusters, or all nodes on one.
func TestCheckOfZones(t *testing.T) {
	t.Parallel()
	tag := func(value string) model.ZoneTag { return model.ZoneTag{Value: value} }
	none := model.ZoneTag{}
	doubled := model.ZoneTag{Problem: "it has 2 tags"}
	for name, c := range map[string]struct {
		spread       bool
		region       model.ZoneTag
		zone, second model.ZoneTag
		hidden       bool
		says         []string // the warnings; empty: none
	}{
		"all are there":            {true, tag("r"), tag("a"), tag("b"), false, nil},
		"none, on one":             {false, none, none, none, false, nil},
		"none, on two":             {true, none, none, none, false, []string{`is on "one", "two", and none of category k8s-region`}},
		"one of two zones":         {true, tag("r"), tag("a"), none, false, []string{`No tag of category k8s-zone is on "two"`}},
		"only the region, on one":  {false, tag("r"), none, none, false, []string{`k8s-zone is on "one"`}},
		"only the zone, on one":    {false, none, tag("a"), none, false, []string{"None of category k8s-region is on the datacenter"}},
		"none that may be listed":  {true, none, none, none, true, nil},
		"doubled":                  {false, tag("r"), doubled, none, false, []string{"It has 2 tags. Nodes there"}},
		"doubled, and one missing": {true, tag("r"), doubled, none, false, []string{"It has 2 tags", `k8s-zone is on "two"`}},
		"a doubled region":         {false, doubled, tag("a"), none, false, []string{"It has 2 tags"}},
		"shared":                   {true, tag("r"), tag("a"), tag("a"), false, []string{`"one" and "two" have the same tag "a"`}},
	} {
		s := small(1, 2)
		s.ControlPlane.Placements[0].ComputeCluster = "one"
		s.Workers[0].Placements[0].ComputeCluster = "one"
		if c.spread {
			second := s.Workers[0].Placements[0]
			second.ComputeCluster = "two"
			s.Workers[0].Placements = append(s.Workers[0].Placements, second)
		}
		l := limitsFor(s, 100)
		l.Zones = &model.ZoneTags{Region: c.region, Zones: map[string]model.ZoneTag{}, Listed: !c.hidden}
		l.Zones.Zones["ref-one"] = c.zone
		if c.spread {
			l.Zones.Zones["ref-two"] = c.second
		}
		p := checked(s, &model.Facts{}, l)
		if p.Err() != nil || len(p.Warnings) != len(c.says) {
			t.Errorf("%s: problems %v, warnings %v", name, p.Problems, p.Warnings)
			continue
		}
		for i, says := range c.says {
			if !strings.Contains(p.Warnings[i].Detail, says) {
				t.Errorf("%s: warns %q, want %q", name, p.Warnings[i].Detail, says)
			}
		}

		s.Account = &model.Account{Username: "k8s@vsphere.local", Password: "secret"}
		s.Packs = append(s.Packs, withCredentials(chartPack("csi", "1.0.0", "sha256:1"), "login", "1"))
		p = checked(s, &model.Facts{}, l)
		refused := strings.Contains(fmt.Sprint(p.Problems), "Zone tags are missing")
		if wanted := strings.Contains(fmt.Sprint(c.says), "k8s-") && name != "shared"; refused != wanted || len(p.Problems) > 1 {
			t.Errorf("%s, with a CSI driver: problems %v", name, p.Problems)
		}
	}
}

// TestCheckOfZonesByWhichNodesAreRegistered has all nodes on one compute cluster that has no zone tag:
// no mistake, unless the CSI driver registers nodes by it, also those of a cluster that runs.
func TestCheckOfZonesByWhichNodesAreRegistered(t *testing.T) {
	t.Parallel()
	for categories, refused := range map[string]bool{"": false, "rack": false, "k8s-region,k8s-zone": true, "rack,k8s-zone": true} {
		s := small(1, 1)
		s.Account = &model.Account{Username: "k8s@vsphere.local", Password: "secret"}
		pack := withCredentials(chartPack("csi", "1.0.0", "sha256:1"), "login", "1")
		pack.Credentials.Topology = categories
		s.Packs = append(s.Packs, pack)
		l := limitsFor(s, 100)
		l.Zones = &model.ZoneTags{Listed: true}
		for name, facts := range map[string]*model.Facts{"new": {}, "runs": running(1, 1)} {
			p := checked(s, facts, l)
			if got := strings.Contains(fmt.Sprint(p.Problems), "does not register them"); got != refused {
				t.Errorf("by %q, %s: problems %v", categories, name, p.Problems)
			}
			if needs := plan.NeedsZones(p); needs != (refused || name == "new") {
				t.Errorf("by %q, %s: reads zones: %t", categories, name, needs)
			}
		}
	}
}

// A plan that builds no node says nothing of zones.
func TestCheckIsSilentOfZonesWithoutNewNodes(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	l := limitsFor(s, 100)
	l.Zones = &model.ZoneTags{Listed: true, Region: model.ZoneTag{Value: "r"}}
	if p := checked(s, running(1, 1), l); p.Err() != nil || len(p.Warnings) > 0 {
		t.Errorf("problems %v, warnings %v", p.Problems, p.Warnings)
	}
}
