package plan_test

import (
	"maps"
	"net/netip"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// A run that was killed before it forgot a node that it had removed does not have the load
// balancer forward to it again.
func TestBackendsAreWithoutWhatIsLost(t *testing.T) {
	t.Parallel()
	s, f := leased(3, 0), leasedRunning(3, 0)
	lose(f, "c-cp-3")
	delete(f.API.Nodes, "c-cp-3")
	rest := map[int]netip.Addr{1: f.Record.Members[1], 2: f.Record.Members[2]}
	f.LoadBalancer.Backends = plan.BackendsOf(rest)
	wantSteps(t, planned(s, f), "remove_lost_node c-cp-3, create_node c-cp-4")
	if got := plan.Serving(s, unreachable(f), f.Record.Members); !maps.Equal(got, rest) {
		t.Errorf("forwards to %v", got)
	}
	if got := plan.FirstBackends(s, f); got != f.LoadBalancer.Backends {
		t.Errorf("is cloned with %s", got)
	}
	if len(f.Record.Members) != 3 {
		t.Errorf("members %v", f.Record.Members)
	}
	lose(f, "c-cp-2")
	lose(f, "c-cp-1")
	if got := plan.Serving(s, f, f.Record.Members); len(got) != 3 {
		t.Errorf("of none that is left, forwards to %v", got)
	}
}

// After a restore a worker with a lease is no remnant of the snapshot while it is Ready.
func TestReadyWorkerWithALeaseIsNotStale(t *testing.T) {
	t.Parallel()
	s, f := leased(1, 2), leasedRunning(1, 2)
	s.Reset = "restored"
	f.Record.Reset = "restored"
	f.Machines[0].Marker.Reset = "restored"
	f.Machines = f.Machines[:2] // c-w-2 is not seen, and vCenter does not say that it is gone
	wantSteps(t, planned(s, f), "")
	f.API.Nodes["c-w-2"] = model.KubeNode{Name: "c-w-2"}
	wantSteps(t, planned(s, f), "remove_stale_nodes c, create_node c-w-3")
}
