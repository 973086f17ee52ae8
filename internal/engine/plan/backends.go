package plan

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// backendSteps have the load balancer forward to the control plane as it is, as where an
// earlier run was killed between the two. One that is built gets its backends in the clone.
func backendSteps(v view) []model.Step {
	lb := v.facts.LoadBalancer
	if !v.spec.DHCP() || lb == nil || !v.apiReached() {
		return nil
	}
	for _, step := range loadBalancerSteps(v) {
		if _, restarts := step.(model.RestartLoadBalancer); !restarts {
			return nil
		}
	}
	members := v.members()
	wanted := BackendsOf(v.serving(members))
	// What is lost is removed when its member is.
	same := lb.Backends == wanted || lb.Backends == BackendsOf(members)
	if wanted == "" || same && maps.Equal(members, v.facts.Record.Members) {
		return nil
	}
	return []model.Step{model.UpdateBackends{Name: lb.Marker.Node}}
}

// BackendsOf is what a load balancer is told that forwards to members; empty where there is
// none, or what is no list of addresses.
func BackendsOf(members map[int]netip.Addr) string {
	addresses := slices.SortedFunc(maps.Values(members), netip.Addr.Compare)
	if len(addresses) == 0 {
		return ""
	}
	text, err := bootstrap.Backends(slices.Compact(addresses))
	if err != nil {
		return ""
	}
	return text
}

// Members are the addresses of the control-plane nodes that may be members of etcd, by their
// ordinals: what the record says, and what nodes report that have joined and that it does not
// have. Nodes of a control plane that was built anew since are none.
func Members(spec *model.ClusterSpec, facts *model.Facts) map[int]netip.Addr {
	v := newView(spec, facts)
	return v.members()
}

func (v view) members() map[int]netip.Addr {
	members := maps.Clone(v.facts.Record.Members)
	for _, m := range v.machines(model.ControlPlanePool) {
		_, known := members[m.Marker.Ordinal]
		if known || !m.Address.IsValid() || !v.facts.Joined(&m) || v.spec.Supersedes(m.Marker) {
			continue
		}
		if members == nil {
			members = map[int]netip.Addr{}
		}
		members[m.Marker.Ordinal] = m.Address
	}
	for _, m := range v.former {
		delete(members, m.Marker.Ordinal)
	}
	return members
}

// Serving are the members that the load balancer is to forward to: without those whose VMs
// are gone, as long as there is another.
func Serving(spec *model.ClusterSpec, facts *model.Facts, members map[int]netip.Addr) map[int]netip.Addr {
	v := newView(spec, facts)
	return v.serving(members)
}

// FirstBackends are those that a load balancer is cloned with; empty: none. Where a control
// plane is built anew, they are those of the former one that may run again, until their VMs are
// deleted.
func FirstBackends(spec *model.ClusterSpec, facts *model.Facts) string {
	v := newView(spec, facts)
	rec := v.facts.Record.Cluster
	if !v.reset || rec.Reset == spec.Reset {
		rec.Members = v.serving(v.members())
	}
	return BackendsOf(Candidates(&rec))
}

// Candidates are the members of a control plane, and those of a former one that may run
// again. A load balancer tells by itself which of them serve.
func Candidates(rec *record.Cluster) map[int]netip.Addr {
	all := maps.Clone(rec.Former)
	if all == nil {
		all = map[int]netip.Addr{}
	}
	maps.Copy(all, rec.Members)
	return all
}

func (v view) serving(members map[int]netip.Addr) map[int]netip.Addr {
	serving := maps.Clone(members)
	for _, name := range v.lost(model.ControlPlanePool) {
		delete(serving, v.ordinal(model.ControlPlanePool, name))
	}
	for _, name := range v.goneMembers() {
		if !v.node(name).Ready {
			delete(serving, v.ordinal(model.ControlPlanePool, name))
		}
	}
	if len(serving) == 0 {
		return members
	}
	return serving
}
