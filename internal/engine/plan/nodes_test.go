package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func TestPlanReplacesALostWorkerUnderANewName(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	lose(f, "c-w-1")
	wantSteps(t, planned(small(1, 2), f), "remove_lost_node c-w-1, create_node c-w-3")
	// The ordinal of a node that has joined is not used again, whatever the record says.
	f.Record.Pending = map[string][]int{"w": {1}}
	wantSteps(t, planned(small(1, 2), f), "remove_lost_node c-w-1, create_node c-w-3")
}

func TestPlanBuildsANodeThatNeverJoinedAgainUnderItsName(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	delete(f.API.Nodes, "c-w-2")
	f.Record.Pending = map[string][]int{"w": {2}}
	wantSteps(t, planned(small(1, 2), f), "delete_node c-w-2, create_node c-w-2")
	// Killed before the clone: there is no VM, and the ordinal is still its own.
	f.Machines = slices.DeleteFunc(f.Machines, func(m model.Machine) bool { return m.Marker.Node == "c-w-2" })
	wantSteps(t, planned(small(1, 2), f), "create_node c-w-2")
}

func TestPlanAdoptsANodeThatWasClonedAndNotPoweredOn(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	delete(f.API.Nodes, "c-w-2")
	f.Record.Pending = map[string][]int{"w": {2}}
	m := &f.Machines[len(f.Machines)-1]
	m.PoweredOn, m.Userdata = false, true
	wantSteps(t, planned(small(1, 2), f), "create_node c-w-2")
	// It is one too many, has booted, or was built with other authorities.
	wantSteps(t, planned(small(1, 1), f), "delete_node c-w-2")
	for _, change := range []func(*model.Machine){
		func(m *model.Machine) { m.PoweredOn = true },
		func(m *model.Machine) { m.Userdata = false },
		func(m *model.Machine) { m.Marker.CAFingerprint = "others" },
	} {
		before := *m
		change(m)
		wantSteps(t, planned(small(1, 2), f), "delete_node c-w-2, create_node c-w-2")
		*m = before
	}
}

func TestPlanNeverInitialisesARunningClusterAgain(t *testing.T) {
	t.Parallel()
	f := running(1, 1)
	lose(f, "c-cp-1")
	p := planned(small(1, 1), unreachable(f))
	if p.Err() == nil || strings.Contains(names(p), "create_node c-cp") {
		t.Fatalf("got %s (%v)", names(p), p.Err())
	}
	if !says(on(p.Problems, model.NodePoolField(model.ControlPlanePool, "")), "none of its control-plane VMs is left") {
		t.Errorf("problems %v", p.Problems)
	}
}

func TestPlanLeavesNodesAloneWhileTheAPIIsUnreachable(t *testing.T) {
	t.Parallel()
	p := planned(small(3, 2), unreachable(running(3, 2)))
	wantSteps(t, p, "")
	wantWarnings(t, p, 1)

	f := unreachable(running(3, 2))
	f.Record.Pending = map[string][]int{"w": {1}}
	wantSteps(t, planned(small(3, 2), f), "")
	f.API = model.APIFacts{} // not asked
	wantSteps(t, planned(small(3, 2), f), "")
	f.Record.Pending = nil
	// Whether the API still hears from the lost node is unknown: its address stays.
	lose(f, "c-w-1")
	wantSteps(t, planned(small(3, 2), f), "create_node c-w-3")
}

func TestPlanLeavesAControlPlaneAloneWhoseNodeObjectIsMissing(t *testing.T) {
	t.Parallel()
	f := running(3, 0)
	delete(f.API.Nodes, "c-cp-2")
	p := planned(small(3, 0), f)
	wantSteps(t, p, "")
	wantWarnings(t, p, 1)
}

func TestPlanBuildsAControlPlaneNodeAgainThatNeverJoined(t *testing.T) {
	t.Parallel()
	f := running(3, 0)
	delete(f.API.Nodes, "c-cp-3")
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {3}}
	wantSteps(t, planned(small(3, 0), f), "delete_node c-cp-3, create_node c-cp-3")
}

