package vsphere

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// placement resolves one placement: a compute cluster, and what can be reached
// from it. Each part is resolved on its own.
func (r *resolver) placement(ref model.PlacementRef, p model.Placement) model.ResolvedPlacement {
	var resolved model.ResolvedPlacement
	cluster := r.computeCluster(ref, p.ComputeCluster)
	if cluster != nil {
		resolved.ComputeCluster = cluster.ref.String()
		resolved.ComputeClusterName = cluster.name
		resolved.DRS, _ = drsOn(cluster.properties)
		r.hostGroup(ref, p.HostGroup, cluster)
		r.vmGroup(ref, p.VMGroup, cluster)
	}
	stored := r.storage(ref, p, cluster)
	network := r.network(ref, p.Network, cluster)
	if network != nil {
		resolved.Network = r.networkOf(network)
	}
	datastores := r.datastores(ref, p, stored, cluster, network, &resolved)
	if pool := r.resourcePool(ref, p.ResourcePool, cluster); pool != nil {
		resolved.ResourcePool = pool.ref.String()
		resolved.Memory = memoryOf(pool)
		resolved.CPULimitMHz = r.cpuLimit(pool, cluster)
	}
	if cluster != nil && len(datastores) > 0 && network != nil {
		resolved.Hosts = r.hosts(cluster, datastores, network.ref)
	}
	return resolved
}

func (r *resolver) computeCluster(ref model.PlacementRef, wanted string) *node {
	field := ref.Field(model.FieldComputeCluster)
	cluster := r.choose(choice{
		field:  field,
		kind:   "compute cluster",
		wanted: wanted,
		where:  r.inDatacenter(),
		from:   r.below(r.dc.ref, clusterTypes...),
		known:  r.knownComputeClusters(wanted),
	})
	if cluster != nil && len(r.usableHosts(cluster)) == 0 {
		r.noRoom(field, fmt.Sprintf("Compute cluster %q has no usable host", cluster.name),
			"All hosts of %q are disconnected or in maintenance mode, or the account %q cannot read them. "+
				"Take a host out of maintenance mode, or choose another compute cluster.", cluster.path, r.user)
	}
	return cluster
}

// reachable picks an object of the datacenter that is within reach of a compute
// cluster. A name that is unknown in the whole datacenter is reported alike for
// all compute clusters. Without a compute cluster, only an object that is alone
// in having the name is picked.
func (r *resolver) reachable(c choice, cluster *node, within func(*node) bool) *node {
	c.user = r.user
	c.where = r.inDatacenter()
	all := c.matches()
	if len(all) == 0 {
		if cluster == nil {
			within = nil
		}
		if n := r.renamed(c, within); n != nil {
			return n
		}
		r.report(c.unknown())
		return nil
	}
	if cluster == nil {
		if len(all) == 1 {
			return all[0]
		}
		return nil // which one is meant depends on the compute cluster
	}
	near := slices.DeleteFunc(slices.Clone(all), func(n *node) bool { return !within(n) })
	switch len(near) {
	case 1:
		r.warnOfOther(c, near[0])
		return near[0]
	case 0:
		if n := r.renamed(c, within); n != nil {
			return n
		}
		candidates := slices.DeleteFunc(slices.Clone(c.from), func(n *node) bool { return !within(n) })
		r.refuse(c.field, fmt.Sprintf("%s %q is not available in compute cluster %q", capitalized(c.kind), c.wanted, cluster.name),
			"%q exists, but not for %q. Available there: %s.", all[0].path, cluster.path, orNone(c.list(candidates)))
	default:
		c.where = fmt.Sprintf("compute cluster %q", cluster.name)
		r.report(c.ambiguous(near))
	}
	return nil
}

// listedBy reports whether a compute cluster lists an object among those that its
// hosts can reach.
func listedBy(cluster *node, property string) func(*node) bool {
	if cluster == nil {
		return nil
	}
	refs := cluster.refs(property)
	return func(n *node) bool { return slices.Contains(refs, n.ref) }
}

func (r *resolver) network(ref model.PlacementRef, wanted string, cluster *node) *node {
	search := choice{
		field:  ref.Field(model.FieldNetwork),
		kind:   "network",
		wanted: wanted,
		from:   r.below(r.dc.ref, networkTypes...),
		known: r.knownOn(cluster, wanted, func(m *model.Marker) (string, string) {
			return m.Network, m.References.Network
		}),
	}
	named := search.matches()
	search.from = slices.DeleteFunc(search.from, isUplink)
	if len(search.matches()) == 0 && len(named) > 0 {
		r.refuse(search.field, fmt.Sprintf("Network %q is a switch's uplink port group", wanted),
			"%q connects the network cards of hosts to the switch, and no VM can be connected to it. Available: %s.",
			named[0].path, orNone(search.list(search.from)))
		return nil
	}
	return r.reachable(search, cluster, listedBy(cluster, "network"))
}

// resourcePool picks a resource pool of the compute cluster; an empty name is its
// root pool.
func (r *resolver) resourcePool(ref model.PlacementRef, wanted string, cluster *node) *node {
	field := ref.Field(model.FieldResourcePool)
	if wanted != "" {
		search := choice{
			field:  field,
			kind:   "resource pool",
			wanted: wanted,
			from:   r.below(r.dc.ref, poolTypes...),
			known: r.knownOn(cluster, wanted, func(m *model.Marker) (string, string) {
				return m.ResourcePool, m.References.ResourcePool
			}),
		}
		return r.reachable(search, cluster, func(n *node) bool { return n.within(cluster.ref) })
	}
	if cluster == nil {
		return nil
	}
	root := r.nodes[value[types.ManagedObjectReference](cluster.properties, "resourcePool")]
	if root == nil {
		r.refuse(field, "The root resource pool cannot be read",
			"The account %q cannot read the root resource pool of %q. Grant it read access there, or set resource_pool to one that it may use.",
			r.user, cluster.path)
	}
	return root
}

// networkOf adds what the backing of a network adapter needs. An opaque network
// has its id and type in the fields for a port group's key and switch.
func (inv *inventory) networkOf(n *node) model.Network {
	network := model.Network{Ref: n.ref.String(), Type: n.ref.Type, Name: n.name, Path: n.path}
	switch n.ref.Type {
	case "DistributedVirtualPortgroup":
		network.PortgroupKey = value[string](n.properties, "key")
		dvs := inv.nodes[value[types.ManagedObjectReference](n.properties, "config.distributedVirtualSwitch")]
		if dvs != nil {
			network.SwitchUUID = value[string](dvs.properties, "uuid")
		}
	case "OpaqueNetwork":
		if s, ok := n.values["summary"].(types.OpaqueNetworkSummary); ok {
			network.PortgroupKey = s.OpaqueNetworkId
			network.SwitchUUID = s.OpaqueNetworkType
		}
	}
	return network
}

func orNone(list string) string {
	if list == "" {
		return "none"
	}
	return list
}

func capitalized(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
