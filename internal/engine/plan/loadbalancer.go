package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

// reasonLease is why a control-plane node is replaced whose lease has changed: etcd and its
// certificates have the former address.
const reasonLease = "its DHCP lease has changed"

// loadBalancerSteps bring the load balancer to what it is to be. While it is replaced the
// endpoint is away: its successor has the same MAC address, and two VMs must not have it.
func loadBalancerSteps(v view) []model.Step {
	if !v.spec.DHCP() || v.loadBalancerHidden() {
		return nil
	}
	create := []model.Step{model.CreateLoadBalancer{Name: model.LoadBalancerName(v.spec.Name)}}
	lb := v.facts.LoadBalancer
	switch {
	case lb == nil:
		return create
	case len(v.loadBalancerReasons(*lb)) > 0:
		return []model.Step{model.ReplaceLoadBalancer{Machine: *lb}}
	case v.unbooted(*lb), !v.endpointRecorded():
		return create // which finds it
	case !lb.PoweredOn, v.endpointMoved(), lb.Phase == model.PhaseFailed:
		return []model.Step{model.RestartLoadBalancer{Machine: *lb}}
	}
	return nil
}

// loadBalancerHidden reports whether there may be a load balancer that is not seen: vCenter
// does not say that it is gone, or, for want of a reference, cannot, and the API, which is
// reached through it, answers.
func (v view) loadBalancerHidden() bool {
	if v.facts.LoadBalancer != nil {
		return false
	}
	name := model.LoadBalancerName(v.spec.Name)
	serves := v.endpointRecorded() && !v.gone(name) && v.facts.API.Answered()
	return serves || v.hidden(name) || v.unreadable(name)
}

// loadBalancerReasons are why the load balancer is replaced, in the words of the attributes;
// none: it stays. Of the container image that is the default a newer Gantry may have another,
// which is no reason.
func (v view) loadBalancerReasons(m model.Machine) []string {
	pool := v.spec.LoadBalancerPool()
	var reasons []string
	differs := func(different bool, what string) {
		if different {
			reasons = append(reasons, what)
		}
	}
	differs(m.Marker.CPU != pool.CPU, "cpu")
	differs(m.Marker.MemoryGB != pool.MemoryGB, "memory_gb")
	differs(!builtFrom(v.spec.ImageOf(pool), m.Marker), reasonImage)
	differs(placementOf(pool, m.Marker) < 0, reasonPlacements)
	differs(m.Marker.HAProxyImage != v.spec.LoadBalancer.HAProxyImage, "haproxy_image")
	differs(m.Marker.HostName != v.spec.LoadBalancer.HostName, "host_name")
	for _, field := range LoadBalancerBuiltWith(v.spec).Differs(m.Marker.BuiltWith) {
		reasons = append(reasons, attributeWords[field])
	}
	// By these it verifies API servers.
	differs(v.facts.CAFingerprint != "" && m.Marker.CAFingerprint != v.facts.CAFingerprint, "other certificate authorities")
	silent := m.PoweredOn && !v.facts.API.Answered()
	differs(silent && m.Phase == model.PhaseFailed, "its guest has failed")
	// Its bootstrap data was taken away before it has read them, as after a boot that took too long.
	differs(silent && !m.Userdata && !m.Booted && m.Phase == "", "it was never bootstrapped")
	return reasons
}

// LoadBalancerBuiltWith is what a load balancer takes over at its first boot and keeps.
func LoadBalancerBuiltWith(spec *model.ClusterSpec) model.BuiltWith {
	return model.BuiltWith{
		SSHKeys:    spec.BuiltWith.SSHKeys,
		NTPServers: spec.BuiltWith.NTPServers,
		Proxy:      spec.BuiltWith.Proxy,
	}
}

// endpointRecorded reports whether the record has the lease of the load balancer. A record
// that was lost is written anew with it.
func (v view) endpointRecorded() bool {
	if v.facts.Record.Found {
		return v.facts.Record.LoadBalancer.Address.IsValid()
	}
	return v.apiReached() && v.facts.LoadBalancer != nil && v.facts.LoadBalancer.Address.IsValid()
}

