package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// commandFailed is a cluster that runs, and on some of whose nodes a command of post_bootstrap
// has failed.
func commandFailed(controlPlane, workers int, nodes ...string) (*model.ClusterSpec, *model.Facts) {
	s, f := small(controlPlane, workers), running(controlPlane, workers)
	s.ControlPlane.Setup = bootstrap.Setup{PostBootstrap: []string{"true"}}
	s.Workers[0].Setup = s.ControlPlane.Setup
	for i := range f.Machines {
		m := &f.Machines[i]
		m.Phase = model.PhaseJoined
		if slices.Contains(nodes, m.Marker.Node) {
			m.Phase = model.PhasePostFailed
		}
	}
	return s, f
}

// One restart runs it again.
func TestCommandThatFailedIsRunAgain(t *testing.T) {
	t.Parallel()
	s, f := commandFailed(3, 2, "c-w-2", "c-cp-1", "c-cp-3")
	p := planned(s, f)
	wantSteps(t, p, "restart_node c-cp-1, restart_node c-cp-3, restart_node c-w-2")
	if st := stage(t, p, "post_bootstrap again"); st.Parallel || st.OnFailure != model.SkipRollouts {
		t.Errorf("the stage is %+v", st)
	}
	if !says(p.Warnings, "restarted", `"c-cp-1", "c-cp-3", "c-w-2"`, "replace_nodes") || says(p.Warnings, "The API is away") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	s, f = commandFailed(1, 0, "c-cp-1")
	if p := planned(s, f); !says(p.Warnings, "The API is away meanwhile") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	s.ControlPlane.Count = 3 // the others have joined by then
	if p := planned(s, f); !says(p.Warnings, "restarted") || says(p.Warnings, "The API is away") {
		t.Errorf("%s warns of %v", names(p), p.Warnings)
	}
	s, f = commandFailed(1, 2)
	wantSteps(t, planned(s, f), "")

	// What is replaced or deleted runs all of them anew.
	s, f = commandFailed(1, 2, "c-w-1", "c-w-2")
	s.ReplaceNodes = []string{"c-w-1"}
	wantSteps(t, planned(s, f), "restart_node c-w-2, create_node c-w-3, delete_node c-w-1")
	s.ReplaceNodes = nil
	s.Workers[0].Count = 1
	if got := names(planned(s, f)); got != "delete_node c-w-1, restart_node c-w-2" && got != "delete_node c-w-2, restart_node c-w-1" {
		t.Errorf("planned %s", got)
	}
	// Without the API, no pod is evicted. What is off says nothing, nor does what has not joined.
	s, f = commandFailed(1, 2, "c-w-1")
	wantSteps(t, planned(s, unreachable(f)), "")
	s, f = commandFailed(1, 2, "c-w-1")
	f.Machines[1].PoweredOn = false
	wantSteps(t, planned(s, f), "power_on_node c-w-1")
	s, f = commandFailed(1, 2, "c-w-1")
	f.Record.Pending = map[string][]int{"w": {1}}
	delete(f.API.Nodes, "c-w-1")
	if got := names(planned(s, f)); strings.Contains(got, "restart") {
		t.Errorf("planned %s", got)
	}
}

// A restart that did not help is not repeated unasked: that the command fails is said, and what
// to do. What is built anew gets another one.
func TestRestartInVainIsNotRepeated(t *testing.T) {
	t.Parallel()
	s, f := commandFailed(3, 2, "c-cp-1", "c-w-1", "c-w-2")
	f.Record.Restarted = map[string][]int{model.ControlPlanePool: {1}, "w": {2}}
	p := planned(s, f)
	wantSteps(t, p, "restart_node c-w-1")
	if !says(p.Warnings, "again after a restart", `"c-cp-1", "c-w-2"`, "Change the commands", "replace_nodes") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	st := plan.Status(s, f, nil, today)
	if !slices.ContainsFunc(st.Conditions, func(c model.Condition) bool {
		return c.Type == "PostBootstrapDone" && c.Status == model.ConditionFalse && strings.Contains(c.Message, "c-cp-1, c-w-2")
	}) {
		t.Errorf("the conditions are %+v", st.Conditions)
	}
	s.ReplaceNodes = []string{"c-w-2"}
	s.Workers[0].Count = 2
	p = planned(s, f)
	wantSteps(t, p, "restart_node c-w-1, create_node c-w-3, delete_node c-w-2")
	if !says(p.Warnings, "again after a restart", `"c-cp-1"`) || says(p.Warnings, "again after a restart", "c-w-2") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
}

// What has failed only since the plan was made waits for the next one.
func TestCommandThatFailsAfterThePlanStopsNothing(t *testing.T) {
	t.Parallel()
	s, f := commandFailed(1, 2, "c-w-1", "c-w-2")
	s.ShownRepairs([]model.Change{{Action: model.ActionRestartNode, Target: "c-w-1"}})
	wantSteps(t, planned(s, f), "restart_node c-w-1")
	s.ShownRepairs(nil)
	wantSteps(t, planned(s, f), "")
}

// Where a restart was interrupted the node is whole: it is powered on, takes pods again, and is
// not replaced.
func TestRestartThatWasInterruptedIsNoDeletion(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"c-cp-1", "c-w-1"} {
		s, f := commandFailed(3, 2)
		f.API.Nodes[name] = model.KubeNode{Name: name, Ready: true, ControlPlane: name == "c-cp-1", Unschedulable: true, Restarts: true}
		wantSteps(t, planned(s, f), "uncordon_node "+name)
		switchedOff(f, name)
		f.API.Nodes[name] = model.KubeNode{Name: name, ControlPlane: name == "c-cp-1", Unschedulable: true, Restarts: true}
		wantSteps(t, planned(s, f), "power_on_node "+name+", uncordon_node "+name)
	}
}

func TestConditionOfPostBootstrap(t *testing.T) {
	t.Parallel()
	judged := func(s *model.ClusterSpec, f *model.Facts) (*model.Status, model.Condition) {
		st := plan.Status(s, f, nil, today)
		i := slices.IndexFunc(st.Conditions, func(c model.Condition) bool { return c.Type == "PostBootstrapDone" })
		if i < 0 {
			return st, model.Condition{}
		}
		return st, st.Conditions[i]
	}
	s, f := commandFailed(1, 2, "c-w-2")
	st, c := judged(s, f)
	if st.State != model.StateDegraded || st.Health != model.Unhealthy || c.Status != model.ConditionFalse ||
		c.Reason != "CommandFailed" || !strings.Contains(c.Message, "c-w-2") || strings.Contains(c.Message, "c-w-1") {
		t.Errorf("it is %s and %s with %+v", st.State, st.Health, c)
	}
	f.Machines[2].Phase = model.PhasePost
	if st, c := judged(s, f); st.State != model.StateRunning || st.Health != model.Healthy || c.Status != model.ConditionUnknown ||
		!strings.Contains(c.Message, "c-w-2") {
		t.Errorf("it is %s and %s with %+v", st.State, st.Health, c)
	}
	f.Machines[2].Phase = model.PhaseJoined
	if _, c := judged(s, f); c.Status != model.ConditionTrue {
		t.Errorf("the condition is %+v", c)
	}
	// No pool has a command.
	s, f = small(1, 2), running(1, 2)
	if _, c := judged(s, f); c.Type != "" {
		t.Errorf("the condition is %+v", c)
	}
	// After an import the commands are not known, and their failure is.
	f.Machines[2].Phase = model.PhasePostFailed
	if _, c := judged(s, f); c.Status != model.ConditionFalse {
		t.Errorf("the condition is %+v", c)
	}
}
