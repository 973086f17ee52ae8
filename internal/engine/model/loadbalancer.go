package model

import (
	"cmp"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
)

// Allocation is how nodes get their addresses.
type Allocation string

// The allocations. Empty is static.
const (
	AllocationStatic Allocation = "static" // from IP pools, and a VIP fronts the control plane
	AllocationDHCP   Allocation = "dhcp"   // leases, and a load balancer fronts it
)

// LoadBalancerPool is the node pool of a load balancer. Worker pools may not have the name.
const LoadBalancerPool = "lb"

// What a load balancer has where the spec says nothing.
const (
	DefaultLoadBalancerCPU      = 2
	DefaultLoadBalancerMemoryGB = 2
)

// LoadBalancer is what a load balancer is made of, where that differs from the default.
type LoadBalancer struct {
	CPU      int32 // 0: the default
	MemoryGB int64 // 0: the default
	Image    Image // without a template: the cluster's
	// HAProxyImage is the container image that it runs; empty: the default.
	HAProxyImage string
	// HostName is its name in dynamic DNS, by which the API is reached; empty: by its address.
	HostName string
}

// DHCP reports whether nodes take leases and a load balancer fronts the control plane.
func (s *ClusterSpec) DHCP() bool { return s.Allocation == AllocationDHCP }

// LoadBalancerPool is the load balancer as a pool of one node. It is built on the first
// placement of the control plane, and stays where it is while that is one of them.
func (s *ClusterSpec) LoadBalancerPool() NodePool {
	lb := s.LoadBalancer
	return NodePool{
		Name:       LoadBalancerPool,
		Count:      1,
		CPU:        cmp.Or(lb.CPU, DefaultLoadBalancerCPU),
		MemoryGB:   cmp.Or(lb.MemoryGB, DefaultLoadBalancerMemoryGB),
		Image:      lb.Image,
		Placements: s.ControlPlane.Placements,
	}
}

// HAProxyImage is the container image that the load balancer runs.
func (s *ClusterSpec) HAProxyImage() string {
	return cmp.Or(s.LoadBalancer.HAProxyImage, bootstrap.InRepository(s.Registry.Repository, bootstrap.DefaultHAProxyImage))
}

// The actions on a load balancer.
const (
	ActionCreateLoadBalancer  Action = "create_load_balancer"  // target: its VM
	ActionReplaceLoadBalancer Action = "replace_load_balancer" // target: its VM; the endpoint is away until the new one runs
	ActionRestartLoadBalancer Action = "restart_load_balancer" // target: its VM
	ActionUpdateBackends      Action = "update_backends"       // target: the load balancer's VM
	ActionDeleteLoadBalancer  Action = "delete_load_balancer"  // target: its VM
)

// CreateLoadBalancer builds the load balancer and waits for its lease. Where one is there, it
// waits for that one.
type CreateLoadBalancer struct{ Name string }

// ReplaceLoadBalancer deletes the load balancer and builds it anew with the same MAC address.
type ReplaceLoadBalancer struct{ Machine Machine }

// RestartLoadBalancer powers the load balancer off, if it is on, and on.
type RestartLoadBalancer struct{ Machine Machine }

// UpdateBackends has the load balancer forward to the nodes of the control plane that there are.
type UpdateBackends struct{ Name string }

// DeleteLoadBalancer deletes the load balancer of a cluster that is destroyed.
type DeleteLoadBalancer struct{ Machine Machine }

// Change implements Step.
func (s CreateLoadBalancer) Change() Change { return Change{ActionCreateLoadBalancer, s.Name} }

// Change implements Step.
func (s ReplaceLoadBalancer) Change() Change {
	return Change{ActionReplaceLoadBalancer, s.Machine.Marker.Node}
}

// Change implements Step.
func (s RestartLoadBalancer) Change() Change {
	return Change{ActionRestartLoadBalancer, s.Machine.Marker.Node}
}

// Change implements Step.
func (s UpdateBackends) Change() Change { return Change{ActionUpdateBackends, s.Name} }

// Change implements Step.
func (s DeleteLoadBalancer) Change() Change {
	return Change{ActionDeleteLoadBalancer, s.Machine.Marker.Node}
}