// leaseOf is the lease that a machine has now; not valid where it has not reported one.
func leaseOf(m *model.Machine) netip.Addr { return PresentLease(m.Address, m.Lease) }

// PresentLease is the lease that a machine has now which has bootstrapped with one and reports
// another, if it has changed.
func PresentLease(bootstrapped, changed netip.Addr) netip.Addr {
	if changed.IsValid() {
		return changed
	}
	return bootstrapped
}

// endpointMoved reports whether the load balancer runs on another address than the one by
// which the cluster is reached.
func (v view) endpointMoved() bool {
	lb := v.facts.LoadBalancer
	recorded := v.facts.Record.LoadBalancer
	if lb == nil || !lb.PoweredOn || !recorded.Address.IsValid() || recorded.HostName != "" {
		return false
	}
	lease := leaseOf(lb)
	return lease.IsValid() && lease != recorded.Address
}

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

// FirstBackends are those that a load balancer is cloned with; empty: none. Where the run
// begins a control plane anew, the former one is none of them.
func FirstBackends(spec *model.ClusterSpec, facts *model.Facts) string {
	v := newView(spec, facts)
	if v.reset && facts.Record.Reset != spec.Reset {
		return ""
	}
	return BackendsOf(v.serving(v.members()))
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

// loadBalancerDeletion deletes the load balancer of a cluster that is destroyed, after its
// nodes: until then one that stays is reached.
func loadBalancerDeletion(target model.Target, facts *model.Facts) []model.Step {
	if lb := facts.LoadBalancer; lb != nil && owns(target, facts, *lb) {
		return []model.Step{model.DeleteLoadBalancer{Machine: *lb}}
	}
	return nil
}

// loadBalancerProblems refuse what would take the endpoint away for good.
func loadBalancerProblems(v view) model.Findings {
	var f model.Findings
	if !v.spec.DHCP() {
		return f
	}
	for _, pool := range v.spec.Workers {
		if pool.Name == model.LoadBalancerPool {
			f.Refuse(nodePoolField(pool.Name), "Name of the load balancer",
				"%q is the pool of the load balancer, and no name of a worker pool. Choose another name.", pool.Name)
		}
	}
	for _, pool := range v.spec.NodePools() {
		for i, place := range pool.Placements {
			if place.IPPoolID != uuid.Nil { // which was not known when the configuration was validated
				f.Refuse(model.PlacementRef{NodePool: pool.Name, Index: i}.Field(model.FieldIPPool), "IP pool with DHCP",
					"Nodes that take leases have no address of an IP pool. Remove ip_pool_id.")
			}
		}
	}
	lb := v.facts.LoadBalancer
	if lb == nil || !v.apiReached() || v.spec.LoadBalancer.HostName != "" || len(v.spec.ControlPlane.Placements) == 0 {
		return f
	}
	wanted, built := objects(v.spec.ControlPlane.Placements[0]), builtWith(lb.Marker)
	for i, object := range wanted {
		if object.field == model.FieldNetwork && !object.is(built[i]) {
			f.Refuse(model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldNetwork), "The endpoint would move",
				"The load balancer of %q, which is on the network %q, would get another lease on %q, and certificates and clients know "+
					"its address. Only a cluster that was created with a host name for its load balancer can be moved.",
				v.spec.Name, inventoryname.Base(lb.Marker.Network), object.name)
		}
	}
	return f
}

