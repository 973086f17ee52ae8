package plan_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// inPod places everything in a datastore cluster, and has it resolve to datastores with so
// much free.
func inPod(s *model.ClusterSpec, total int, free map[string]int64) *model.Limits {
	for _, pool := range []model.NodePool{s.ControlPlane, s.Workers[0]} {
		pool.Placements[0].Datastore = ""
		pool.Placements[0].DatastoreCluster = "pod"
	}
	l := limitsFor(s, total)
	changePlacements(l, func(p *model.ResolvedPlacement) {
		p.Datastore = ""
		p.DatastoreCluster = "ref-pod"
		p.Space = &model.Room{TotalGB: 1000}
		p.Choices = nil
		for _, name := range slices.Sorted(maps.Keys(free)) {
			p.Choices = append(p.Choices, model.DatastoreChoice{Ref: "ref-" + name, Name: name, FreeGB: free[name]})
			p.Space.FreeGB += free[name]
		}
		slices.SortStableFunc(p.Choices, func(a, b model.DatastoreChoice) int { return int(b.FreeGB - a.FreeGB) })
	})
	return l
}

// Clones in a datastore cluster are full, as Storage DRS places them, unless linked ones are
// asked for and the template is on one of its datastores.
func TestCloneModeInADatastoreCluster(t *testing.T) {
	t.Parallel()
	place := model.ResolvedPlacement{DatastoreCluster: "pod", Choices: []model.DatastoreChoice{{Ref: "ds"}, {Ref: "ds-2"}}}
	for name, c := range map[string]struct {
		want      model.CloneMode
		datastore string // of the template
		got       model.CloneMode
	}{
		"auto":                                 {model.CloneAuto, "ds", model.CloneFull},
		"default":                              {"", "ds-2", model.CloneFull},
		"full":                                 {model.CloneFull, "ds", model.CloneFull},
		"linked":                               {model.CloneLinked, "ds-2", model.CloneLinked},
		"linked, the template being elsewhere": {model.CloneLinked, "other", ""},
		"auto, the template being elsewhere":   {model.CloneAuto, "other", model.CloneFull},
	} {
		template := model.Template{Ref: "t", Path: "/dc/vm/node", Snapshot: "s", SnapshotDisks: 1, Datastore: c.datastore, DiskGB: 20}
		got, err := plan.CloneMode(c.want, template, place, 0)
		if got != c.got || (err != nil) != (c.got == "") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
		if err != nil && !strings.Contains(err.Error(), "on none of the datastores that the node can be on") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The three nodes take 24 GB each.
func TestCheckCountsTheSpaceOfADatastoreCluster(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		free map[string]int64
		says string // empty: no warning
	}{
		"they fit": {map[string]int64{"a": 40, "b": 32}, ""},
		"they do not": {
			map[string]int64{"a": 40, "b": 31},
			`take 72 GB of datastore cluster "pod" at once, swap files included, and 71 of`,
		},
		"there is room, in no member": {map[string]int64{"a": 23, "b": 23, "c": 23, "d": 23}, "A node to be built takes 24 GB at once"},
	} {
		s := small(1, 2)
		p := checked(s, &model.Facts{}, inPod(s, 100, c.free))
		if p.Err() != nil || (c.says == "") != (len(p.Warnings) == 0) {
			t.Errorf("%s: problems %v, warnings %v", name, p.Problems, p.Warnings)
			continue
		}
		if c.says != "" && (!strings.Contains(p.Warnings[0].Detail, c.says) ||
			p.Warnings[0].Fields[0] != (model.PlacementRef{NodePool: model.ControlPlanePool}).Field(model.FieldDatastoreCluster)) {
			t.Errorf("%s: %+v", name, p.Warnings)
		}
	}
}

// Nodes that are there stay, wherever Storage DRS has moved them; a rollout frees what they
// have.
func TestNodesOfADatastoreClusterStay(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	l := inPod(s, 100, map[string]int64{"a": 44})
	facts := running(1, 2)
	for i := range facts.Machines {
		m := &facts.Machines[i].Marker
		m.Datastore = ""
		m.DatastoreCluster = "pod"
		m.References.DatastoreCluster = "ref-pod"
	}
	wantSteps(t, checked(s, facts, l), "")
	for ref, place := range l.Site.Placements {
		if got := place.References(); got.DatastoreCluster != "ref-pod" || got.Datastore != "" {
			t.Errorf("%v: %+v", ref, got)
		}
	}
	facts = built(facts, func(m *model.Marker) { m.CPU = 1 })
	p := checked(s, facts, l)
	if says(p.Warnings, "lacks space") {
		t.Errorf("the memory of what is deleted counts: %v", p.Warnings)
	}
}

// No host reaches any of the datastores: it is the datastore cluster that does not fit.
func TestCheckWantsHostsThatReachADatastoreCluster(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	l := inPod(s, 100, map[string]int64{"a": 500})
	setHosts(l, host("a", noDatastore))
	p := checked(s, &model.Facts{}, l)
	field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldDatastoreCluster)
	if !says(on(p.Problems, field), `datastore cluster "pod" and network "network"`) {
		t.Errorf("problems %+v", p.Problems)
	}
}

