package plan_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

var (
	endpointLease = netip.MustParseAddr("10.10.7.1")
	otherLease    = netip.MustParseAddr("10.10.7.2")
)

// leased is small with nodes that take leases.
func leased(controlPlane, workers int) *model.ClusterSpec {
	s := small(controlPlane, workers)
	s.Allocation = model.AllocationDHCP
	s.ControlPlane.Placements[0].IPPoolID = uuid.Nil
	s.Workers[0].Placements[0].IPPoolID = uuid.Nil
	return s
}

// leasedOn is leased with an IP pool in a placement.
func leasedOn(ipPool uuid.UUID) *model.ClusterSpec {
	s := leased(1, 1)
	s.Workers[0].Placements[0].IPPoolID = ipPool
	return s
}

// leasedRunning is running with nodes that have leases and a load balancer that forwards to
// the control plane.
func leasedRunning(controlPlane, workers int) *model.Facts {
	f := running(controlPlane, workers)
	f.Claims = nil
	f.Record.Leases = true
	f.Record.Members = map[int]netip.Addr{}
	f.Record.LoadBalancer = record.LoadBalancer{Address: endpointLease, MAC: "00:50:56:01:02:03"}
	for i := range f.Machines {
		m := &f.Machines[i]
		m.Address = m.Marker.Address.Addr()
		m.Marker.Address = netip.Prefix{}
		m.Marker.IPPool = uuid.Nil
		m.Marker.VIP = netip.Addr{}
		m.Marker.Extra = netip.Addr{}
		m.Phase = model.PhaseJoined
		if m.Marker.ControlPlane() {
			f.Record.Members[m.Marker.Ordinal] = m.Address
		}
	}
	f.LoadBalancer = &model.Machine{
		Ref: "vm-c-lb", Path: "/dc/vm/c-lb", PoweredOn: true, Phase: model.PhaseServing, Address: endpointLease,
		Backends: plan.BackendsOf(f.Record.Members),
		Marker: model.Marker{
			SchemaVersion: model.MarkerSchema, Cluster: clusterID, Node: "c-lb", Role: model.RoleLoadBalancer,
			NodePool: model.LoadBalancerPool, KubernetesVersion: "1.37.2", Template: "node", CloneMode: model.CloneLinked,
			ComputeCluster: "compute", Datastore: "datastore", Network: "network", ResourcePool: "team",
			CPU: model.DefaultLoadBalancerCPU, MemoryGB: model.DefaultLoadBalancerMemoryGB, DiskGB: 20, CAFingerprint: theCA,
		},
	}
	return f
}

func TestLoadBalancerIsMadeBeforeTheFirstNode(t *testing.T) {
	t.Parallel()
	p := planned(leased(1, 1), &model.Facts{CAFingerprint: theCA})
	wantSteps(t, p, "create_record c, create_load_balancer c-lb, create_node c-cp-1, apply_pack net, create_node c-w-1")
	if got := stageNames(p); got != "record, load balancer, clones, control plane, pack net, workers" {
		t.Errorf("stages %s", got)
	}
	if len(p.MissingIPPools) > 0 {
		t.Errorf("nodes with leases need no IP pool: %v", p.MissingIPPools)
	}
}

func TestRunningClusterWithLeasesNeedsNothing(t *testing.T) {
	t.Parallel()
	p := planned(leased(3, 2), leasedRunning(3, 2))
	wantSteps(t, p, "")
	wantWarnings(t, p, 0)
}

