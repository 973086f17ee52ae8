package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// replacement is what is replaced of a node pool.
type replacement struct {
	old       []model.Machine // in the order in which they are deleted
	reasons   map[string]bool
	postponed []string
	findings  model.Findings
}

// partition separates the members of a pool that stay as they are from those that
// are replaced: the pool asks for other machines by now, or an earlier run has
// begun to delete them. While a node is not seen, none is replaced: it may be the
// successor that an earlier run has built.
func partition(v view, pool model.NodePool, members []model.Machine) (current []model.Machine, r replacement) {
	if !v.apiReached() || pool.Count == 0 {
		return members, r
	}
	r.reasons = map[string]bool{}
	for _, m := range members {
		reasons := v.replacementReasons(pool, m)
		if len(reasons) == 0 {
			current = append(current, m)
			continue
		}
		r.old = append(r.old, m)
		for _, reason := range reasons {
			r.reasons[reason] = true
		}
	}
	if len(r.old) == 0 && pool.ControlPlane() && len(members) > pool.Count {
		// The predecessor of a node that an earlier run has built, which was outdated then.
		slices.SortFunc(current, v.leastServing)
		r.old = current[:1]
		current = current[1:]
		r.reasons["a rollout that was not finished"] = true
	}
	if len(r.old) == 0 {
		return current, r
	}
	if condition := rolloutCondition(v, pool); condition != "" {
		return members, postpone(pool, r, condition)
	}
	slices.SortFunc(r.old, v.leastServing)
	return current, r
}

// replacementReasons are why a machine is replaced; none: it stays.
func (v view) replacementReasons(pool model.NodePool, m model.Machine) []string {
	reasons := append(outdated(v.spec, pool, m.Marker), v.repairReasons(m)...)
	if pool.ControlPlane() && m.LeaseChanged() {
		reasons = append(reasons, reasonLease)
	}
	if pool.ControlPlane() && !m.Marker.EncryptionKeys.Writes(v.encryption().target) {
		reasons = append(reasons, reasonEncryption)
	}
	return reasons
}

// rolloutCondition is what a rollout of the pool waits for; empty: nothing.
func rolloutCondition(v view, pool model.NodePool) string {
	switch {
	case !v.facts.API.Answered():
		return "the cluster's API answers"
	case len(v.presumedPresent(pool.Name)) > 0:
		return "all of its VMs are visible"
	case v.tooNewFor(pool):
		return fmt.Sprintf("the control plane, which stays at %s, is upgraded", v.left)
	case slices.ContainsFunc(v.machines(pool.Name), v.nodeObjectMissing):
		return "the API knows all of its nodes"
	default:
		return ""
	}
}

func postpone(pool model.NodePool, r replacement, condition string) replacement {
	p := replacement{postponed: nodeNames(r.old)}
	p.findings.Warn(nodePoolField(pool.Name), fmt.Sprintf("Rollout of %s postponed", pool.Words()),
		"%s to be replaced once %s: %s.", plural(len(r.old), "node has", "nodes have"), condition,
		model.Listed(slices.Sorted(slices.Values(p.postponed))))
	return p
}

// leastServing puts the nodes first that serve least: those that are not ready,
// then those that an earlier run has drained, then the oldest.
func (v view) leastServing(a, b model.Machine) int {
	rank := func(m model.Machine) int {
		node := v.node(m.Marker.Node)
		switch {
		case !node.Ready:
			return 0
		case node.Unschedulable:
			return 1
		default:
			return 2
		}
	}
	return cmp.Or(rank(a)-rank(b), a.Marker.Ordinal-b.Marker.Ordinal)
}

// rolloutFindings say before the apply what is going to be replaced.
func rolloutFindings(pool model.NodePool, r replacement, successors int) model.Findings {
	nodes := nodeNames(r.old)
	slices.Sort(nodes)
	how := ""
	switch {
	case successors > 0 && pool.ControlPlane():
		how = ", each after its successor is Ready and a member of etcd"
	case successors > 0 && pool.ExpandsFirst():
		how = ", each after its successor is Ready"
	case successors > 0:
		how = ", each before its successor is created"
	}
	if without := len(r.old) - successors; without > 0 {
		how += fmt.Sprintf(", %d of them without a successor, since the pool has that many more than its node_count", without)
	}
	var f model.Findings
	f.Warn(nodePoolField(pool.Name), capitalized(pool.Words())+" is rolled",
		"The apply deletes %d of its nodes, %s%s: %s. Differs from the configuration: %s.",
		len(r.old), paceWords(pool), how, model.Listed(nodes), strings.Join(sortedKeys(r.reasons), ", "))
	return f
}

// paceWords say how many nodes are replaced at once, and what is between them.
func paceWords(pool model.NodePool) string {
	words := "one at a time"
	if n := pool.ReplacedAtOnce(); n > 1 {
		words = fmt.Sprintf("at most %d at a time", n)
	}
	if pool.NodePause > 0 {
		words += fmt.Sprintf(" with a pause of %s between them", pool.NodePause)
	}
	return words
}

func nodeNames(machines []model.Machine) []string {
	names := make([]string, len(machines))
	for i, m := range machines {
		names[i] = m.Marker.Node
	}
	return names
}

// plural is a count with its noun.
func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
