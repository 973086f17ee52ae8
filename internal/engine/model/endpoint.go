package model

import (
	"net"
	"net/netip"
	"strconv"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// EndpointKind is what stands in front of a control plane.
type EndpointKind string

// The kinds, in the words of messages.
const (
	EndpointVIP          EndpointKind = "VIP"
	EndpointLoadBalancer EndpointKind = "load balancer"
)

// Endpoint is where nodes and clients reach the API of a control plane. Nothing else says
// where that is.
type Endpoint struct {
	Kind EndpointKind
	// HostName is the name by which a load balancer is reached; empty: by its address.
	HostName string
	// IPPool is what the VIP and the extra come from; uuid.Nil for a load balancer.
	IPPool uuid.UUID
	// Address is not valid before there is one.
	Address netip.Addr
}

// Host is the name, or else the address, that clients connect to; empty before there is one.
func (e Endpoint) Host() string {
	switch {
	case e.HostName != "":
		return e.HostName
	case e.Address.IsValid():
		return e.Address.String()
	default:
		return ""
	}
}

// HostPort is the host with the port of the API; empty before there is one.
func (e Endpoint) HostPort() string {
	if e.Host() == "" {
		return ""
	}
	return net.JoinHostPort(e.Host(), strconv.Itoa(bootstrap.APIServerPort))
}

// Bootstrap is the endpoint as the documents of nodes have it.
func (e Endpoint) Bootstrap() bootstrap.Endpoint {
	return bootstrap.Endpoint{Address: e.Address, HostName: e.HostName, LoadBalancer: e.Kind == EndpointLoadBalancer}
}

// URL is the URL of the API.
func (e Endpoint) URL() string { return "https://" + e.HostPort() }

// Endpoint is the endpoint that the spec asks for. Its address is not known from a spec.
func (s *ClusterSpec) Endpoint() Endpoint {
	if s.DHCP() {
		return Endpoint{Kind: EndpointLoadBalancer, HostName: s.LoadBalancer.HostName}
	}
	e := Endpoint{Kind: EndpointVIP}
	if len(s.ControlPlane.Placements) > 0 { // none after an import
		e.IPPool = s.ControlPlane.Placements[0].IPPoolID
	}
	return e
}

// EndpointOf is the endpoint of the spec with its address, as far as there is one.
func (f *Facts) EndpointOf(spec *ClusterSpec) Endpoint {
	e := spec.Endpoint()
	if e.Kind == EndpointLoadBalancer {
		e.Address = f.leasedEndpoint().Address
		return e
	}
	e.Address, _ = f.Address(e.IPPool, OwnerVIP)
	return e
}

// Endpoint is the endpoint as the record and the VMs say, where no spec is at hand.
func (f *Facts) Endpoint() Endpoint {
	if e := RecordedEndpoint(f.Record); e.Host() != "" {
		return e
	}
	if e := EndpointOfMachines(f.Machines); e.Host() != "" {
		return e
	}
	return f.leasedEndpoint()
}

// leasedEndpoint is that of a load balancer: what the record says, and, where there is no
// record, what the load balancer does. A record is right where the two differ: certificates
// have the address that was recorded.
func (f *Facts) leasedEndpoint() Endpoint {
	if e := RecordedEndpoint(f.Record); e.Host() != "" || f.LoadBalancer == nil {
		return e
	}
	return Endpoint{Kind: EndpointLoadBalancer, HostName: f.LoadBalancer.Marker.HostName, Address: f.LoadBalancer.Address}
}

// RecordedEndpoint is the endpoint that a record has: that of a load balancer.
func RecordedEndpoint(r Record) Endpoint {
	lb := r.LoadBalancer
	if !r.Found || !lb.Address.IsValid() {
		return Endpoint{}
	}
	return Endpoint{Kind: EndpointLoadBalancer, HostName: lb.HostName, Address: lb.Address}
}

// EndpointOfMachines is the VIP as the markers of VMs have it.
func EndpointOfMachines(machines []Machine) Endpoint {
	for _, m := range machines {
		if m.Marker.VIP.IsValid() {
			return Endpoint{Kind: EndpointVIP, IPPool: m.Marker.IPPool, Address: m.Marker.VIP}
		}
	}
	return Endpoint{}
}