// What is wrong with a load balancer, and what is done about it.
func TestLoadBalancerIsBroughtToWhatItIsToBe(t *testing.T) {
	t.Parallel()
	const replaced = "replace_load_balancer c-lb"
	const outage = "Until it runs, the API is not reached"
	for name, c := range map[string]struct {
		change func(*model.ClusterSpec, *model.Facts)
		want   string
		warns  string
	}{
		"gone": {func(_ *model.ClusterSpec, f *model.Facts) {
			f.LoadBalancer = nil
			f.Gone = []model.KnownMachine{{Node: "c-lb", Ref: "VirtualMachine:vm-9"}}
		}, "create_load_balancer c-lb", "same MAC address"},
		"not seen, and the API is silent": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.LoadBalancer = nil
		}, "create_load_balancer c-lb", "same MAC address"},
		"not seen, and the API answers": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer = nil }, "", "not built anew"},
		"hidden": {func(_ *model.ClusterSpec, f *model.Facts) {
			f.LoadBalancer = nil
			f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-lb", Ref: "VirtualMachine:vm-9"}}}
		}, "", "not built anew"},
		"unreadable": {func(_ *model.ClusterSpec, f *model.Facts) {
			f.LoadBalancer = nil
			f.Unreadable = []string{"c-lb"}
		}, "", "not built anew"},
		"off": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.PoweredOn = false },
			"restart_load_balancer c-lb", "powers c-lb on"},
		"failed": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.LoadBalancer.Phase = model.PhaseFailed
		}, replaced, "its guest has failed"},
		"never bootstrapped": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.LoadBalancer.Phase = ""
			f.LoadBalancer.Address = netip.Addr{}
		}, replaced, "it was never bootstrapped"},
		"mute, and the API answers": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Phase = "" }, "", ""},
		"mute, and booted": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.LoadBalancer.Phase = ""
			f.LoadBalancer.Booted = true
		}, "", "API"},
		"failed, and the API answers": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Phase = model.PhaseFailed },
			"restart_load_balancer c-lb", "the apply restarts it"},
		"cpu":    {func(s *model.ClusterSpec, _ *model.Facts) { s.LoadBalancer.CPU = 4 }, replaced, "cpu"},
		"memory": {func(s *model.ClusterSpec, _ *model.Facts) { s.LoadBalancer.MemoryGB = 4 }, replaced, "memory_gb"},
		"image":  {func(s *model.ClusterSpec, _ *model.Facts) { s.LoadBalancer.Image.Template = "other" }, replaced, "image"},
		"HAProxy": {func(s *model.ClusterSpec, _ *model.Facts) { s.LoadBalancer.HAProxyImage = "r.io/haproxy:3" },
			replaced, "haproxy_image"},
		"datastore": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Marker.Datastore = "other" }, replaced, "placements"},
		"authorities": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Marker.CAFingerprint = "o" },
			replaced, "authorities"},
		"SSH keys": {func(s *model.ClusterSpec, f *model.Facts) {
			s.BuiltWith.SSHKeys = "now"
			f.LoadBalancer.Marker.SSHKeys = "before"
		}, replaced, "ssh_authorized_keys"},
		"another lease": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Lease = otherLease },
			"restart_load_balancer c-lb", "had the address 10.10.7.1, which clients and certificates know, and its DHCP server " +
				"gives it " + otherLease.String() + ". Reserve 10.10.7.1 for the MAC address 00:50:56:01:02:03"},
		"another lease of one with a name": {func(s *model.ClusterSpec, f *model.Facts) {
			s.LoadBalancer.HostName = "c.example.com"
			f.LoadBalancer.Marker.HostName = "c.example.com"
			f.Record.LoadBalancer.HostName = "c.example.com"
			f.LoadBalancer.Lease = otherLease
		}, "", ""},
		"does not forward": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.API.AnswersAt = f.Record.Members[1]
		}, "restart_load_balancer c-lb", "answers when it is asked itself"},
		"is not reached from here": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.API.AnswersAt = f.Record.Members[1]
			f.API.NotFromHere = "It answers at its own address, 10.10.7.1."
		}, "", "It answers at its own address"},
		"mute, and no API server answers": {func(_ *model.ClusterSpec, f *model.Facts) {
			*f = *unreachable(f)
			f.LoadBalancer.Phase = ""
			f.LoadBalancer.Booted = true
		}, "", "API"},
		"the same lease again": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Lease = endpointLease }, "", ""},
		"other backends": {func(_ *model.ClusterSpec, f *model.Facts) { f.LoadBalancer.Backends = "10.10.7.9" },
			"update_backends c-lb", ""},
		"a member that the record lacks": {func(_ *model.ClusterSpec, f *model.Facts) {
			delete(f.Record.Members, 2)
		}, "update_backends c-lb", ""},
	} {
		s, f := leased(3, 1), leasedRunning(3, 1)
		c.change(s, f)
		p := planned(s, f)
		// The image of the limits is that of the nodes.
		if got := names(p); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
		away := c.want != "" && c.want != "update_backends c-lb" && name != "another lease"
		if away && !says(p.Warnings, outage) {
			t.Errorf("%s: no warning says that the API is away: %v", name, p.Warnings)
		}
		switch {
		case c.warns == "":
			if len(p.Warnings) > 0 {
				t.Errorf("%s: warnings %v", name, p.Warnings)
			}
		case !says(p.Warnings, c.warns):
			t.Errorf("%s: no warning says %q: %v", name, c.warns, p.Warnings)
		}
	}
}

// A run that was killed while the load balancer booted: what it has built is found.
func TestCreationGoesOnWithTheLoadBalancerThatThereIs(t *testing.T) {
	t.Parallel()
	s := leased(1, 0)
	f := &model.Facts{CAFingerprint: theCA, LoadBalancer: leasedRunning(1, 0).LoadBalancer}
	f.Record.Found = true
	f.Record.Cluster = record.Cluster{ID: clusterID, Kind: record.KindCluster}
	f.LoadBalancer.Address = netip.Addr{}
	f.LoadBalancer.Backends = ""
	wantSteps(t, planned(s, f), "create_record c, create_load_balancer c-lb, create_node c-cp-1, apply_pack net")
	f.Record.LoadBalancer.Address = endpointLease
	wantSteps(t, planned(s, f), "create_record c, create_node c-cp-1, apply_pack net")
	f.LoadBalancer.Marker.CAFingerprint = "those of a run that died"
	wantSteps(t, planned(s, f), "create_record c, replace_load_balancer c-lb, create_node c-cp-1, apply_pack net")
}

