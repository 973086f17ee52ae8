package model

// Service is a service that is reached from outside of its cluster.
type Service struct {
	Namespace, Name string
	Type            string   // LoadBalancer or NodePort
	Addresses       []string // addresses and host names that its load balancer has given it
	Ports           []ServicePort
}

// ServicePort is a port of a service.
type ServicePort struct {
	Name     string
	Port     int32
	NodePort int32  // 0: it has none
	Protocol string // TCP, UDP or SCTP
}

// Usage is what nodes have and what of that is taken, by node.
type Usage map[string]NodeUsage

// NodeUsage is the usage of a node.
type NodeUsage struct {
	// Allocatable is what pods may have of it, and Requested what those ask for that run on
	// it or are about to.
	Allocatable, Requested Amount
	// Used is what metrics say, where there are some of the node.
	Used     Amount
	Measured bool
}

// Amount is of CPU in thousandths of one, and of memory in bytes.
type Amount struct{ CPU, Memory int64 }

// Plus is the sum of two amounts.
func (a Amount) Plus(b Amount) Amount { return Amount{CPU: a.CPU + b.CPU, Memory: a.Memory + b.Memory} }

// Total is the usage of all nodes together. It is measured where each node is.
func (u Usage) Total() NodeUsage {
	total := NodeUsage{Measured: len(u) > 0}
	for _, n := range u {
		total.Allocatable = total.Allocatable.Plus(n.Allocatable)
		total.Requested = total.Requested.Plus(n.Requested)
		total.Used = total.Used.Plus(n.Used)
		total.Measured = total.Measured && n.Measured
	}
	return total
}

// UsageLimits are the shares of what nodes can give over which their usage is unhealthy, each
// in percent, from 1 to 100; 0: there is no limit.
type UsageLimits struct {
	CPU, Memory         int // of all nodes together
	NodeCPU, NodeMemory int // of any node
}
