package plan

import (
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// counter is the next ordinal of a pool that no node has had.
func (v view) counter(pool string) int {
	return max(v.facts.Record.Counters[pool], v.highest(pool)+1, v.firstOrdinal())
}

// existed reports whether a name is, or was, that of a node. Counters never go back, so
// that a lower ordinal was one's; of a record that was lost that is not known, and of a
// cluster that is being made, the name may be that of a node to come; one whose control
// plane is built anew was made before.
func (v view) existed(node string) bool {
	if !v.apiReached() && !(v.facts.Record.CreationComplete && !v.spec.New) {
		return false
	}
	for _, pool := range v.pools() {
		if n := v.ordinal(pool, node); n > 0 && (!v.facts.Record.Found || n < v.counter(pool)) {
			return true
		}
	}
	return v.hasMachine(node) || v.mayBePresent(node)
}

// replaceFindings refuse names of which no node is, or was.
func replaceFindings(v view) model.Findings {
	var f model.Findings
	var unknown []string
	for _, name := range v.spec.ReplaceNodes {
		if !v.existed(name) {
			unknown = append(unknown, name)
		}
	}
	field := model.ClusterField(model.FieldReplaceNodes)
	if len(unknown) == 0 {
		return f
	}
	slices.Sort(unknown)
	if !v.apiReached() {
		f.Refuse(field, "No nodes to replace", "%q is being created, and has no nodes yet that could be replaced. Remove %s.",
			v.spec.Name, quoted(unknown))
		return f
	}
	names := nodeNames(v.facts.Machines)
	for _, pool := range v.pools() {
		names = append(names, v.presumedPresent(pool)...)
	}
	slices.Sort(names)
	f.Refuse(field, "Node to replace not found",
		"%q has no node of this name, and never had: %s. Its nodes: %s. A node that was replaced may stay in the list; it is not replaced again.",
		v.spec.Name, quoted(unknown), model.Listed(slices.Compact(names)))
	return f
}