func TestPlanCountsAControlPlaneNodeThatIsReadyWithoutAVisibleVM(t *testing.T) {
	t.Parallel()
	f := running(1, 0)
	lose(f, "c-cp-1")
	f.API.Nodes["c-cp-1"] = model.KubeNode{Name: "c-cp-1", Ready: true}
	p := planned(small(3, 0), f)
	wantSteps(t, p, "create_node c-cp-2, create_node c-cp-3")
	for _, step := range p.Steps() {
		if step.(model.CreateNode).First {
			t.Errorf("%s initialises a running control plane", step.Change().Target)
		}
	}
}

func TestPlanAddsNoControlPlaneNodeWhileTheAPIIsSilent(t *testing.T) {
	t.Parallel()
	p := planned(small(5, 0), unreachable(running(3, 0)))
	wantSteps(t, p, "")
	if !says(p.Warnings, "The control plane is not complete", "3 of 5") {
		t.Errorf("warnings %v", p.Warnings)
	}
	wantSteps(t, planned(small(5, 0), running(3, 0)), "create_node c-cp-4, create_node c-cp-5")
}

func TestPlanNeverShrinksAControlPlane(t *testing.T) {
	t.Parallel()
	p := planned(small(1, 0), running(3, 0))
	field := model.NodePoolField(model.ControlPlanePool, model.FieldNodeCount)
	if len(p.Steps()) != 0 || !says(on(p.Problems, field), "3 control-plane nodes", "asks for 1", "at least 3") {
		t.Fatalf("got %q, %v", names(p), p.Problems)
	}
}

func TestPlanLeavesANodeAloneThatIsReadyWithoutAVisibleVM(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	lose(f, "c-w-1")
	f.API.Nodes["c-w-1"] = model.KubeNode{Name: "c-w-1", Ready: true}
	p := planned(small(1, 2), f)
	wantSteps(t, p, "")
	wantWarnings(t, p, 1)
}

func TestPlanLeavesAVMAloneThatCannotBeRead(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	lose(f, "c-w-1")
	f.Unreadable = []string{"c-w-1"}
	p := planned(small(1, 2), f)
	wantSteps(t, p, "")
	wantWarnings(t, p, 1)
	wantRefusal(t, destroyed(f), nameField, `the VM "c-w-1"`)
}

