package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// grownCPU is a control plane whose nodes are to have more CPUs than they were built with.
func grownCPU(count int) *model.ClusterSpec {
	s := small(count, 0)
	s.ControlPlane.CPU = 4
	return s
}

// half are the facts of a control plane of which a rollout has built the nodes from the
// given ordinal on, and lent them the extra.
func half(count, from int, ordinals ...int) *model.Facts {
	f := running(0, 0)
	f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return c.Owner == model.OwnerExtra && len(ordinals) > count })
	pool := nodePool(model.ControlPlanePool, count)
	for _, n := range ordinals {
		pool.CPU = 2
		if n >= from {
			pool.CPU = 4
		}
		join(f, pool, 0, n)
	}
	f.Record.Counters[model.ControlPlanePool] = 9
	return f
}

// unjoined takes the node object of a pending node away; its join has left it where
// halfway is set.
func unjoined(f *model.Facts, n int, halfway bool) *model.Facts {
	name := model.NodeName("", "c", model.ControlPlanePool, n)
	if halfway {
		f.API.Nodes[name] = model.KubeNode{Name: name, Ready: true}
	} else {
		delete(f.API.Nodes, name)
	}
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {n}}
	return f
}

func TestControlPlaneIsRolledOneNodeAtATime(t *testing.T) {
	t.Parallel()
	for count, want := range map[int]string{
		1: "create_node c-cp-2, delete_node c-cp-1",
		3: "create_node c-cp-4, delete_node c-cp-1, create_node c-cp-5, delete_node c-cp-2, create_node c-cp-6, delete_node c-cp-3",
		5: "create_node c-cp-6, delete_node c-cp-1, create_node c-cp-7, delete_node c-cp-2, create_node c-cp-8, delete_node c-cp-3, " +
			"create_node c-cp-9, delete_node c-cp-4, create_node c-cp-10, delete_node c-cp-5",
	} {
		f := running(count, 0)
		p := planned(grownCPU(count), f.PlanInputs())
		wantSteps(t, p, want)
		wantRollout(t, p, "rollout of cp")
		wantWarnings(t, p, 1)
		if !says(on(p.Warnings, controlPlane), "The control plane is rolled", fmt.Sprintf("%d of its nodes", count),
			"after its successor is Ready and a member of etcd", "configuration: cpu.") {
			t.Errorf("warnings %v", p.Warnings)
		}
		for i, step := range p.Steps() {
			switch step := step.(type) {
			case model.CreateNode:
				gone := p.Steps()[i+1].(model.DeleteNode).Machine.Marker
				if !step.Rollout || step.First || !step.TakesExtra() || step.Frees != gone.Address.Addr() {
					t.Errorf("%+v", step)
				}
			case model.DeleteNode:
				if !step.LeavesEtcd || !step.Drain || step.Rollout == nil || step.Rollout.MinReady != count {
					t.Errorf("%+v", step)
				}
			}
		}
	}
}

var controlPlane = model.NodePoolField(model.ControlPlanePool, "")

// The control plane comes first, and a rollout of workers only after it.
func TestControlPlaneIsRolledBeforeWorkers(t *testing.T) {
	t.Parallel()
	s := grownCPU(1)
	s.Workers[0].Count = 1
	s.Image.Template = "newer"
	p := planned(s, running(1, 1))
	wantSteps(t, p, "create_node c-cp-2, delete_node c-cp-1, create_node c-w-2, delete_node c-w-1")
	wantRollout(t, p, "rollout of cp, rollout of w")
}

