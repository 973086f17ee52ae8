package vsphere

import (
	"fmt"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// placement resolves one placement: a compute cluster, and what can be reached
// from it. One with a problem is empty.
func (r *resolver) placement(p engine.PlacementNames) (out engine.ResolvedPlacement) {
	cluster := r.choose(p.Field+".compute_cluster", "compute cluster", p.ComputeCluster, r.inDatacenter(), r.below(r.dc.ref, clusterTypes...))
	if cluster == nil {
		r.checkWithoutCluster(p)
		return out
	}
	if len(r.usableHosts(cluster)) == 0 {
		r.add(p.Field+".compute_cluster", fmt.Sprintf("Compute cluster %q has no usable host", cluster.name),
			"All hosts of %q are disconnected or in maintenance mode, or this account may not see them.", cluster.path())
	}
	datastore := r.datastore(p, cluster)
	network := r.network(p, cluster)
	pool := r.pool(p, cluster)
	if datastore == nil || network == nil || pool == nil {
		return out
	}
	return engine.ResolvedPlacement{
		ComputeCluster: cluster.ref.String(), ComputeClusterName: cluster.name,
		Datastore: datastore.ref.String(), ResourcePool: pool.ref.String(), Network: r.networkOf(network),
	}
}

// checkWithoutCluster reports what is unknown in any compute cluster, so that
// one plan shows as many mistakes as it can.
func (r *resolver) checkWithoutCluster(p engine.PlacementNames) {
	for _, c := range []choice{
		{field: p.Field + ".datastore", kind: "datastore", wanted: p.Datastore, from: r.below(r.dc.ref, datastoreTypes...)},
		{field: p.Field + ".network", kind: "network", wanted: p.Network, from: r.below(r.dc.ref, networkTypes...)},
	} {
		c.where, c.user = r.inDatacenter(), r.user
		if len(c.matches()) == 0 {
			r.problems = append(r.problems, *c.unknown())
		}
	}
}

// reachable picks an object of the datacenter that the compute cluster lists.
// Of several with one name the one within reach is meant.
func (r *resolver) reachable(field engine.Field, kind, wanted, property string, cluster *node, from []*node) *node {
	refs := cluster.refs(property)
	near := slices.DeleteFunc(slices.Clone(from), func(n *node) bool { return !slices.Contains(refs, n.ref) })
	where := fmt.Sprintf("compute cluster %q", cluster.name)
	search := choice{field: field, kind: kind, wanted: wanted, where: where, from: near, user: r.user}
	if len(search.matches()) == 0 {
		all := search
		all.from = from
		if far := all.matches(); len(far) > 0 {
			r.add(field, fmt.Sprintf("%s %q is out of reach of compute cluster %q", title(kind), wanted, cluster.name),
				"%q exists, but no host of %q has it. Within its reach: %s.", far[0].path(), cluster.path(), orNone(search.list(near)))
			return nil
		}
	}
	return r.choose(field, kind, wanted, where, near)
}

func (r *resolver) datastore(p engine.PlacementNames, cluster *node) *node {
	field := p.Field + ".datastore"
	n := r.reachable(field, "datastore", p.Datastore, "datastore", cluster, r.below(r.dc.ref, datastoreTypes...))
	if n == nil {
		return nil
	}
	if ok, known := n.values["summary.accessible"].(bool); known && !ok {
		r.add(field, fmt.Sprintf("Datastore %q is not accessible", n.name), "No host can reach %q at present.", n.path())
		return nil
	}
	if mode := value[string](n.properties, "summary.maintenanceMode"); mode != "" && mode != string(types.DatastoreSummaryMaintenanceModeStateNormal) {
		r.add(field, fmt.Sprintf("Datastore %q is in maintenance mode", n.name), "%q takes no new disks (%s).", n.path(), mode)
		return nil
	}
	return n
}

func (r *resolver) network(p engine.PlacementNames, cluster *node) *node {
	from := slices.DeleteFunc(r.below(r.dc.ref, networkTypes...), isUplink)
	return r.reachable(p.Field+".network", "network", p.Network, "network", cluster, from)
}

// pool picks a resource pool of the compute cluster; none named means its root.
func (r *resolver) pool(p engine.PlacementNames, cluster *node) *node {
	field := p.Field + ".resource_pool"
	root := r.nodes[value[types.ManagedObjectReference](cluster.properties, "resourcePool")]
	if p.ResourcePool == "" {
		if root == nil {
			r.add(field, "The root resource pool is not visible", "The account %q may not see the root resource pool of %q: name a pool that it may use.", r.user, cluster.path())
		}
		return root
	}
	own := r.below(cluster.ref, poolTypes...)
	search := choice{field: field, kind: "resource pool", wanted: p.ResourcePool, from: own, user: r.user}
	if len(search.matches()) == 0 {
		all := search
		all.from = r.below(r.dc.ref, poolTypes...)
		if far := all.matches(); len(far) > 0 {
			r.add(field, fmt.Sprintf("Resource pool %q belongs to another compute cluster", p.ResourcePool),
				"%q does not belong to %q, which has: %s.", far[0].path(), cluster.path(), orNone(search.list(own)))
			return nil
		}
	}
	return r.choose(field, "resource pool", p.ResourcePool, fmt.Sprintf("compute cluster %q", cluster.name), own)
}

// networkOf adds what a network adapter's backing needs to know. An opaque
// network's id and type stand where a port group has its key and its switch.
func (inv *inventory) networkOf(n *node) engine.Network {
	out := engine.Network{Ref: n.ref.String(), Type: n.ref.Type, Name: n.name, Path: n.path()}
	switch n.ref.Type {
	case "DistributedVirtualPortgroup":
		out.PortgroupKey = value[string](n.properties, "key")
		dvs := inv.nodes[value[types.ManagedObjectReference](n.properties, "config.distributedVirtualSwitch")]
		if dvs != nil {
			out.SwitchUUID = value[string](dvs.properties, "uuid")
		}
	case "OpaqueNetwork":
		if s, ok := n.values["summary"].(types.OpaqueNetworkSummary); ok {
			out.PortgroupKey, out.SwitchUUID = s.OpaqueNetworkId, s.OpaqueNetworkType
		}
	}
	return out
}

// usableHosts lists the hosts of a compute cluster that can take a machine.
func (inv *inventory) usableHosts(cluster *node) []*node {
	var hosts []*node
	for _, ref := range cluster.refs("host") {
		host := inv.nodes[ref]
		if host == nil || value[bool](host.properties, "runtime.inMaintenanceMode") {
			continue
		}
		if s := value[types.HostSystemConnectionState](host.properties, "runtime.connectionState"); s != "" && s != types.HostSystemConnectionStateConnected {
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts
}

func orNone(list string) string {
	if list == "" {
		return "none"
	}
	return list
}

func title(s string) string { return string(s[0]-'a'+'A') + s[1:] }
