package vsphere

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// storageDRSEnabled is whether Storage DRS is on for a datastore cluster.
const storageDRSEnabled = "podStorageDrsEntry.storageDrsConfig.podConfig.enabled"

// storage resolves what has the disks of a placement: a datastore, or a cluster of them. A
// storage policy is none of both.
func (r *resolver) storage(ref model.PlacementRef, p model.Placement, cluster *node) *node {
	switch {
	case p.StoragePolicy != "":
		return nil
	case p.DatastoreCluster != "":
		return r.datastoreCluster(ref, p.DatastoreCluster, cluster)
	default:
		return r.datastore(ref, p.Datastore, cluster)
	}
}

// datastores fills in the datastores that the disks of a placement can be on, and returns
// them.
func (r *resolver) datastores(
	ref model.PlacementRef, p model.Placement, stored, cluster, network *node, resolved *model.ResolvedPlacement,
) []*node {
	switch {
	case p.StoragePolicy != "":
		return r.policyDatastores(ref, p.StoragePolicy, cluster, network, resolved)
	case stored == nil:
		return nil
	case slices.Contains(datastoreTypes, stored.ref.Type):
		resolved.Datastore = stored.ref.String()
		resolved.Space = spaceOf(stored)
		return []*node{stored}
	}
	resolved.DatastoreCluster = stored.ref.String()
	resolved.StorageDRS = value[bool](stored.properties, storageDRSEnabled)
	members := r.members(ref.Field(model.FieldDatastoreCluster), stored, cluster, network)
	resolved.Choices = choicesOf(members)
	if len(members) > 0 {
		resolved.Space = spaceOf(members...)
	}
	return members
}

func (r *resolver) datastore(ref model.PlacementRef, wanted string, cluster *node) *node {
	search := choice{
		field:  ref.Field(model.FieldDatastore),
		kind:   "datastore",
		wanted: wanted,
		from:   r.below(r.dc.ref, datastoreTypes...),
		known: r.knownOn(cluster, wanted, func(m *model.Marker) (string, string) {
			return m.Datastore, m.References.Datastore
		}),
	}
	if pod := r.alone(search, podTypes); pod != nil {
		r.refuse(search.field, fmt.Sprintf("%q is a datastore cluster", wanted),
			"%q is no datastore but a cluster of them. Set datastore_cluster in place of datastore.", pod.path)
		return nil
	}
	n := r.reachable(search, cluster, listedBy(cluster, "datastore"))
	if n == nil {
		return nil
	}
	switch state, mode := datastoreState(n); {
	case state == "":
		return n
	case mode != "":
		r.noRoom(search.field, fmt.Sprintf("Datastore %q is in maintenance mode", n.name),
			"%q accepts no new disks (%s). End its maintenance mode, or choose another datastore.", n.path, mode)
	default:
		r.noRoom(search.field, fmt.Sprintf("Datastore %q is not accessible", n.name),
			"No host can access %q. Restore the connection to its storage, or choose another datastore.", n.path)
	}
	return nil
}

// alone is the one object of other types that a name means which means none of its own.
func (r *resolver) alone(c choice, kinds []string) *node {
	if len(c.matches()) > 0 {
		return nil
	}
	c.from = r.below(r.dc.ref, kinds...)
	if found := c.matches(); len(found) == 1 {
		return found[0]
	}
	return nil
}

// datastoreState says why no disk can be made on a datastore, with its maintenance mode if
// that is why; empty: one can.
func datastoreState(n *node) (state, mode string) {
	if accessible, known := n.values["summary.accessible"].(bool); known && !accessible {
		return "is not accessible", ""
	}
	mode = value[string](n.properties, "summary.maintenanceMode")
	if mode != "" && mode != string(types.DatastoreSummaryMaintenanceModeStateNormal) {
		return "is in maintenance mode", mode
	}
	return "", ""
}