func TestRolloutOfTheControlPlaneResumes(t *testing.T) {
	t.Parallel()
	cordoned := func(f *model.Facts, n int, off bool) *model.Facts {
		name := model.NodeName("", "c", model.ControlPlanePool, n)
		f.API.Nodes[name] = model.KubeNode{Name: name, Ready: !off, Unschedulable: true, Cordoned: true}
		for i := range f.Machines {
			if m := &f.Machines[i]; m.Marker.Node == name {
				m.PoweredOn = !off
			}
		}
		return f
	}
	gone := func(f *model.Facts, n int, object bool) *model.Facts {
		name := model.NodeName("", "c", model.ControlPlanePool, n)
		lose(f, name)
		if !object {
			delete(f.API.Nodes, name)
		}
		return f
	}
	claimed := func(f *model.Facts, n int) *model.Facts {
		for i, c := range f.Claims {
			if c.Owner == model.OwnerExtra {
				f.Claims[i].Owner = model.NodeName("", "c", model.ControlPlanePool, n)
			}
		}
		f.Record.Pending = map[string][]int{model.ControlPlanePool: {n}}
		return f
	}
	const last = "create_node c-cp-9, delete_node c-cp-2"
	for name, c := range map[string]struct {
		count int
		facts *model.Facts
		want  string
	}{
		"the successor has its address": {1, claimed(half(1, 2, 1), 2), "create_node c-cp-2, delete_node c-cp-1"},
		"the successor has not joined": {1, unjoined(half(1, 2, 1, 2), 2, false),
			"delete_node c-cp-2, create_node c-cp-2, delete_node c-cp-1"},
		"the successor's join failed": {1, unjoined(half(1, 2, 1, 2), 2, true),
			"delete_node c-cp-2, create_node c-cp-9, delete_node c-cp-1"},
		"the successor is there": {1, half(1, 2, 1, 2), "delete_node c-cp-1"},
		"the predecessor is drained": {3, cordoned(half(3, 4, 1, 2, 3, 4), 3, false),
			"delete_node c-cp-3, create_node c-cp-9, delete_node c-cp-1, create_node c-cp-10, delete_node c-cp-2"},
		"the predecessor is off":            {1, cordoned(half(1, 2, 1, 2), 1, true), "delete_node c-cp-1"},
		"its VM is gone":                    {1, gone(half(1, 2, 1, 2), 1, true), "remove_lost_node c-cp-1"},
		"its node object is gone":           {1, gone(half(1, 2, 1, 2), 1, false), "remove_lost_node c-cp-1"},
		"one of three is left":              {3, half(3, 4, 2, 4, 5), last},
		"the last predecessor is left":      {3, half(3, 4, 2, 4, 5, 6), "delete_node c-cp-2"},
		"the last one's VM is gone":         {3, gone(half(3, 4, 2, 4, 5, 6), 2, true), "remove_lost_node c-cp-2"},
		"it was for another change, and is": {1, half(1, 1, 1, 2), "delete_node c-cp-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantSteps(t, planned(grownCPU(c.count), c.facts.PlanInputs()), c.want)
		})
	}
	// A change that was reverted: what was built for it goes, and the extra comes back
	// without another address being claimed.
	for name, c := range map[string]struct {
		facts *model.Facts
		want  string
	}{
		"it has its address": {claimed(half(1, 2, 1), 2), "release_address c-cp-2"},
		"it has not joined":  {unjoined(half(1, 2, 1, 2), 2, false), "delete_node c-cp-2"},
		"its join failed":    {unjoined(half(1, 2, 1, 2), 2, true), "delete_node c-cp-2"},
		"it is there":        {half(1, 2, 1, 2), "delete_node c-cp-2"},
	} {
		t.Run("reverted, "+name, func(t *testing.T) {
			t.Parallel()
			wantSteps(t, planned(small(1, 0), c.facts.PlanInputs()), c.want)
		})
	}
}

func TestRolloutOfTheControlPlaneWaits(t *testing.T) {
	t.Parallel()
	hidden := running(3, 0)
	hide(hidden, "c-cp-3")
	unregistered := running(3, 0)
	delete(unregistered.API.Nodes, "c-cp-2")
	for condition, f := range map[string]*model.Facts{
		"the cluster's API answers":      unreachable(running(3, 0)),
		"all of its VMs are visible":     hidden,
		"the API knows all of its nodes": unregistered,
	} {
		p := planned(grownCPU(3), f)
		wantSteps(t, p, "")
		if !says(on(p.Warnings, controlPlane), "Rollout of the control plane postponed", condition) {
			t.Errorf("%s: %v", condition, p.Warnings)
		}
	}
}

// One that is off is powered on first, although it is replaced after: its member of etcd is
// needed until then.
func TestControlPlaneNodeThatIsOffIsPoweredOnBeforeARollout(t *testing.T) {
	t.Parallel()
	p := planned(grownCPU(1), off(running(1, 0), "c-cp-1"))
	wantSteps(t, p, "power_on_node c-cp-1, create_node c-cp-2, delete_node c-cp-1")
}