func TestPlanEvensOutPlacementsAfterALoss(t *testing.T) {
	t.Parallel()
	s := small(1, 4)
	other := place(poolID)
	other.ComputeCluster = "compute-2"
	s.Workers[0].Placements = append(s.Workers[0].Placements, other)
	for name, c := range map[string]struct {
		facts *model.Facts
		want  []int
	}{
		"round-robin on an empty pool": {running(1, 0), []int{0, 1, 0, 1}},
		"the emptier one first":        {running(1, 2), []int{1, 1}},
	} {
		var got []int
		for _, step := range planned(s, c.facts).Steps() {
			got = append(got, step.(model.CreateNode).Placement.Index)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPlanRepairsANodeInPlace(t *testing.T) {
	t.Parallel()
	taint := model.Taint{Key: "k", Value: "v", Effect: "NoSchedule"}
	meta := func(label string, taints ...model.Taint) model.NodeMeta {
		return model.NodeMeta{Labels: map[string]string{"team": label}, Taints: taints}
	}
	for name, c := range map[string]struct {
		want  model.NodeMeta
		there model.KubeNode
		steps string
	}{
		"nothing to set":        {},
		"everything is set":     {want: meta("a", taint), there: model.KubeNode{NodeMeta: meta("a", taint), Managed: meta("a", taint)}},
		"set by others":         {want: meta("a"), there: model.KubeNode{NodeMeta: meta("a")}, steps: "update_node_metadata c-w-1"},
		"a label differs":       {want: meta("a"), there: model.KubeNode{NodeMeta: meta("b")}, steps: "update_node_metadata c-w-1"},
		"a taint is missing":    {want: meta("a", taint), there: model.KubeNode{NodeMeta: meta("a")}, steps: "update_node_metadata c-w-1"},
		"labels of others stay": {there: model.KubeNode{NodeMeta: meta("a", taint)}},
		"what was set is to go": {there: model.KubeNode{NodeMeta: meta("a"), Managed: meta("a")}, steps: "update_node_metadata c-w-1"},
		"what was set is gone":  {there: model.KubeNode{Managed: meta("a", taint)}},
		"a taint is to go": {there: model.KubeNode{NodeMeta: model.NodeMeta{Taints: meta("", taint).Taints}, Managed: meta("", taint)},
			steps: "update_node_metadata c-w-1"},
	} {
		s := small(1, 1)
		s.Workers[0].Meta = c.want
		f := running(1, 1)
		c.there.Name = "c-w-1"
		c.there.Ready = true
		f.API.Nodes["c-w-1"] = c.there
		for what, facts := range map[string]*model.Facts{"observed": f, "remembered": f.PlanInputs()} {
			if got := names(planned(s, facts)); got != c.steps {
				t.Errorf("%s, %s: got %q", name, what, got)
			}
		}
	}
	f := running(1, 1)
	f.Machines[1].Userdata = true
	p := planned(small(1, 1), f)
	wantSteps(t, p, "wipe_userdata c-w-1")
	if wipe := p.Steps()[0].(model.WipeUserdata); wipe.VM != "vm-c-w-1" {
		t.Errorf("wipes %s", wipe.VM)
	}
}

// withCounter has a record of the worker pool with ordinals that are pending.
func withCounter(next int, pending ...int) func(*model.Facts) {
	return func(f *model.Facts) {
		f.Record.Counters["w"] = next
		f.Record.Pending = map[string][]int{"w": pending}
	}
}

func TestPlanHandsOutOrdinalsThatNeverGoBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change  func(*model.Facts)
		next    int
		pending []int
	}{
		"from the counter":          {withCounter(8), 10, []int{8, 9}},
		"a pending one first":       {withCounter(6, 5), 7, []int{5, 6}},
		"above those there are":     {func(f *model.Facts) { f.Record.Counters = nil }, 5, []int{3, 4}},
		"above those the API knows": {func(f *model.Facts) { lose(f, "c-w-6") }, 9, []int{7, 8}},
		"not above what an administrator of the cluster makes up": {func(f *model.Facts) {
			for _, n := range []string{"9999", "100000", "2147483647", "9223372036854775807", "99999999999999999999", "-1"} {
				f.API.Nodes["c-w-"+n] = model.KubeNode{Name: "c-w-" + n}
			}
		}, 3, nil}, // they may be nodes whose VM is not seen
		"not of a name of another pattern": {func(f *model.Facts) { f.API.Nodes["c-w-06"] = model.KubeNode{Name: "c-w-06"} }, 5, []int{3, 4}},
		"one that cannot be read stays pending": {func(f *model.Facts) {
			withCounter(5, 3, 4)(f)
			f.Unreadable = []string{"c-w-3"}
		}, 5, []int{3, 4}},
		"what does not answer stays pending": {func(f *model.Facts) {
			withCounter(5, 2)(f)
			unreachable(f)
		}, 7, []int{2, 5, 6}},
		"the record is missing, all is not": {func(f *model.Facts) { f.Record = model.Record{} }, 5, []int{3, 4}},
	} {
		f := running(1, 2)
		c.change(f)
		p := planned(small(1, 4), f)
		if p.Numbers.Next["w"] != c.next || !slices.Equal(p.Numbers.Pending["w"], c.pending) {
			t.Errorf("%s: %+v", name, p.Numbers)
		}
	}
}

// No number is left where the last one was handed out, and one that only a marker or a name
// claims counts for nothing.
func TestNumbersEnd(t *testing.T) {
	t.Parallel()
	f := running(1, 2)
	f.Machines[2].Marker.Ordinal = model.MaxOrdinal
	f.API.Nodes["c-w-1000000"] = model.KubeNode{Name: "c-w-1000000"}
	f.Unseen = append(f.Unseen, model.UnseenMachine{KnownMachine: model.KnownMachine{Node: "c-w-1000000"}})
	f.Gone = append(f.Gone, model.KnownMachine{Node: "c-w-999999"})
	if p := planned(small(1, 6), f); len(p.Problems) > 0 || p.Numbers.Next["w"] > 10 {
		t.Errorf("counts on from %d: %v", p.Numbers.Next["w"], p.Problems)
	}

	f = running(1, 2)
	f.Record.Counters["w"] = model.MaxOrdinal
	s := small(1, 3)
	if p := planned(s, f); len(p.Problems) > 0 || !strings.Contains(names(p), "create_node c-w-1000000") {
		t.Errorf("%s: %v", names(p), p.Problems)
	}
	s.Workers[0].Count = 4
	if p := planned(s, f); !says(on(p.Problems, model.NodePoolField("w", "")), "numbered up to 1000000") {
		t.Errorf("%s: %v", names(p), p.Problems)
	}
}