func (r *resolver) datastoreCluster(ref model.PlacementRef, wanted string, cluster *node) *node {
	search := choice{
		field:  ref.Field(model.FieldDatastoreCluster),
		kind:   "datastore cluster",
		wanted: wanted,
		from:   r.below(r.dc.ref, podTypes...),
		known: r.knownOn(cluster, wanted, func(m *model.Marker) (string, string) {
			return m.DatastoreCluster, m.References.DatastoreCluster
		}),
	}
	if datastore := r.alone(search, datastoreTypes); datastore != nil {
		r.refuse(search.field, fmt.Sprintf("%q is a datastore", wanted),
			"%q is one datastore, and no cluster of them. Set datastore in place of datastore_cluster.", datastore.path)
		return nil
	}
	return r.reachable(search, cluster, func(pod *node) bool {
		// One without a member has a message of its own.
		members := membersOf(pod)
		return len(members) == 0 || slices.ContainsFunc(members, listedBy(cluster, "datastore"))
	})
}

func membersOf(pod *node) []*node {
	return slices.DeleteFunc(slices.Clone(pod.children), func(n *node) bool { return n.ref.Type != "Datastore" })
}

// members are the datastores of a datastore cluster that VMs can be put on: those that take
// disks and that a host reaches which reaches the network, too, where that is known. Of the
// others it is told why they are left out.
func (r *resolver) members(field model.Field, pod, cluster, network *node) []*node {
	all := membersOf(pod)
	if len(all) == 0 {
		r.refuse(field, fmt.Sprintf("Datastore cluster %q is empty", pod.name),
			"%q has no datastore, or the account %q can read none of them. Add datastores, or grant it read access to them.", pod.path, r.user)
		return nil
	}
	var usable []*node
	var left []string
	for _, n := range all {
		state := r.unusable(n, cluster, network)
		if state == "" {
			usable = append(usable, n)
		} else {
			left = append(left, n.name+" "+state)
		}
	}
	slices.SortFunc(left, strings.Compare)
	switch {
	case len(usable) == 0:
		r.noRoom(field, fmt.Sprintf("No datastore of datastore cluster %q can be used", pod.name),
			"No node can be put on a datastore of %q: %s. Mount one on the hosts, end its maintenance mode, or choose another datastore cluster.",
			pod.path, model.Listed(left))
	case len(left) > 0:
		r.findings.Warn(field, fmt.Sprintf("Not all datastores of datastore cluster %q can be used", pod.name),
			"Nodes go to %d of %d datastores of %q. The others: %s.", len(usable), len(all), pod.path, model.Listed(left))
	}
	return usable
}

// unusable says why no VM of a placement can be put on a datastore; empty: one can. cluster and
// network may be nil.
func (r *resolver) unusable(datastore, cluster, network *node) string {
	state, _ := datastoreState(datastore)
	if state == "" && cluster != nil && !r.reaches(cluster, network, datastore) {
		return "is reached by no host of the compute cluster that runs VMs now and reaches the network"
	}
	return state
}

// reaches reports whether a usable host of a compute cluster reaches a datastore, and the
// network unless that is nil.
func (inv *inventory) reaches(cluster, network, datastore *node) bool {
	return slices.ContainsFunc(inv.usableHosts(cluster), func(host *node) bool {
		return slices.Contains(host.refs("datastore"), datastore.ref) &&
			(network == nil || slices.Contains(host.refs("network"), network.ref))
	})
}

// choicesOf are the choices between datastores, the one with the most free space first.
func choicesOf(datastores []*node) []model.DatastoreChoice {
	var choices []model.DatastoreChoice
	for _, n := range datastores {
		c := model.DatastoreChoice{Ref: n.ref.String(), Name: n.name}
		if room := spaceOf(n); room != nil {
			c.FreeGB = room.FreeGB
		}
		choices = append(choices, c)
	}
	slices.SortFunc(choices, func(a, b model.DatastoreChoice) int {
		return cmp.Or(cmp.Compare(b.FreeGB, a.FreeGB), cmp.Compare(a.Ref, b.Ref))
	})
	return choices
}