// loadBalancerFindings say what becomes of the endpoint.
func loadBalancerFindings(v view) model.Findings {
	var f model.Findings
	if !v.spec.DHCP() || !v.apiReached() && v.facts.LoadBalancer == nil {
		return f
	}
	lb := v.facts.LoadBalancer
	field := model.ClusterField(model.FieldLoadBalancer)
	const outage = "Until it runs, the API is not reached; workloads go on."
	switch {
	case v.loadBalancerHidden():
		f.Warn(field, "The load balancer is not visible", "vCenter does not show the VM %s, or does not return its configuration, and does not "+
			"say that it is gone. It is not built anew. Move the VM back or grant the privilege, or have it deleted by a user who sees it.",
			model.LoadBalancerName(v.spec.Name))
	case lb == nil:
		f.Warn(field, "The load balancer is gone", "The apply builds %s anew with the same MAC address, by which the DHCP server gives it "+
			"the same lease. %s", model.LoadBalancerName(v.spec.Name), outage)
	case !v.apiReached():
	case len(v.loadBalancerReasons(*lb)) > 0:
		f.Warn(field, "The load balancer is replaced", "The apply powers %s off, deletes it, and builds it anew with the same MAC address, by "+
			"which the DHCP server gives it the same lease. %s Differs from the configuration: %s.",
			lb.Marker.Node, outage, model.Listed(v.loadBalancerReasons(*lb)))
	case !lb.PoweredOn:
		f.Warn(field, "The load balancer is powered off", "The apply powers %s on. %s", lb.Marker.Node, outage)
	case lb.Phase == model.PhaseFailed:
		f.Warn(field, "The load balancer has failed", "The guest of %s reports that it failed, and the API answers: the apply restarts it, "+
			"and the next one does again as long as it fails. %s", lb.Marker.Node, outage)
	case v.endpointMoved():
		f.Warn(field, "The load balancer has another address", "%s The apply restarts it, and fails as long as it gets another one.",
			MovedWords(lb.Marker.Node, v.facts.Record.LoadBalancer.Address, leaseOf(lb), v.facts.Record.LoadBalancer.MAC))
	}
	f.Add(leaseFindings(v))
	return f
}

// MovedWords say that a load balancer has got another lease, and what to do.
func MovedWords(name string, before, now netip.Addr, mac string) string {
	return fmt.Sprintf("The load balancer %s had the address %s, which clients and certificates know, and its DHCP server gives it %s. "+
		"Reserve %[2]s for the MAC address %[4]s on the DHCP server, and free it there where another machine has it.", name, before, now, mac)
}

// leaseFindings warn of control-plane nodes that do not work on their lease while nothing
// can be done about it from here.
func leaseFindings(v view) model.Findings {
	var f model.Findings
	if !v.apiSilent() {
		return f
	}
	var words []string
	for _, m := range v.machines(model.ControlPlanePool) {
		if m.LeaseChanged() {
			words = append(words, fmt.Sprintf("%s had %s and has %s", m.Marker.Node, m.Address, m.Lease))
		}
	}
	if len(words) > 0 {
		f.Warn(controlPlaneField, "Control-plane nodes have other leases",
			"The API does not answer, and the leases of control-plane nodes have changed, to which etcd and its certificates do not follow: %s. "+
				"Reserve the former addresses for the MAC addresses of their VMs on the DHCP server, and restart the VMs.", model.Listed(words))
	}
	return f
}

// loadBalancerCondition says whether the load balancer forwards.
func loadBalancerCondition(facts *model.Facts) model.Condition {
	const kind = "LoadBalancerReady"
	lb := facts.LoadBalancer
	switch {
	case lb == nil:
		return condition(kind, false, "", "Missing", "The VM of the load balancer is gone or not visible.")
	case !lb.PoweredOn:
		return condition(kind, false, "", "PoweredOff", "The VM of the load balancer is powered off.")
	case lb.Phase == model.PhaseFailed:
		return condition(kind, false, "", "Failed", "The guest of the load balancer has reported that it failed.")
	}
	recorded := facts.Record.LoadBalancer
	if lease := leaseOf(lb); recorded.HostName == "" && recorded.Address.IsValid() && lease.IsValid() && lease != recorded.Address {
		return condition(kind, false, "", "AddressChanged", MovedWords(lb.Marker.Node, recorded.Address, lease, recorded.MAC))
	}
	if lb.Phase != model.PhaseServing {
		return unknownCondition(kind, "NotReported", "The guest of the load balancer has not reported that it serves.")
	}
	return condition(kind, true, "Serving", "", "")
}
