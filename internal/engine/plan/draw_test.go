package plan_test

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// drawSpec is any spec that the resources may hand over.
func drawSpec(t *rapid.T) *model.ClusterSpec {
	s := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), 0)
	s.Workers = nil
	for _, name := range []string{"v", "w"}[:rapid.IntRange(0, 2).Draw(t, "worker pools")] {
		pool := nodePool(name, rapid.IntRange(0, 4).Draw(t, "count of "+name))
		pool.CPU = rapid.SampledFrom([]int32{2, 4}).Draw(t, "CPUs of "+name)
		pool.Strategy = rapid.SampledFrom([]model.RollStrategy{"", model.ExpandFirst, model.ContractFirst}).Draw(t, "strategy of "+name)
		pool.DiskGB = rapid.SampledFrom([]int64{0, 20, 40}).Draw(t, "disk of "+name)
		if rapid.Bool().Draw(t, name+" has another placement") {
			pool.Placements = append(pool.Placements, place(otherPoolID))
		}
		if rapid.Bool().Draw(t, name+" has labels") {
			pool.Meta.Labels = map[string]string{"team": "a"}
		}
		s.Workers = append(s.Workers, pool)
	}
	s.New = rapid.Bool().Draw(t, "new")
	s.Folder = rapid.SampledFrom([]string{"", "k8s/c"}).Draw(t, "folder")
	s.CloneMode = rapid.SampledFrom([]model.CloneMode{model.CloneAuto, model.CloneLinked, model.CloneFull}).Draw(t, "clone mode")
	s.Description = rapid.SampledFrom([]string{"", "billing"}).Draw(t, "description")
	if rapid.IntRange(0, 2).Draw(t, "reserves a range") == 0 {
		s.ReservedRanges = []model.ReservedRange{reserved("web", "10.10.128.50", "10.10.128.52")}
	}
	if rapid.Bool().Draw(t, "a pack") {
		s.Packs = []model.Pack{{Name: "cni", Layer: model.LayerCNI}}
	}
	return s
}

// drawFacts is anything that may be left of a cluster: of a run that was killed, of
// changes by hand, of a record that was deleted.
func drawFacts(t *rapid.T) *model.Facts {
	if rapid.IntRange(0, 5).Draw(t, "nothing there") == 0 {
		return &model.Facts{CAFingerprint: theCA}
	}
	f := running(rapid.IntRange(0, 3).Draw(t, "there"), 0)
	for _, name := range []string{"v", "w", "removed"} {
		n := rapid.IntRange(0, 3).Draw(t, name+" there")
		pool := nodePool(name, n)
		pool.Placements = append(pool.Placements, place(otherPoolID))
		for i := range n {
			join(f, pool, rapid.IntRange(0, 1).Draw(t, fmt.Sprintf("placement of %s %d", name, i)), i+1)
		}
		f.Record.Counters[name] = n + 1 + rapid.IntRange(0, 2).Draw(t, name+" skipped")
	}
	for _, m := range slices.Clone(f.Machines) {
		drawFate(t, f, m.Marker.Node)
	}
	drawRange(t, f)
	f.Record.Folder = rapid.SampledFrom([]string{"", "k8s/c"}).Draw(t, "recorded folder")
	f.Record.APIReached = rapid.Bool().Draw(t, "API reached")
	f.Record.CreationComplete = f.Record.APIReached && rapid.Bool().Draw(t, "creation complete")
	f.API.ImportDataStored = rapid.Bool().Draw(t, "import data stored")
	switch rapid.IntRange(0, 3).Draw(t, "API") {
	case 0:
		unreachable(f)
	case 1:
		f.API = model.APIFacts{}
	}
	if rapid.IntRange(0, 3).Draw(t, "record") == 0 {
		f.Record = model.Record{}
	}
	return f
}

// drawRange has the cluster hold a range, or a part of it, which the record has or not.
func drawRange(t *rapid.T, f *model.Facts) {
	if rapid.IntRange(0, 2).Draw(t, "a reserved range") > 0 {
		return
	}
	claims := len(f.Claims)
	holds(f, reserved("web", "10.10.128.50", "10.10.128.54"))
	f.Claims = f.Claims[:claims+rapid.IntRange(0, 5).Draw(t, "addresses of the range")]
	if rapid.Bool().Draw(t, "the range is not recorded") {
		f.Record.Ranges = nil
	}
}

// drawLeased has nodes take leases, or not: the facts are then without claims, with members of
// the control plane in the record, and with a load balancer, or what has become of it.
func drawLeased(t *rapid.T, s *model.ClusterSpec, f *model.Facts) {
	if !rapid.Bool().Draw(t, "leases") {
		return
	}
	s.Allocation = model.AllocationDHCP
	for i := range s.Workers {
		for j := range s.Workers[i].Placements {
			leasePlacement(&s.Workers[i].Placements[j])
		}
	}
	leasePlacement(&s.ControlPlane.Placements[0])
	claimed := slices.Concat(f.Claims, f.Unclaimed)
	f.Claims, f.Unclaimed = nil, nil
	if !f.Record.Found && len(f.Machines) == 0 {
		return
	}
	f.Record.Members = map[int]netip.Addr{}
	for _, c := range claimed {
		if n := model.NodeOrdinal("", "c", model.ControlPlanePool, c.Owner); n > 0 {
			f.Record.Members[n] = c.Address
		}
	}
	for i := range f.Machines {
		leaseMachine(t, &f.Machines[i])
	}
	drawLoadBalancer(t, f)
	if !f.Record.Found {
		f.Record = model.Record{}
	}
	if rapid.IntRange(0, 3).Draw(t, "names to replace") == 0 {
		s.ReplaceNodes = []string{"c-cp-1"}
	}
}

