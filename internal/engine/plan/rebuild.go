package plan

import (
	"fmt"
	"slices"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// rebuilt separates the members of a control plane that stay from those that are not Ready,
// or whose lease has changed, and go before others are built in their places, as if their VMs were lost: no node joins
// etcd beside a member that does not answer. They are due by repair, or a person has named
// them; and only where the others keep the quorum of etcd without them.
func rebuilt(v view, pool model.NodePool, members []model.Machine) (stay, gone []model.Machine, f model.Findings) {
	why := map[string]string{}
	for _, m := range members {
		if reason := v.rebuildReason(m); reason != "" {
			gone = append(gone, m)
			why[m.Marker.Node] = reason
		} else {
			stay = append(stay, m)
		}
	}
	if len(gone) == 0 {
		return members, nil, f
	}
	words := make([]string, 0, len(gone))
	for _, name := range sortedKeys(why) {
		words = append(words, fmt.Sprintf("%s (%s)", name, why[name]))
	}
	if condition := rolloutCondition(v, pool); condition != "" {
		f.Warn(controlPlaneField, "Repair of the control plane postponed",
			"Nodes that do not work are replaced once %s: %s.", condition, model.Listed(words))
		return members, nil, f
	}
	if ready, others := v.servingBeside(gone, members); ready < majority(others) {
		f.Warn(controlPlaneField, "The control plane is not repaired",
			"Of the %d other control-plane nodes of %q %d %s Ready, and etcd needs %d of them before one is taken away: %s. "+
				"Repair the others first, or this one by hand.",
			others, v.spec.Name, ready, isOrAre(ready), max(1, majority(others)), model.Listed(words))
		return members, nil, f
	}
	f.Warn(controlPlaneField, howMany(sortedKeys(why), "A control-plane node is replaced", "Control-plane nodes are replaced"),
		"The apply takes these out of etcd one after the other, as long as the others keep its quorum, deletes their VMs, "+
			"and then builds others: %s.", model.Listed(words))
	return stay, gone, f
}

// replacedNow are the control-plane nodes that are taken away before others are built.
func (v view) replacedNow() map[string]bool {
	pool := v.spec.ControlPlane
	_, gone, _ := rebuilt(v, pool, slices.DeleteFunc(v.machines(pool.Name), func(m model.Machine) bool { return !v.stays(m) }))
	names := map[string]bool{}
	for _, m := range gone {
		names[m.Marker.Node] = true
	}
	return names
}

// rebuildReason is why a control-plane node whose VM runs is taken away before there is
// another one; empty: it is not.
func (v view) rebuildReason(m model.Machine) string {
	node, known := v.facts.API.Nodes[m.Marker.Node]
	if !known || node.Ready && !m.LeaseChanged() || !m.PoweredOn || !v.apiReached() || !v.facts.API.Answered() || !v.facts.API.AnyReady() {
		return ""
	}
	switch {
	case m.LeaseChanged():
		// Its member of etcd, which has the former address, does not work, Ready or not.
		return reasonLease
	case slices.Contains(v.spec.ReplaceNodes, m.Marker.Node):
		return "not Ready, and in replace_nodes"
	case !v.holdsRepairs && v.repairIsDue(m.Marker.Node):
		return fmt.Sprintf("not Ready for %s", v.notReadyFor(node).Round(time.Second))
	}
	return ""
}

// servingBeside counts the control-plane nodes that are Ready, when some are not, and those
// that there are beside one of these.
func (v view) servingBeside(gone, members []model.Machine) (ready, others int) {
	for _, m := range members {
		if v.node(m.Marker.Node).Ready && !slices.ContainsFunc(gone, func(g model.Machine) bool { return g.Ref == m.Ref }) {
			ready++
		}
	}
	return ready, len(members) + len(v.lost(model.ControlPlanePool)) - 1
}
