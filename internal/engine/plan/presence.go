package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// quoted lists names in quotation marks.
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("%q", name)
	}
	return model.Listed(out)
}

// presenceFindings warn of nodes that are counted as present although their VMs are not
// seen: one warning for each reason, since Terraform shows only the first of several
// that have the same summary.
func presenceFindings(v view) model.Findings {
	var f model.Findings
	if hidden := hiddenWords(v.facts.Unseen); len(hidden) > 0 {
		f.Warn(nameField, "Node VM not visible in vCenter",
			"vCenter does not show the VM of a node to this user, and does not say that it is gone: %s. "+
				"What cannot be seen is not treated as deleted: the node keeps its %s, and none is built in its stead. "+
				"Move the VM back or grant the privilege; if the node is to go, have the VM deleted by a user who sees it.",
			model.Listed(hidden), v.holdings())
	}
	f.Add(unseenBuilder(v.facts))
	f.Add(saidGoneFindings(v))
	unproven := v.unproven()
	if len(unproven) > 0 {
		f.Warn(nameField, "Node without a visible VM",
			"The API does not answer, no VM of %s is visible in vCenter, and this state has no reference by which vCenter could be asked "+
				"whether it is gone. It keeps its %s.%s", quoted(unproven), v.holdings(), v.forgetWords())
	}
	var known, alive []string
	for _, pool := range v.pools() {
		for _, name := range v.unseen(pool) {
			switch {
			case v.hidden(name) || v.unreadable(name) || slices.Contains(unproven, name):
			case v.gone(name) && v.node(name).Ready:
				alive = append(alive, name)
			case !v.gone(name):
				known = append(known, name)
			}
		}
	}
	if len(known) > 0 {
		f.Warn(nameField, "Node without a visible VM",
			"The API knows %s, no VM is visible in vCenter, and this state has no reference by which vCenter could be asked whether it is gone. "+
				"It keeps its %s. If the VM is gone, delete the node object (kubectl delete node NAME): the next apply builds another node.",
			quoted(known), v.holdings())
	}
	if len(alive) > 0 {
		f.Warn(nameField, "Node is Ready without a VM",
			"vCenter says that the VM is gone, and the API still hears from %s: the VM was deleted moments ago, or moved to another vCenter. "+
				"The node is left alone until it is no longer Ready.", quoted(alive))
	}
	if unreadable := v.unreadableNodes(); len(unreadable) > 0 {
		f.Warn(nameField, "A VM cannot be read",
			"vCenter does not return the configuration of %s now, as while a VM is being made or its datastore is not accessible. "+
				"It is counted as present.", quoted(unreadable))
	}
	return f
}

// holdings is what a node keeps while nothing says that it is gone.
func (v view) holdings() string {
	if v.spec.DHCP() {
		return "place"
	}
	return "address and its place"
}

// forgetWords say how a VM is reported gone of which nothing else could. With leases there
// is no tag of an address.
func (v view) forgetWords() string {
	if !v.spec.DHCP() {
		return " If the VM is gone for good, delete in vCenter the tag of its address, whose name ends in the address."
	}
	return " If the VM is gone for good, add the name of the node to replace_nodes: " +
		"while no VM of that name is visible, it then counts as gone."
}

// saidGone reports whether a person says of a member of a control plane with leases that its VM
// is gone, by its name in replace_nodes. That counts only where nothing else can be asked: the
// API is silent, no VM of that name is there, readable or not, and there is no reference by
// which vCenter could tell, nor did it ever answer to one that it does not show the VM.
func (v view) saidGone(name string) bool {
	if !v.spec.DHCP() || v.facts.API.Answered() || !slices.Contains(v.spec.ReplaceNodes, name) {
		return false
	}
	_, member := v.facts.Record.Members[v.ordinal(model.ControlPlanePool, name)]
	return member && !v.hasMachine(name) && !v.hidden(name) && !v.unreadable(name)
}

// saidGoneFindings say which nodes count as gone because a person says so.
func saidGoneFindings(v view) model.Findings {
	var f model.Findings
	var names []string
	for ordinal := range v.facts.Record.Members {
		if name := v.nodeNames.Node(model.ControlPlanePool, ordinal); v.saidGone(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	if len(names) > 0 {
		f.Warn(model.ClusterField(model.FieldReplaceNodes), "Nodes count as gone",
			"The API does not answer, no VM of %s is visible in vCenter, and replace_nodes says that what it names is to go: "+
				"its VM counts as gone. If it may still run where this user does not see it, remove the name.", quoted(names))
	}
	return f
}

// hiddenWords name nodes with the reason why their VMs may not be seen.
func hiddenWords(unseen []model.UnseenMachine) []string {
	words := make([]string, len(unseen))
	for i, m := range unseen {
		details := slices.DeleteFunc([]string{strings.TrimPrefix(m.Ref, "VirtualMachine:"), m.Why}, func(s string) bool { return s == "" })
		words[i] = fmt.Sprintf("%s (%s)", m.Node, strings.Join(details, ": "))
	}
	return words
}

// pools are the node pools of the spec, and those that the record knows besides.
func (v view) pools() []string {
	var names []string
	for _, pool := range v.spec.NodePools() {
		names = append(names, pool.Name)
	}
	for name := range v.facts.Record.Counters {
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// unreadableNodes are the VMs with a name of the cluster's nodes that cannot be read.
func (v view) unreadableNodes() []string {
	var names []string
	for _, name := range v.facts.Unreadable {
		if slices.ContainsFunc(v.pools(), func(pool string) bool { return v.ordinal(pool, name) > 0 }) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
