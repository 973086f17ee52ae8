package plan

import (
	"net/netip"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
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
	create := []model.Step{model.CreateLoadBalancer{Name: v.nodeNames.LoadBalancer()}}
	lb := v.facts.LoadBalancer
	switch {
	case lb == nil:
		return create
	case len(v.loadBalancerReasons(*lb)) > 0:
		return []model.Step{model.ReplaceLoadBalancer{Machine: *lb}}
	case v.unbooted(*lb), !v.endpointRecorded():
		return create // which finds it
	case !lb.PoweredOn, v.endpointMoved(), lb.Phase == model.PhaseFailed, forwardsNothing(v.facts):
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
	name := v.nodeNames.LoadBalancer()
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
	for _, field := range LoadBalancerBuiltWith(v.spec).Differs(v.spec.WithSettings(m.Marker.BuiltWith)) {
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
		Registry:   spec.BuiltWith.Registry,

		ImageRepository: spec.BuiltWith.ImageRepository,
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

// forwardsNothing reports whether the load balancer is on and does not forward, although there
// is what it could forward to: an API server answers that is asked itself.
func forwardsNothing(facts *model.Facts) bool {
	return behindSilence(facts) && facts.API.NotFromHere == ""
}

// notReachedFromHere reports whether API servers answer, and the endpoint does not from here,
// which is no sign that the load balancer does not forward.
func notReachedFromHere(facts *model.Facts) bool {
	return behindSilence(facts) && facts.API.NotFromHere != ""
}

// behindSilence reports whether an API server answers that is asked itself, and the endpoint
// with its load balancer, which is on, does not.
func behindSilence(facts *model.Facts) bool {
	return facts.LoadBalancer != nil && facts.LoadBalancer.PoweredOn && !facts.API.Answered() && facts.API.AnswersAt.IsValid()
}

// loadBalancerDeletion deletes the load balancer of a cluster that is destroyed, after its
// nodes: until then one that stays is reached.
func loadBalancerDeletion(target model.Target, facts *model.Facts) []model.Step {
	if lb := facts.LoadBalancer; lb != nil && owns(target, facts, *lb) {
		return []model.Step{model.DeleteLoadBalancer{Machine: *lb}}
	}
	return nil
}
