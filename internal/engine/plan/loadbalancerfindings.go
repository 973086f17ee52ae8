package plan

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

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
			v.nodeNames.LoadBalancer())
	case lb == nil:
		f.Warn(field, "The load balancer is gone", "The apply builds %s anew with the same MAC address, by which the DHCP server gives it "+
			"the same lease. %s", v.nodeNames.LoadBalancer(), outage)
	case !v.apiReached():
	case len(v.loadBalancerReasons(*lb)) > 0:
		f.Warn(field, "The load balancer is replaced", "The apply powers %s off, deletes it, and builds it anew with the same MAC address, by "+
			"which the DHCP server gives it the same lease. %s Differs from the configuration: %s.%s",
			lb.Marker.Node, outage, model.Listed(v.loadBalancerReasons(*lb)), v.loginWords(*lb))
	case !lb.PoweredOn:
		f.Warn(field, "The load balancer is powered off", "The apply powers %s on. %s", lb.Marker.Node, outage)
	case lb.Phase == model.PhaseFailed:
		f.Warn(field, "The load balancer has failed", "The guest of %s reports that it failed, and the API answers: the apply restarts it, "+
			"and the next one does again as long as it fails. %s", lb.Marker.Node, outage)
	case forwardsNothing(v.facts) && !v.endpointMoved():
		f.Warn(field, "The load balancer does not forward", "The API server at %s answers when it is asked itself, and the endpoint "+
			"%s does not: the apply restarts %s. %s Where that does not help, delete its VM in vCenter, and it is built anew.",
			v.facts.API.AnswersAt, v.facts.Endpoint().HostPort(), lb.Marker.Node, outage)
	case notReachedFromHere(v.facts) && !v.endpointMoved():
		f.Warn(field, "The endpoint is not reached from here", "The API server at %s answers when it is asked itself, and the endpoint %s "+
			"does not where Terraform runs. %s %s is not restarted for that. See to it that the name, the route and the proxy of the "+
			"machine that runs Terraform lead there; where %s itself hangs, restart its VM in vCenter.",
			v.facts.API.AnswersAt, v.facts.Endpoint().HostPort(), v.facts.API.NotFromHere, lb.Marker.Node, lb.Marker.Node)
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
	if forwardsNothing(facts) {
		return condition(kind, false, "", "NotForwarding",
			fmt.Sprintf("The API server at %s answers when it is asked itself, and does not through the load balancer.", facts.API.AnswersAt))
	}
	if notReachedFromHere(facts) {
		return unknownCondition(kind, "NotReachedFromHere", fmt.Sprintf("The API server at %s answers when it is asked itself, and not "+
			"through the endpoint. %s", facts.API.AnswersAt, facts.API.NotFromHere))
	}
	if lb.Phase != model.PhaseServing {
		return unknownCondition(kind, "NotReported", "The guest of the load balancer has not reported that it serves.")
	}
	return condition(kind, true, "Serving", "", "")
}

// loginWords say what a wrong password of registries does to a load balancer that is replaced for
// them; empty: it does nothing.
func (v view) loginWords(lb model.Machine) string {
	if v.spec.Registry.Username == "" || !slices.Contains(v.loadBalancerReasons(lb), attributeWords[model.FieldRegistry]) {
		return ""
	}
	return " It is the first to use the user and the password of registry: where its registry refuses them, the API is away until an apply " +
		"with the right ones."
}