// Files are stored where they are already.
func TestFilesOfADatastoreClusterStayTogether(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	site := inPod(s, 100, map[string]int64{"a": 500, "b": 600}).Site
	for _, c := range []struct {
		used []string
		want string
	}{{nil, "ref-b"}, {[]string{"ref-gone", "ref-a"}, "ref-a"}, {[]string{"ref-gone"}, "ref-b"}} {
		if got := site.SnapshotDatastore(c.used); got != c.want {
			t.Errorf("%v: %q, want %q", c.used, got, c.want)
		}
	}
}

// Each datastore on which a clone may be is asked for.
func TestPrivilegesOfADatastoreCluster(t *testing.T) {
	t.Parallel()
	s := small(1, 1)
	l := inPod(s, 100, map[string]int64{"a": 500, "b": 600})
	p := checked(s, &model.Facts{}, l)
	needed := plan.Privileges(s, &model.Facts{}, p, l.Site)
	for _, ref := range []string{"ref-a", "ref-b"} {
		if !slices.Equal(needed[ref], []string{"Datastore.AllocateSpace"}) {
			t.Errorf("%s: %v", ref, needed[ref])
		}
	}
	l.User = "team"
	l.Lacks = map[string][]string{"ref-b": {"Datastore.AllocateSpace"}}
	p = checked(s, &model.Facts{}, l)
	field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldDatastoreCluster)
	if !says(on(p.Warnings, field), "Allocate space") || !strings.Contains(p.Warnings[0].Summary, `datastore "b"`) {
		t.Errorf("warnings %+v", p.Warnings)
	}
}

// Another storage policy rolls the nodes, one that was renamed does not, and the space of all
// its datastores counts once.
func TestNodesOfAStoragePolicy(t *testing.T) {
	t.Parallel()
	s := small(1, 2)
	l := inPod(s, 100, map[string]int64{"a": 40, "b": 31})
	for _, pool := range []model.NodePool{s.ControlPlane, s.Workers[0]} {
		pool.Placements[0].DatastoreCluster = ""
		pool.Placements[0].StoragePolicy = "gold"
	}
	changePlacements(l, func(p *model.ResolvedPlacement) {
		p.DatastoreCluster = ""
		p.StoragePolicy = "id-gold"
	})
	has := func(name, id string) *model.Facts {
		facts := running(1, 2)
		for i := range facts.Machines {
			m := &facts.Machines[i].Marker
			m.Datastore = ""
			m.StoragePolicy = name
			m.References.StoragePolicy = id
		}
		return facts
	}
	wantSteps(t, checked(s, has("gold", "id-gold"), l), "")
	resolved := s.Resolved(l.Site)
	wantSteps(t, checked(&resolved, has("before", "id-gold"), l), "")
	if p := checked(s, has("silver", "id-silver"), l); len(p.Stages) == 0 {
		t.Error("another policy changes nothing")
	}
	const full = `take 72 GB of storage of the policy "gold" at once, swap files included, and 71 of`
	if p := checked(s, &model.Facts{}, l); !says(p.Warnings, full) {
		t.Errorf("warnings %v", p.Warnings)
	}
}
