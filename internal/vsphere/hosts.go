package vsphere

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// hosts are the hosts of the compute clusters in which DRS chooses none for a clone:
// there vCenter refuses one that names none (VirtualMachineRelocateSpec.host). What is
// known of them comes with the tree.
type hosts struct {
	mu        sync.Mutex
	byCluster map[string][]candidateHost // by compute cluster reference; none for one with DRS
	// placed are the clones of this process that no tree has shown yet, by instance
	// UUID.
	placed map[string]placedNode
}

// candidateHost is a host that can run another VM.
type candidateHost struct {
	ref        types.ManagedObjectReference
	datastores []types.ManagedObjectReference
	networks   []types.ManagedObjectReference
	machines   int
	nodes      map[poolKey]int // how many nodes of a pool it has
}

// poolKey identifies the node pool of a cluster.
type poolKey struct {
	cluster uuid.UUID
	pool    string
}

type placedNode struct {
	host types.ManagedObjectReference
	pool poolKey
}

func keyOf(m *model.Marker) poolKey { return poolKey{m.Cluster, m.NodePool} }

// remember takes over what a tree with its VMs shows.
func (h *hosts) remember(inv *inventory) {
	marked := make(map[types.ManagedObjectReference]*model.Marker, len(inv.fleet.marked))
	seen := make(map[string]bool, len(inv.fleet.marked))
	for _, m := range inv.fleet.marked {
		marked[m.ref] = &m.marker.Marker
		seen[m.marker.Instance] = true
	}
	byCluster := map[string][]candidateHost{}
	for _, cluster := range inv.all(nil, clusterTypes...) {
		// Where it cannot be read, a host is named: with DRS it does no harm.
		if drs, known := drsOn(cluster.properties); known && drs {
			continue
		}
		candidates := []candidateHost{}
		for _, host := range inv.usableHosts(cluster) {
			candidates = append(candidates, newCandidate(host, marked))
		}
		byCluster[cluster.ref.String()] = candidates
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	h.byCluster = byCluster
	for id := range h.placed {
		if seen[id] {
			delete(h.placed, id)
		}
	}
}

func newCandidate(host *node, marked map[types.ManagedObjectReference]*model.Marker) candidateHost {
	c := candidateHost{
		ref:        host.ref,
		datastores: host.refs("datastore"),
		networks:   host.refs("network"),
		nodes:      map[poolKey]int{},
	}
	for _, vm := range host.refs("vm") {
		c.machines++
		if marker := marked[vm]; marker != nil {
			c.nodes[keyOf(marker)]++
		}
	}
	return c
}

// choose returns the host for a clone; nil where DRS chooses one. The nodes of a pool
// spread over the hosts that reach the datastore and the network: the one with the
// fewest of them gets the next, and among those the one with the fewest machines. A
// retry gets the same host.
func (h *hosts) choose(req model.CloneRequest) (*types.ManagedObjectReference, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, named := h.byCluster[req.Placement.ComputeCluster]
	if !named {
		return nil, nil
	}
	fit := slices.DeleteFunc(slices.Clone(all), func(c candidateHost) bool { return !c.reaches(req.Placement) })
	if len(fit) == 0 {
		return nil, noHost(req.Placement)
	}
	key := keyOf(&req.Marker)
	nodes := map[types.ManagedObjectReference]int{}
	machines := map[types.ManagedObjectReference]int{}
	for id, p := range h.placed {
		if id == req.UUID && slices.ContainsFunc(fit, func(c candidateHost) bool { return c.ref == p.host }) {
			return &p.host, nil
		}
		machines[p.host]++
		if p.pool == key {
			nodes[p.host]++
		}
	}
	best := slices.MinFunc(fit, func(a, b candidateHost) int {
		return cmp.Or(
			cmp.Compare(a.nodes[key]+nodes[a.ref], b.nodes[key]+nodes[b.ref]),
			cmp.Compare(a.machines+machines[a.ref], b.machines+machines[b.ref]),
			cmp.Compare(a.ref.Value, b.ref.Value),
		)
	})
	if h.placed == nil {
		h.placed = map[string]placedNode{}
	}
	h.placed[req.UUID] = placedNode{host: best.ref, pool: key}
	return &best.ref, nil
}

// any returns a host that reaches a placement's datastore and network; nil where DRS chooses
// one.
func (h *hosts) any(place model.ResolvedPlacement) (*types.ManagedObjectReference, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	all, named := h.byCluster[place.ComputeCluster]
	if !named {
		return nil, nil
	}
	i := slices.IndexFunc(all, func(c candidateHost) bool { return c.reaches(place) })
	if i < 0 {
		return nil, noHost(place)
	}
	return &all[i].ref, nil
}

func noHost(place model.ResolvedPlacement) error {
	return &Error{
		kind: kindNoRoom,
		Reason: fmt.Sprintf("compute cluster %q has no DRS, and none of its hosts that are connected and not in maintenance mode "+
			"reaches both the datastore and the network of the placement", place.ComputeClusterName),
		Advice: "connect a host to both, end its maintenance mode, or choose another placement",
	}
}

func (c candidateHost) reaches(p model.ResolvedPlacement) bool {
	has := func(refs []types.ManagedObjectReference, want string) bool {
		return slices.ContainsFunc(refs, func(r types.ManagedObjectReference) bool { return r.String() == want })
	}
	stored := has(c.datastores, p.Datastore) || p.Datastore == "" &&
		slices.ContainsFunc(p.Choices, func(choice model.DatastoreChoice) bool { return has(c.datastores, choice.Ref) })
	return stored && has(c.networks, p.Network.Ref)
}

// mounts reports whether a host of a compute cluster reaches a datastore. Of one that DRS
// chooses it is not known.
func (h *hosts) mounts(computeCluster string, host *types.ManagedObjectReference, datastore string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if host == nil {
		return true
	}
	return slices.ContainsFunc(h.byCluster[computeCluster], func(c candidateHost) bool {
		return c.ref == *host && slices.ContainsFunc(c.datastores, func(r types.ManagedObjectReference) bool { return r.String() == datastore })
	})
}
