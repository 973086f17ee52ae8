package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kubeversion"
)

// view answers questions about the facts of one spec. It changes nothing.
type view struct {
	spec      *model.ClusterSpec
	facts     *model.Facts
	nodeNames model.NodeNames
	// reset says that the control plane is built anew; the facts are then as they are
	// once the reset has begun.
	reset bool
	// unanswered says that a control plane that is built anew has begun, and that its API has
	// never answered from here.
	unanswered bool
	// takenBack is a reset that has begun and is not asked for any more; the facts are then
	// of what answers. Empty: there is none.
	takenBack string
	// former are the VMs of the control plane before a reset; the facts are without them.
	former []model.Machine
	// stale are node objects that came with a snapshot; the facts are without them.
	stale []string
	// holdsRepairs says that too many nodes are unhealthy for any of them to be repaired.
	holdsRepairs bool
	// left is the version that the plan leaves the control plane at, where it does not
	// bring all of it to the spec's; nil: it does. It is set once the control plane is
	// planned.
	left *kubeversion.Version
}

func newView(spec *model.ClusterSpec, facts *model.Facts) view {
	names := namesOf(spec, facts)
	v := view{spec: spec, facts: facts, nodeNames: names}
	if TakenBack(spec, facts) {
		v.takenBack = facts.Record.Reset
		facts = goesOnWith(spec, facts)
	}
	if resets(spec, facts) {
		v = view{spec: spec, facts: resetFacts(facts), nodeNames: names, reset: true}
	} else {
		v.facts, v.former = withoutFormer(facts)
	}
	v.unanswered = facts.Record.Reset != "" && !facts.Record.APIReached && !facts.API.Answered()
	v.stale = v.staleNodes()
	v.facts = withoutStale(v.facts, v.stale)
	v.holdsRepairs = v.tooManyUnhealthy()
	return v
}

// apiReached reports whether the cluster's API has answered at least once.
func (v view) apiReached() bool { return v.facts.APIReached(v.spec.New) }

// apiSilent reports whether the API of a running cluster does not answer, so that
// nothing about its nodes can be judged.
func (v view) apiSilent() bool { return v.apiReached() && !v.facts.API.Answered() }

func (v view) node(name string) model.KubeNode { return v.facts.API.Nodes[name] }

// machines are the VMs of a node pool, in the order of their ordinals.
func (v view) machines(pool string) []model.Machine {
	var machines []model.Machine
	for _, m := range v.facts.Machines {
		if m.Marker.NodePool == pool {
			machines = append(machines, m)
		}
	}
	slices.SortFunc(machines, func(a, b model.Machine) int { return a.Marker.Ordinal - b.Marker.Ordinal })
	return machines
}

// ordinal reads the ordinal from a node's name; 0 where the name is not of the pool.
func (v view) ordinal(pool, name string) int { return v.nodeNames.Ordinal(pool, name) }

// namesOf are the names of the nodes of a spec, those to come, too.
func namesOf(spec *model.ClusterSpec, facts *model.Facts) model.NodeNames {
	v := view{spec: spec, facts: facts, nodeNames: model.NamesOf(spec.Name, spec.NameTemplate, facts, nil)}
	counters := map[string]int{}
	for _, pool := range v.pools() {
		counters[pool] = max(facts.Record.Counters[pool], v.highest(pool)+1)
	}
	return model.NamesOf(spec.Name, spec.NameTemplate, facts, counters)
}

// highest is the highest ordinal that a node of the pool is known to have had, so
// that a counter which was lost does not go back. The names in the API are the cluster's
// administrators', and others may write a marker: they do not take a counter beyond what names
// of nodes have room for.
func (v view) highest(pool string) int {
	high := 0
	count := func(n int) {
		if n < model.LastOrdinal {
			high = max(high, n)
		}
	}
	for _, m := range slices.Concat(v.facts.Machines, v.former) {
		if m.Marker.NodePool == pool {
			count(m.Marker.Ordinal)
		}
	}
	for name := range v.facts.API.Nodes {
		count(v.ordinal(pool, name))
	}
	for _, m := range v.facts.Unseen {
		count(v.ordinal(pool, m.Node))
	}
	for _, m := range v.facts.Gone {
		count(v.ordinal(pool, m.Node))
	}
	return high
}

// unreadable reports whether there is a VM of that name whose configuration
// vCenter does not return.
func (v view) unreadable(name string) bool { return slices.Contains(v.facts.Unreadable, name) }

// unseen are the nodes of a pool that are known of, from the API or from earlier, and
// that no visible VM carries.
func (v view) unseen(pool string) []string {
	var names []string
	for name := range v.facts.API.Nodes {
		names = append(names, name)
	}
	for _, m := range v.facts.Unseen {
		names = append(names, m.Node)
	}
	names = append(names, v.unproven()...)
	names = slices.DeleteFunc(names, func(name string) bool { return v.ordinal(pool, name) == 0 || v.hasMachine(name) })
	slices.Sort(names)
	return slices.Compact(names)
}

