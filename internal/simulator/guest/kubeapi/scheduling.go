package kubeapi

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
)

// schedule binds pending pods to the nodes with the fewest pods that will take
// them.
func (p *pass) schedule() {
	for _, pod := range p.pending {
		if pod.GetDeletionTimestamp() != nil {
			p.drop(Pods, pod)
			continue
		}
		best := ""
		for _, n := range p.nodes {
			if p.fits(pod, n, false) && p.spreads(pod, n) && (best == "" || len(p.pods[n.GetName()]) < len(p.pods[best])) {
				best = n.GetName()
			}
		}
		if best == "" {
			p.changePod(pod, func(o *Object) {
				p.setCondition(o, "PodScheduled", "False", "Unschedulable", "no nodes are available to schedule pods")
			})
			continue
		}
		p.changePod(pod, func(o *Object) { set(o, best, "spec", "nodeName") })
		p.pods[best] = append(p.pods[best], pod)
	}
}

// daemonTolerations are the taints, with their effects, that the DaemonSet controller has
// its pods tolerate. That a node is not ready is not among them where it keeps pods from
// being scheduled: a pod that is to make it ready says so itself.
var daemonTolerations = []string{
	taintNotReady + ":NoExecute", taintUnreachable + ":NoExecute", taintUnschedulable + ":NoSchedule",
	"node.kubernetes.io/disk-pressure:NoSchedule", "node.kubernetes.io/memory-pressure:NoSchedule",
	"node.kubernetes.io/pid-pressure:NoSchedule",
}

// fits reports whether a pod may run on a node.
func (p *pass) fits(pod, node *Object, daemon bool) bool {
	selector, _ := at(pod, "spec", "nodeSelector").(map[string]any)
	for k, v := range selector {
		if value, ok := node.GetLabels()[k]; !ok || value != v {
			return false
		}
	}
	if !inAffinity(pod, node) {
		return false
	}
	if unschedulable, _ := at(node, "spec", "unschedulable").(bool); unschedulable && !daemon {
		return false
	}
	tolerations := mapsAt(pod, "spec", "tolerations")
	for _, taint := range mapsAt(node, "spec", "taints") {
		key, _ := taint["key"].(string)
		effect, _ := taint["effect"].(string)
		if effect == "PreferNoSchedule" || daemon && slices.Contains(daemonTolerations, key+":"+effect) {
			continue
		}
		if !slices.ContainsFunc(tolerations, func(t map[string]any) bool { return tolerates(t, taint) }) {
			return false
		}
	}
	return true
}

// spreads reports whether a pod on a node keeps the skew that it says it needs between
// hosts, the only topology that is known here.
func (p *pass) spreads(pod, node *Object) bool {
	var spec corev1.Pod
	if !convert(pod, &spec) {
		return false
	}
	for _, c := range spec.Spec.TopologySpreadConstraints {
		if c.WhenUnsatisfiable != corev1.DoNotSchedule || c.TopologyKey != corev1.LabelHostname {
			continue
		}
		selector, err := metav1.LabelSelectorAsSelector(c.LabelSelector)
		if err != nil {
			return false
		}
		count := func(n *Object) (count int32) {
			for _, other := range p.pods[n.GetName()] {
				if other.GetNamespace() == pod.GetNamespace() && !terminating(other) && selector.Matches(labelSet(other.GetLabels())) &&
					sameLabels(c.MatchLabelKeys, pod, other) {
					count++
				}
			}
			return count
		}
		least := count(node)
		var domains int32
		for _, n := range p.nodes {
			// Of a node whose taints keep the pod away, only nodeTaintsPolicy Honor takes no notice.
			honors := c.NodeTaintsPolicy != nil && *c.NodeTaintsPolicy == corev1.NodeInclusionPolicyHonor
			if !honors || p.fits(pod, n, false) {
				least = min(least, count(n))
				domains++
			}
		}
		if c.MinDomains != nil && domains < *c.MinDomains {
			least = 0 // those that are missing have no pod
		}
		if count(node)+1-least > c.MaxSkew {
			return false
		}
	}
	return true
}

// sameLabels reports whether two pods have the same values of some labels.
func sameLabels(keys []string, a, b *Object) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return a.GetLabels()[key] != b.GetLabels()[key] })
}

// inAffinity reports whether a node has the labels that a pod's affinity requires: all
// expressions of one of its terms.
func inAffinity(pod, node *Object) bool {
	const required = "requiredDuringSchedulingIgnoredDuringExecution"
	raw, set := at(pod, "spec", "affinity", "nodeAffinity", required).(map[string]any)
	if !set {
		return true
	}
	var selector corev1.NodeSelector
	if runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &selector) != nil {
		return false
	}
	return slices.ContainsFunc(selector.NodeSelectorTerms, func(term corev1.NodeSelectorTerm) bool {
		for _, e := range term.MatchExpressions {
			operator, known := affinityOperators[e.Operator]
			requirement, err := labels.NewRequirement(e.Key, operator, e.Values)
			if !known || err != nil || !requirement.Matches(labels.Set(node.GetLabels())) {
				return false
			}
		}
		return len(term.MatchExpressions) > 0
	})
}

var affinityOperators = map[corev1.NodeSelectorOperator]selection.Operator{
	corev1.NodeSelectorOpIn: selection.In, corev1.NodeSelectorOpNotIn: selection.NotIn,
	corev1.NodeSelectorOpExists: selection.Exists, corev1.NodeSelectorOpDoesNotExist: selection.DoesNotExist,
	corev1.NodeSelectorOpGt: selection.GreaterThan, corev1.NodeSelectorOpLt: selection.LessThan,
}

func tolerates(toleration, taint map[string]any) bool {
	if effect, _ := toleration["effect"].(string); effect != "" && effect != taint["effect"] {
		return false
	}
	key, _ := toleration["key"].(string)
	if key != "" && key != taint["key"] {
		return false
	}
	if toleration["operator"] == "Exists" {
		return true
	}
	want, _ := toleration["value"].(string)
	have, _ := taint["value"].(string)
	return key != "" && want == have
}