// A control plane that shrinks is not rolled into a smaller one.
func TestControlPlaneIsNotShrunkByARollout(t *testing.T) {
	t.Parallel()
	p := planned(grownCPU(1), running(3, 0))
	if len(p.Steps()) > 0 || !says(p.Problems, "never shrinks") {
		t.Errorf("%s, %v", names(p), p.Problems)
	}
	wantSteps(t, planned(grownCPU(3), running(1, 0)),
		"create_node c-cp-2, create_node c-cp-3, create_node c-cp-4, delete_node c-cp-1")
}

// A control-plane VM that was deleted is replaced as long as the others have their quorum.
func TestLostControlPlaneNodesAreReplaced(t *testing.T) {
	t.Parallel()
	lost := func(count int, names ...string) *model.Facts {
		f := running(count, 0)
		for _, name := range names {
			lose(f, name)
		}
		return f
	}
	p := planned(small(3, 0), lost(3, "c-cp-2").PlanInputs())
	wantSteps(t, p, "remove_lost_node c-cp-2, create_node c-cp-4")
	if !says(on(p.Warnings, controlPlane), "A control-plane VM is gone", `"c-cp-2"`) || !p.Steps()[0].(model.RemoveLostNode).LeavesEtcd {
		t.Errorf("warnings %v", p.Warnings)
	}
	p = planned(small(5, 0), lost(5, "c-cp-1", "c-cp-5"))
	wantSteps(t, p, "remove_lost_node c-cp-1, remove_lost_node c-cp-5, create_node c-cp-6, create_node c-cp-7")
	if stage(t, p, "control plane cleanup").Parallel {
		t.Error("members leave etcd side by side")
	}
	// One that is lost, and the others are outdated.
	wantSteps(t, planned(grownCPU(3), lost(3, "c-cp-3")), "remove_lost_node c-cp-3, create_node c-cp-4, "+
		"create_node c-cp-5, delete_node c-cp-1, create_node c-cp-6, delete_node c-cp-2")

	// Without a quorum nothing is done, and the numbers are told.
	two := unreachable(lost(3, "c-cp-1", "c-cp-2"))
	p = planned(small(3, 0), two)
	if len(p.Steps()) > 0 || !says(on(p.Problems, controlPlane), "has lost its quorum", `"c-cp-1", "c-cp-2"`, "2 of the 3",
		"as long as 2 of its 3 members do", "backup") {
		t.Errorf("%s, %v", names(p), p.Problems)
	}
	// One that a rollout has replaced holds no address any more, and is not missed.
	replaced := unreachable(lost(3, "c-cp-1", "c-cp-2"))
	replaced.Claims = slices.DeleteFunc(replaced.Claims, func(c model.Claim) bool { return c.Owner == "c-cp-1" || c.Owner == "c-cp-2" })
	if p := planned(small(1, 0), replaced); p.Err() != nil {
		t.Errorf("problems %v", p.Problems)
	}
}

// A rollout of the control plane needs no address more than the cluster has.
func TestRolloutOfTheControlPlaneFitsAFullPool(t *testing.T) {
	t.Parallel()
	full := func(s *model.ClusterSpec, f *model.Facts) *model.Limits {
		return change(limitsFor(s, len(f.Claims)), poolID, func(p *model.IPPool) { p.Taken = len(f.Claims) })
	}
	for name, c := range map[string]struct {
		spec  *model.ClusterSpec
		facts *model.Facts
	}{
		"of one":            {grownCPU(1), running(1, 0)},
		"of three":          {grownCPU(3), running(3, 0)},
		"the extra is lent": {grownCPU(3), half(3, 4, 1, 2, 3, 4)},
		"it is reverted":    {small(3, 0), half(3, 4, 1, 2, 3, 4)},
	} {
		if p := checked(c.spec, c.facts, full(c.spec, c.facts)); p.Err() != nil || p.Empty() {
			t.Errorf("%s: %s, %v", name, names(p), p.Problems)
		}
	}
	// Where the extra is missing and no node has it, one is claimed.
	f := running(3, 0)
	f.Claims = slices.DeleteFunc(f.Claims, func(c model.Claim) bool { return c.Owner == model.OwnerExtra })
	p := checked(grownCPU(3), f, full(grownCPU(3), f))
	if p.Changes()[0].Action != model.ActionReserveEndpoint || !says(p.Problems, "1 for the extra") {
		t.Errorf("%s, %v", names(p), p.Problems)
	}
}
