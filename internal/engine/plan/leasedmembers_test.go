package plan_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
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

// Until a control plane that is built anew has answered, what was there before may be gone back
// to: its members are backends beside the new one, and members again where that is done.
func TestFormerMembersAreCandidates(t *testing.T) {
	t.Parallel()
	former := map[int]netip.Addr{1: netip.MustParseAddr("10.10.9.1"), 2: netip.MustParseAddr("10.10.9.2")}
	rec := record.Cluster{Former: former, Members: map[int]netip.Addr{4: netip.MustParseAddr("10.10.9.4")}, Reset: "again"}
	if got := plan.BackendsOf(plan.Candidates(&rec)); got != "10.10.9.1,10.10.9.2,10.10.9.4" {
		t.Errorf("candidates %s", got)
	}
	s, f := leased(3, 0), leasedRunning(3, 0)
	f.Record.Cluster.Former = former
	taken := plan.TakeBack(rec, f)
	if !maps.Equal(taken.Members, former) || len(taken.Former) > 0 {
		t.Errorf("taken back, the members are %v, and former ones %v", taken.Members, taken.Former)
	}
	// Once it has answered, none is.
	f.Record.Cluster.Former = nil
	f.LoadBalancer.Backends = "10.10.9.1," + f.LoadBalancer.Backends
	wantSteps(t, planned(s, f), "update_backends c-lb")
}

// A member of which there is neither VM nor reference, while the API is silent, counts as there
// until a person says by its name that it is gone.
func TestMemberIsGoneWhereAPersonSaysSo(t *testing.T) {
	t.Parallel()
	facts := func() *model.Facts {
		f := leasedRunning(3, 0)
		lose(f, "c-cp-2")
		lose(f, "c-cp-3")
		f.Gone = []model.KnownMachine{{Node: "c-cp-3", Ref: "VirtualMachine:vm-1"}}
		return unreachable(f)
	}
	s := leased(3, 0)
	if p := planned(s, facts()); p.Err() != nil || !says(p.Warnings, "no reference", `"c-cp-2"`, "add the name of the node to replace_nodes") {
		t.Fatalf("problems %v, warnings %v", p.Problems, p.Warnings)
	}
	s.Restore, s.Reset = snapshot, snapshot.ID()
	if p := planned(s, facts()); !says(p.Problems, "Nothing says that the quorum is lost", `"c-cp-2"`, "replace_nodes") {
		t.Errorf("problems %v", p.Problems)
	}
	s.ReplaceNodes = []string{"c-cp-2"}
	p := planned(s, facts())
	if p.Err() != nil || !strings.HasPrefix(names(p), "reset_control_plane c, ") || !says(p.Warnings, "count as gone", `"c-cp-2"`) {
		t.Errorf("%s: problems %v, warnings %v", names(p), p.Problems, p.Warnings)
	}
	// A gateway has its quorum lost then, and is reset.
	gateway := leased(3, 0)
	gateway.Kind = record.KindGateway
	if p := planned(gateway, facts()); p.Err() != nil || !says(p.Warnings, "no reference", `"c-cp-2"`, "to replace_nodes") {
		t.Errorf("a gateway: problems %v, warnings %v", p.Problems, p.Warnings)
	}
	gateway.ReplaceNodes = s.ReplaceNodes
	p = planned(gateway, facts())
	if !says(p.Problems, "lost its quorum", "reset_trigger") || !says(p.Warnings, "count as gone", `"c-cp-2"`) {
		t.Errorf("a gateway: problems %v, warnings %v", p.Problems, p.Warnings)
	}
	for why, change := range map[string]func(*model.Facts){
		"vCenter does not show it": func(f *model.Facts) { hide(f, "c-cp-2"); f.API = model.APIFacts{Asked: true, Error: "no route"} },
		"it cannot be read":        func(f *model.Facts) { f.Unreadable = []string{"c-cp-2"} },
		"it is there":              func(f *model.Facts) { f.Machines = leasedRunning(3, 0).Machines[:2] },
	} {
		f := facts()
		change(f)
		if p := planned(s, f); p.Err() == nil || says(p.Warnings, "count as gone") {
			t.Errorf("%s: %s, warnings %v", why, names(p), p.Warnings)
		}
	}
}

// Without claims, the record says which nodes of the control plane were members of etcd.
func TestMembersProveWhatClaimsProve(t *testing.T) {
	t.Parallel()
	s, f := leased(3, 0), leasedRunning(3, 0)
	lose(f, "c-cp-3")
	delete(f.API.Nodes, "c-cp-3")
	wantSteps(t, planned(s, f), "remove_lost_node c-cp-3, create_node c-cp-4")
	delete(f.Record.Members, 3)
	wantSteps(t, planned(s, f), "update_backends c-lb, create_node c-cp-4")

	f = unreachable(leasedRunning(3, 0))
	lose(f, "c-cp-2")
	lose(f, "c-cp-3")
	if p := planned(s, f); !says(p.Problems, "lost its quorum") {
		t.Errorf("two of three are gone: %v", p.Problems)
	}
	f = unreachable(leasedRunning(3, 0))
	lose(f, "c-cp-3")
	f.Gone = nil // vCenter has not said so
	if p := planned(s, f); len(p.Problems) > 0 || !says(p.Warnings, "no reference", `"c-cp-3"`) {
		t.Errorf("one of which nothing is known: %v, %v", p.Problems, p.Warnings)
	}
}

// A reset begins another control plane, of which the former nodes are no members.
func TestBackendsOfAResetAreItsOwn(t *testing.T) {
	t.Parallel()
	s, f := leased(1, 0), leasedRunning(1, 0)
	s.Kind = record.KindGateway
	s.Reset = "again"
	wantSteps(t, planned(s, f), "reset_control_plane c, delete_node c-cp-1, create_node c-cp-2, apply_pack net")
	// Until the former VM is deleted, it may be what a person goes back to.
	if got := plan.FirstBackends(s, f); got != plan.BackendsOf(f.Record.Members) {
		t.Errorf("a load balancer that is built is cloned with %s", got)
	}
	f.Record.Reset = "again"
	f.Record.APIReached = false
	f.Record.Members = nil
	if members := plan.Members(s, f); len(members) > 0 {
		t.Errorf("members %v", members)
	}
	if got := plan.FirstBackends(s, f); got != "" {
		t.Errorf("the former VM is deleted, and a load balancer that is built is cloned with %s", got)
	}
}
