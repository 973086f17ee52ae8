package plan_test

import (
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// off powers VMs off; their nodes are no longer Ready.
func off(f *model.Facts, nodes ...string) *model.Facts {
	for i := range f.Machines {
		for _, name := range nodes {
			if f.Machines[i].Marker.Node == name {
				f.Machines[i].PoweredOn = false
				f.API.Nodes[name] = model.KubeNode{Name: name}
			}
		}
	}
	return f
}

// pending says in the record that a worker has not joined.
func pending(f *model.Facts, ordinal int) *model.Facts {
	f.Record.Pending = map[string][]int{"w": {ordinal}}
	return f
}

func TestPlanPowersOnWhatStays(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spec  *model.ClusterSpec
		facts *model.Facts
		want  string
		says  []string
	}{
		"a worker": {small(1, 2), off(running(1, 2), "c-w-2"), "power_on_node c-w-2",
			[]string{"A node VM is powered off", `powers on "c-w-2".`, "replaced by the apply after it"}},
		"a control-plane node": {small(3, 0), off(running(3, 0), "c-cp-2"), "power_on_node c-cp-2",
			[]string{"A control-plane VM is powered off", `"c-cp-2"`, "only by repair"}},
		"all of it, the control plane first": {small(1, 2), unreachable(off(running(1, 2), "c-w-1", "c-w-2", "c-cp-1")),
			"power_on_node c-cp-1, power_on_node c-w-1, power_on_node c-w-2", []string{"Node VMs are powered off", `"c-cp-1", "c-w-1", "c-w-2"`}},
		"not what has not joined":   {small(1, 2), unreachable(pending(off(running(1, 2), "c-w-1"), 1)), "", nil},
		"not what is too many":      {small(1, 1), off(running(1, 2), "c-w-1"), "delete_node c-w-1", nil},
		"not what is built another": {withCPUs(1, 4, ""), off(running(1, 1), "c-w-1"), "create_node c-w-2, delete_node c-w-1", nil},
	} {
		p := planned(c.spec, c.facts)
		if names(p) != c.want || p.Err() != nil {
			t.Errorf("%s: got %q (%v)", name, names(p), p.Err())
		}
		if c.says == nil && says(p.Warnings, "powered off") || c.says != nil && !says(p.Warnings, c.says...) {
			t.Errorf("%s: warnings %v", name, p.Warnings)
		}
	}
}

// A worker that did not come back is replaced, on or off; not one that is Ready by now,
// and not while the API does not answer.
func TestPlanReplacesAWorkerThatDidNotComeBack(t *testing.T) {
	t.Parallel()
	noted := func(f *model.Facts) *model.Facts {
		f.Record.Unresponsive = map[string][]int{"w": {1}}
		return f
	}
	notReady := running(1, 2)
	notReady.API.Nodes["c-w-1"] = model.KubeNode{Name: "c-w-1"}
	for name, c := range map[string]struct {
		facts *model.Facts
		want  string
	}{
		"off":                     {off(running(1, 2), "c-w-1"), "create_node c-w-3, delete_node c-w-1"},
		"on":                      {notReady, "create_node c-w-3, delete_node c-w-1"},
		"Ready by now":            {running(1, 2), ""},
		"the API does not answer": {unreachable(off(running(1, 2), "c-w-1")), "power_on_node c-w-1"},
	} {
		p := planned(small(1, 2), noted(c.facts))
		if names(p) != c.want || p.Err() != nil {
			t.Errorf("%s: got %q (%v)", name, names(p), p.Err())
		}
		if replaced := says(p.Warnings, "not back after it was powered on"); replaced != (name == "off" || name == "on") {
			t.Errorf("%s: warnings %v", name, p.Warnings)
		}
	}
}

// The second node of a control plane has joined etcd, which needs both from then on, and lost
// its power before a run had seen that: what has booted is powered on, though the record calls
// it pending. What has not booted, or may join no more, is not.
func TestControlPlaneNodeThatJoinedUnseenIsPoweredOn(t *testing.T) {
	t.Parallel()
	s, f := small(3, 0), running(2, 0)
	s.Workers = nil
	f.Record.Pending = map[string][]int{model.ControlPlanePool: {2, 3}}
	second := &f.Machines[1]
	second.PoweredOn, second.Booted = false, true
	wantSteps(t, planned(s, unreachable(f)), "power_on_node c-cp-2")
	second.Booted = false
	wantSteps(t, planned(s, f), "")
	second.Booted, second.Marker.CAFingerprint = true, "sha256:other"
	wantSteps(t, planned(s, f), "")
}