// leasePlacement tells placements apart by their datastore, which on other IP pools were others.
func leasePlacement(p *model.Placement) {
	if p.IPPoolID == otherPoolID {
		p.Datastore = "other"
	}
	p.IPPoolID = uuid.Nil
}

func leaseMachine(t *rapid.T, m *model.Machine) {
	if m.Marker.IPPool == otherPoolID {
		m.Marker.Datastore = "other"
	}
	m.Address = m.Marker.Address.Addr()
	m.Marker.Address, m.Marker.IPPool = netip.Prefix{}, uuid.Nil
	m.Marker.VIP, m.Marker.Extra = netip.Addr{}, netip.Addr{}
	if rapid.IntRange(0, 9).Draw(t, "lease of "+m.Marker.Node) == 0 {
		m.Lease = otherLease
	}
}

// drawLoadBalancer is what has become of the load balancer.
func drawLoadBalancer(t *rapid.T, f *model.Facts) {
	f.Record.LoadBalancer = record.LoadBalancer{Address: endpointLease, MAC: "00:50:56:01:02:03"}
	f.LoadBalancer = leasedRunning(0, 0).LoadBalancer
	f.LoadBalancer.Backends = plan.BackendsOf(f.Record.Members)
	known := model.KnownMachine{Node: "c-lb", Ref: "VirtualMachine:vm-lb"}
	switch rapid.IntRange(0, 7).Draw(t, "load balancer") {
	case 0:
		f.LoadBalancer = nil
		f.Gone = append(f.Gone, known)
	case 1:
		f.LoadBalancer = nil
		f.Unseen = append(f.Unseen, model.UnseenMachine{KnownMachine: known})
	case 2:
		f.LoadBalancer.PoweredOn = false
	case 3:
		f.LoadBalancer.Phase = model.PhaseFailed
	case 4:
		f.LoadBalancer.Lease = otherLease
	case 5:
		f.LoadBalancer.Backends = "10.10.9.9"
	case 6:
		if f.API.Asked && !f.API.Answered() {
			f.API.AnswersAt = otherLease
			if rapid.Bool().Draw(t, "not from here") {
				f.API.NotFromHere = "No route leads there."
			}
		}
	}
}

// drawFate is what has become of one node.
func drawFate(t *rapid.T, f *model.Facts, name string) {
	at := slices.IndexFunc(f.Machines, func(m model.Machine) bool { return m.Marker.Node == name })
	m := &f.Machines[at]
	node := f.API.Nodes[name]
	switch rapid.IntRange(0, 12).Draw(t, "fate of "+name) {
	case 0: // the VM was deleted
		lose(f, name)
		return
	case 1: // it has not joined, or its node object was deleted
		delete(f.API.Nodes, name)
		if rapid.Bool().Draw(t, "pending") {
			if f.Record.Pending == nil {
				f.Record.Pending = map[string][]int{}
			}
			f.Record.Pending[m.Marker.NodePool] = append(f.Record.Pending[m.Marker.NodePool], m.Marker.Ordinal)
		}
		return
	case 2: // a deletion was not finished
		node.Cordoned = true
		node.Unschedulable = true
		m.PoweredOn = rapid.Bool().Draw(t, "powered on")
	case 3: // its VM cannot be read
		lose(f, name)
		f.Unreadable = append(f.Unreadable, name)
		return
	case 4: // its VM is gone, and the node Ready
		lose(f, name)
	case 8: // vCenter does not show its VM
		hide(f, name)
		node.Ready = rapid.Bool().Draw(t, "ready")
	case 9: // nothing is known of its VM, not even a reference
		lose(f, name)
		f.Gone = nil
		return
	case 5: // its claim was deleted
		mine := func(c model.Claim) bool { return c.Owner == name }
		i := slices.IndexFunc(f.Claims, mine)
		f.Unclaimed = append(f.Unclaimed, f.Claims[i])
		f.Claims = slices.DeleteFunc(f.Claims, mine)
	case 6:
		node.Labels = map[string]string{"team": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "team"), "other": "x"}
		m.Userdata = true
	case 7: // an earlier attempt built it
		m.Marker.CAFingerprint = "sha256:other"
		delete(f.API.Nodes, name)
		return
	}
	f.API.Nodes[name] = node
}

// presumed are the nodes of a pool without a visible VM that may be there.
func presumed(f *model.Facts, pool string, there map[string]bool) int {
	names := map[string]bool{}
	for _, name := range f.Unreadable {
		names[name] = model.NodeOrdinal("", "c", pool, name) > 0
	}
	for name, node := range f.API.Nodes {
		gone := slices.ContainsFunc(f.Gone, func(m model.KnownMachine) bool { return m.Node == name })
		names[name] = names[name] || (node.Ready || !gone) && model.NodeOrdinal("", "c", pool, name) > 0 && !there[name]
	}
	for _, m := range f.Unseen {
		names[m.Node] = names[m.Node] || model.NodeOrdinal("", "c", pool, m.Node) > 0 && !there[m.Node]
	}
	n := 0
	for _, counts := range names {
		if counts {
			n++
		}
	}
	return n
}
