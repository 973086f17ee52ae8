package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// Of VMs with leases no claim says that a clone may be making them: the record does.
func TestCloneWithALeaseKeepsTheRecord(t *testing.T) {
	t.Parallel()
	s, f := leased(1, 1), leasedRunning(1, 1)
	if names := plan.Unmade("c", f); len(names) > 0 {
		t.Errorf("unmade: %v", names)
	}
	f.LoadBalancer = nil
	f.Record.Pending = map[string][]int{"w": {1, 2}}
	want := []string{"c-lb", "c-w-2"}
	if names := plan.Unmade("c", f); !slices.Equal(names, want) {
		t.Errorf("unmade: %v", names)
	}
	hidden := plan.Unproven(s.Target(), f, true)
	for _, name := range want {
		if !slices.ContainsFunc(hidden.Unseen, func(m model.UnseenMachine) bool { return m.Node == name }) {
			t.Errorf("%s is treated as deleted: %v", name, hidden.Unseen)
		}
	}

	// An IP pool of which it has reserved a range has nothing to do with its nodes.
	f.Record.IPPools = append(f.Record.IPPools, poolID)
	holds(f, reserved("web", "10.10.128.50", "10.10.128.54"))
	if names := plan.Unmade("c", f); !slices.Equal(names, want) {
		t.Errorf("unmade, with a range: %v", names)
	}
	f.Record.Leases = false
	if names := plan.Unmade("c", f); len(names) > 0 {
		t.Errorf("static and unmade: %v", names)
	}
}
