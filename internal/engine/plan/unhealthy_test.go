package plan_test

import (
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// observed is when the facts of these tests were.
var observed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// repairing is a cluster that repairs nodes which are not Ready for ten minutes, if no
// more than so many are unhealthy.
func repairing(workers, most int) *model.ClusterSpec {
	s := small(1, workers)
	s.Repair = &model.Repair{NotReadyAfter: 10 * time.Minute, MaxUnhealthy: most}
	return s
}

// ill takes readiness from a node since so long before the facts.
func ill(f *model.Facts, name string, since time.Duration) {
	f.Now = observed
	f.API.Nodes[name] = model.KubeNode{Name: name, Reason: "no report", NotReadySince: observed.Add(-since)}
}

// switchedOff powers a VM off, whose node is not Ready from then on.
func switchedOff(f *model.Facts, name string) {
	for i := range f.Machines {
		if f.Machines[i].Marker.Node == name {
			f.Machines[i].PoweredOn = false
		}
	}
	ill(f, name, time.Minute)
}

func unjoin(f *model.Facts, name string, ordinal int) {
	delete(f.API.Nodes, name)
	f.Record.Pending = map[string][]int{"w": {ordinal}}
}

// The VM and the node object are gone, as where there is a cloud provider.
func vanish(f *model.Facts, name string) {
	lose(f, name)
	delete(f.API.Nodes, name)
}

// What is gone, off or never joined is repaired in every cluster, however much it is.
func TestWhatIsGoneOffOrNeverJoinedIsRepaired(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*model.Facts)
		want   string
	}{
		"a VM is gone": {func(f *model.Facts) { lose(f, "c-w-1") }, "remove_lost_node c-w-1, create_node c-w-5"},
		"all VMs are gone": {func(f *model.Facts) {
			for _, name := range []string{"c-w-1", "c-w-2", "c-w-3", "c-w-4"} {
				lose(f, name)
			}
		}, "remove_lost_node c-w-1, remove_lost_node c-w-2, remove_lost_node c-w-3, remove_lost_node c-w-4, " +
			"create_node c-w-5, create_node c-w-6, create_node c-w-7, create_node c-w-8"},
		"a VM and its node object are gone": {func(f *model.Facts) { vanish(f, "c-w-1") }, "release_address c-w-1, create_node c-w-5"},
		"VMs are off": {func(f *model.Facts) {
			switchedOff(f, "c-w-1")
			switchedOff(f, "c-w-2")
		}, "power_on_node c-w-1, power_on_node c-w-2"},
		"a node never joined":       {func(f *model.Facts) { unjoin(f, "c-w-2", 2) }, "delete_node c-w-2, create_node c-w-2"},
		"a node object was deleted": {func(f *model.Facts) { delete(f.API.Nodes, "c-w-2") }, "delete_node c-w-2, create_node c-w-2"},
		"it did not come back": {func(f *model.Facts) {
			switchedOff(f, "c-w-2")
			f.Record.Unresponsive = map[string][]int{"w": {2}}
		}, "create_node c-w-5, delete_node c-w-2"},
		// Only who asks for it has nodes replaced that may only be slow.
		"one is not Ready": {func(f *model.Facts) { ill(f, "c-w-1", 24*time.Hour) }, ""},
	} {
		f := running(1, 4)
		c.change(f)
		if p := planned(small(1, 4), f.PlanInputs()); names(p) != c.want || p.Err() != nil {
			t.Errorf("%s: got %q (%v), want %q", name, names(p), p.Err(), c.want)
		}
	}
}