// hasMachine reports whether a visible VM carries a node.
func (v view) hasMachine(name string) bool {
	return v.isFormer(name) || slices.ContainsFunc(v.facts.Machines, func(m model.Machine) bool { return m.Marker.Node == name })
}

// lost are the nodes that the API knows and whose VM is gone. Their names are not used
// again.
func (v view) lost(pool string) []string {
	return append(slices.DeleteFunc(v.unseen(pool), v.mayBePresent), v.lostMembers(pool)...)
}

// gone reports whether vCenter says that the VM of a node does not exist any more, or, where
// vCenter cannot be asked, a person does.
func (v view) gone(name string) bool {
	return v.saidGone(name) || slices.ContainsFunc(v.facts.Gone, func(m model.KnownMachine) bool { return m.Node == name })
}

// hidden reports whether vCenter neither shows the VM of a node nor calls it gone.
func (v view) hidden(name string) bool {
	return slices.ContainsFunc(v.facts.Unseen, func(m model.UnseenMachine) bool { return m.Node == name })
}

// mayBePresent reports whether a node whose VM is not seen may exist all the same: the
// API still hears from it, a VM of its name cannot be read, or vCenter does not say
// that its VM is gone.
func (v view) mayBePresent(name string) bool {
	if v.node(name).Ready || v.unreadable(name) || v.hidden(name) ||
		v.unprovenOwner(name) && slices.Contains(v.addressed(), name) {
		return true
	}
	_, known := v.facts.API.Nodes[name]
	return known && !v.gone(name)
}

// unproven are the nodes that have joined and have an address, and of which neither vCenter,
// for want of a reference, nor the API, which does not answer, says that they are gone. Of
// workers that matters until a control plane that is built anew has answered: else nothing
// is released while the API is silent.
func (v view) unproven() []string {
	return slices.DeleteFunc(v.addressed(), func(name string) bool { return !v.unprovenOwner(name) })
}

// unprovenOwner reports whether the owner of an address is one of these.
func (v view) unprovenOwner(name string) bool {
	if v.facts.API.Answered() || !v.facts.Record.APIReached && !v.facts.Record.CreationComplete {
		return false
	}
	joined := slices.ContainsFunc(v.pools(), func(pool string) bool {
		n := v.ordinal(pool, name)
		return n > 0 && (v.reset || v.unanswered || pool == model.ControlPlanePool) && !v.facts.Pending(pool, n)
	})
	return joined && !v.hasMachine(name) && !v.gone(name) && !v.hidden(name) && !v.unreadable(name)
}

// presumedPresent are the nodes of a pool whose VM is not seen and not known to be
// gone. Nothing is built in their place and nothing of theirs released.
func (v view) presumedPresent(pool string) []string {
	names := slices.DeleteFunc(v.unseen(pool), func(name string) bool { return !v.mayBePresent(name) })
	for _, name := range v.facts.Unreadable {
		if v.ordinal(pool, name) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// nodeObjectMissing reports whether a machine of a running control plane has joined
// once, as the record says, and its node object is gone. It may be a healthy member of
// etcd.
func (v view) nodeObjectMissing(m model.Machine) bool {
	return m.Marker.ControlPlane() && v.apiReached() &&
		v.facts.API.Answered() && !v.facts.Joined(&m) && !v.facts.Pending(m.Marker.NodePool, m.Marker.Ordinal)
}

// mayReturn reports whether a worker has joined once, as the record says, and its node
// object is gone while its VM is off: a cloud provider deletes the object of a VM that it
// does not find, and kubelet registers the node again when it starts. One that was
// powered on and did not come back is not waited for again.
func (v view) mayReturn(m model.Machine) bool {
	return !m.PoweredOn && !m.Marker.ControlPlane() && m.Marker.CAFingerprint == v.facts.CAFingerprint &&
		v.facts.API.Answered() && v.facts.Record.Found && v.facts.Record.APIReached && !v.facts.Joined(&m) &&
		!v.facts.Pending(m.Marker.NodePool, m.Marker.Ordinal) && (v.holdsRepairs || !v.unresponsive(m))
}

// unbooted reports whether a machine was cloned with the authorities at hand and not
// powered on yet, as where the run that made it was interrupted: what it boots with is
// there as it was written.
func (v view) unbooted(m model.Machine) bool {
	return !m.PoweredOn && m.Userdata && m.Marker.CAFingerprint == v.facts.CAFingerprint
}

// stays reports whether a machine is kept. One that never joined, or that was
// built with authorities that the state does not hold, is built anew: its token
// has expired long ago.
func (v view) stays(m model.Machine) bool {
	switch {
	case v.apiSilent():
		return true
	case !v.apiReached() && m.Marker.CAFingerprint != v.facts.CAFingerprint:
		return false
	default:
		return v.facts.Joined(&m) || v.nodeObjectMissing(m) || v.mayReturn(m) || v.survives(m) || v.answersRestored(m) || v.resumes(m)
	}
}