func TestLoadBalancerStaysOnItsNetwork(t *testing.T) {
	t.Parallel()
	s, f := leased(1, 0), leasedRunning(1, 0)
	s.ControlPlane.Placements[0].Network = "elsewhere"
	if p := planned(s, f); !says(p.Problems, "The endpoint would move", `"elsewhere"`) {
		t.Errorf("problems %v", p.Problems)
	}
	s.LoadBalancer.HostName = "c.example.com"
	f.LoadBalancer.Marker.HostName = "c.example.com"
	f.Record.LoadBalancer.HostName = "c.example.com"
	if p := planned(s, f); p.Err() != nil {
		t.Errorf("what is reached by a name may move: %v", p.Err())
	}
}

// A control-plane node whose lease has changed is taken out of etcd before another one joins. A worker's lease is nothing.
func TestLeaseOfANodeChanges(t *testing.T) {
	t.Parallel()
	s, f := leased(3, 1), leasedRunning(3, 1)
	other := netip.MustParseAddr("10.10.9.9")
	f.Machines[3].Lease = other // c-w-1
	wantSteps(t, planned(s, f), "")
	f.Machines[1].Lease = other // c-cp-2
	// Also while it is Ready: no node joins etcd beside its member, which does not work.
	wantSteps(t, planned(s, f), "delete_node c-cp-2, create_node c-cp-4")
	f.API.Nodes["c-cp-2"] = model.KubeNode{Name: "c-cp-2"}
	p := planned(s, f)
	wantSteps(t, p, "delete_node c-cp-2, create_node c-cp-4")
	if !says(p.Warnings, "lease has changed") {
		t.Errorf("warnings %v", p.Warnings)
	}
	p = planned(s, unreachable(f))
	if !says(p.Warnings, "other leases", "c-cp-2", other.String(), "Reserve") {
		t.Errorf("while the API is silent: %v", p.Warnings)
	}
}

func TestDestroyDeletesTheLoadBalancerLast(t *testing.T) {
	t.Parallel()
	s, f := leased(1, 1), leasedRunning(1, 1)
	p := plan.Destroy(s.Target(), f, &model.Limits{})
	wantSteps(t, p, "delete_node c-w-1, delete_node c-cp-1, delete_load_balancer c-lb, delete_record c")

	// What is left, and not seen, is reached through it.
	f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-w-2"}}}
	wantSteps(t, plan.Destroy(s.Target(), f, &model.Limits{}), "delete_node c-w-1, delete_node c-cp-1")
	f.Unseen = nil

	f.Machines = nil
	f.Record = model.Record{}
	f.LoadBalancer.Marker.Incarnation = s.Incarnation
	if plan.Gone(s.Target(), f) {
		t.Error("a load balancer is left")
	}
	if n := plan.Remaining(s.Target(), f); n != 1 {
		t.Errorf("%d remain", n)
	}
	why := map[string]string{"c-lb": "it is in use"}
	if _, left := plan.Force(s.Target(), f, why); !strings.Contains(left, "c-lb (vm-c-lb: it is in use)") {
		t.Errorf("left %q", left)
	}
}

func TestStatusHasTheLoadBalancer(t *testing.T) {
	t.Parallel()
	s, f := leased(1, 1), leasedRunning(1, 1)
	st := plan.Status(s, f, nil, today)
	if st.Endpoint != "10.10.7.1:6443" || st.State != model.StateRunning {
		t.Errorf("endpoint %q, state %s, conditions %+v", st.Endpoint, st.State, st.Conditions)
	}
	got := map[string]string{}
	for _, n := range st.Nodes {
		got[n.Name] = string(n.Role) + " " + n.Address
	}
	want := map[string]string{
		"c-lb": "load-balancer 10.10.7.1", "c-cp-1": "control-plane " + f.Record.Members[1].String(),
		"c-w-1": "worker " + f.Machines[1].Address.String(),
	}
	if !maps.Equal(got, want) {
		t.Errorf("nodes %v, want %v", got, want)
	}
	f.LoadBalancer.PoweredOn = false
	f.Record.LoadBalancer.HostName = "c.example.com"
	st = plan.Status(s, f, nil, today)
	if st.Endpoint != "c.example.com:6443" || st.State != model.StateDegraded {
		t.Errorf("endpoint %q, state %s", st.Endpoint, st.State)
	}
}

// What would be rendered for a load balancer is checked in the plan that builds it.
func TestLoadBalancerDocumentsAreChecked(t *testing.T) {
	t.Parallel()
	s := leased(1, 0)
	s.LoadBalancer.HAProxyImage = "haproxy"
	p := planned(s, &model.Facts{CAFingerprint: theCA})
	if found := on(p.Problems, model.ClusterField(model.FieldHAProxyImage)); len(found) != 1 {
		t.Errorf("problems %v", p.Problems)
	}
	if p := planned(leasedOn(poolID), &model.Facts{CAFingerprint: theCA}); !says(p.Problems, "IP pool with DHCP") {
		t.Errorf("problems %v", p.Problems)
	}
	s.Workers = append(s.Workers, nodePool(model.LoadBalancerPool, 1))
	if p := planned(s, &model.Facts{CAFingerprint: theCA}); !says(p.Problems, "Name of the load balancer") {
		t.Errorf("problems %v", p.Problems)
	}
}