func TestNodeThatIsNotReadyForLongIsReplaced(t *testing.T) {
	t.Parallel()
	const replaced = "create_node c-w-5, delete_node c-w-1"
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec, *model.Facts)
		want   string
	}{
		"for long enough":        {func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-w-1", 10*time.Minute) }, replaced},
		"not for long enough":    {func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-w-1", 10*time.Minute-time.Second) }, ""},
		"since a time to come":   {func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-w-1", -time.Hour) }, ""},
		"the time is not known":  {func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-w-1", time.Hour); f.Now = time.Time{} }, ""},
		"of the control plane":   {func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-cp-1", time.Hour) }, ""},
		"a plan has shown it":    {shownFor("c-w-1"), replaced},
		"a plan has not":         {shownFor("c-w-2"), ""},
		"no node is Ready":       {func(_ *model.ClusterSpec, f *model.Facts) { allIll(f) }, ""},
		"the API does not say":   {func(_ *model.ClusterSpec, f *model.Facts) { unreachable(f) }, ""},
		"another is not visible": {func(_ *model.ClusterSpec, f *model.Facts) { ill(f, "c-w-1", time.Hour); hide(f, "c-w-2") }, ""},
		"contract first": {func(s *model.ClusterSpec, f *model.Facts) {
			s.Workers[0].Strategy = model.ContractFirst
			ill(f, "c-w-1", time.Hour)
		}, "delete_node c-w-1, create_node c-w-5"},
	} {
		s, f := repairing(4, 9), running(1, 4)
		c.change(s, f)
		p := planned(s, f.PlanInputs())
		if names(p) != c.want || p.Err() != nil {
			t.Errorf("%s: got %q (%v), want %q", name, names(p), p.Err(), c.want)
		}
		if c.want != "" && !says(p.Warnings, "c-w-1", "not Ready for longer than 10m0s") {
			t.Errorf("%s: warnings %v", name, p.Warnings)
		}
	}
}

func shownFor(node string) func(*model.ClusterSpec, *model.Facts) {
	return func(s *model.ClusterSpec, f *model.Facts) {
		ill(f, "c-w-1", time.Hour)
		s.ShownRepairs([]model.Change{{Action: model.ActionDeleteNode, Target: node}})
	}
}

func allIll(f *model.Facts) {
	for name := range f.API.Nodes {
		ill(f, name, time.Hour)
	}
}

// Where more nodes are unhealthy than max_unhealthy, for whatever reasons, none of them
// is repaired; what never joined is.
func TestNoneIsRepairedWhereTooManyAreUnhealthy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change    func(*model.Facts)
		unhealthy int
		repaired  string // with max_unhealthy = 2
		held      string // with 1
		words     []string
	}{
		"gone and not Ready": {func(f *model.Facts) { lose(f, "c-w-1"); ill(f, "c-w-2", time.Hour) }, 2,
			"remove_lost_node c-w-1, create_node c-w-5, create_node c-w-6, delete_node c-w-2", "",
			[]string{"c-w-1 (its VM is gone), c-w-2 (has not been Ready for 1h0m0s)"}},
		"off and not Ready": {func(f *model.Facts) { switchedOff(f, "c-w-1"); ill(f, "c-w-2", time.Hour) }, 2,
			"power_on_node c-w-1, create_node c-w-5, delete_node c-w-2", "", []string{"c-w-1 (its VM is powered off)"}},
		"two are off": {func(f *model.Facts) { switchedOff(f, "c-w-1"); switchedOff(f, "c-w-2") }, 2,
			"power_on_node c-w-1, power_on_node c-w-2", "", nil},
		"two are gone without a trace": {func(f *model.Facts) { vanish(f, "c-w-1"); vanish(f, "c-w-2") }, 2,
			"release_address c-w-1, release_address c-w-2, create_node c-w-5, create_node c-w-6", "", nil},
		"never joined and not Ready": {func(f *model.Facts) { unjoin(f, "c-w-1", 1); ill(f, "c-w-2", time.Hour) }, 2,
			"delete_node c-w-1, create_node c-w-1, create_node c-w-5, delete_node c-w-2", "delete_node c-w-1, create_node c-w-1",
			[]string{"c-w-1 (has not joined)"}},
		"did not come back": {func(f *model.Facts) {
			f.Record.Unresponsive = map[string][]int{"w": {1}}
			ill(f, "c-w-1", time.Minute)
			ill(f, "c-w-2", time.Hour)
		}, 2, "create_node c-w-5, delete_node c-w-1, create_node c-w-6, delete_node c-w-2", "", []string{"c-w-1 (did not come back"}},
		"the control plane counts": {func(f *model.Facts) { ill(f, "c-cp-1", time.Hour); ill(f, "c-w-2", time.Hour) }, 2,
			"create_node c-w-5, delete_node c-w-2", "", nil},
		"the control plane is powered on": {func(f *model.Facts) { switchedOff(f, "c-cp-1"); switchedOff(f, "c-w-2") }, 2,
			"power_on_node c-cp-1, power_on_node c-w-2", "power_on_node c-cp-1", nil},
		"one that is being deleted does not count": {func(f *model.Facts) {
			switchedOff(f, "c-w-1")
			f.API.Nodes["c-w-1"] = model.KubeNode{Name: "c-w-1", Unschedulable: true, Cordoned: true}
			ill(f, "c-w-2", time.Hour)
		}, 1, "create_node c-w-5, delete_node c-w-1, create_node c-w-6, delete_node c-w-2",
			"create_node c-w-5, delete_node c-w-1, create_node c-w-6, delete_node c-w-2", nil},
	} {
		for most, want := range map[int]string{2: c.repaired, 1: c.held} {
			f := running(1, 4)
			c.change(f)
			s := repairing(4, most)
			p := planned(s, f.PlanInputs())
			if names(p) != want || p.Err() != nil {
				t.Errorf("%s, at most %d: got %q (%v), want %q", name, most, names(p), p.Err(), want)
			}
			told := on(p.Warnings, model.ClusterField(model.FieldMaxUnhealthy))
			words := append([]string{"Too many nodes are unhealthy", "2 nodes", "max_unhealthy is 1"}, c.words...)
			if held := most < c.unhealthy; held != says(told, words...) || !held && len(told) > 0 {
				t.Errorf("%s, at most %d: %v", name, most, p.Warnings)
			}
		}
	}
}

// A change of the configuration is carried out also where repairs are held back.
func TestRolloutGoesOnWhereRepairsAreHeldBack(t *testing.T) {
	t.Parallel()
	f := running(1, 3)
	lose(f, "c-w-1")
	ill(f, "c-w-2", time.Hour)
	s := repairing(3, 1)
	s.Workers[0].CPU = 4
	wantSteps(t, planned(s, f), "create_node c-w-4, delete_node c-w-2, create_node c-w-5, delete_node c-w-3")
	s = repairing(5, 1)
	wantSteps(t, planned(s, f), "create_node c-w-4, create_node c-w-5")
}

// As long as nothing is built in its place, a node that is gone is not forgotten.
func TestStatusKeepsANodeThatIsNotRepaired(t *testing.T) {
	t.Parallel()
	f := running(1, 3)
	vanish(f, "c-w-1")
	ill(f, "c-w-2", time.Hour)
	for most, want := range map[int]bool{1: true, 2: false} {
		kept := false
		for _, n := range plan.Status(repairing(3, most), f, nil, today).Nodes {
			kept = kept || n.Name == "c-w-1"
		}
		if kept != want {
			t.Errorf("at most %d unhealthy: kept %t", most, kept)
		}
	}
}
