package kubeapi

import (
	"slices"
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
			if p.fits(pod, n, false) && (best == "" || len(p.pods[n.GetName()]) < len(p.pods[best])) {
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

// daemonTolerations are what the DaemonSet controller adds to its pods.
var daemonTolerations = []string{
	taintNotReady, taintUnreachable, taintUnschedulable,
	"node.kubernetes.io/disk-pressure", "node.kubernetes.io/memory-pressure", "node.kubernetes.io/pid-pressure",
}

// fits reports whether a pod may run on a node.
func (p *pass) fits(pod, node *Object, daemon bool) bool {
	selector, _ := at(pod, "spec", "nodeSelector").(map[string]any)
	labels := node.GetLabels()
	for k, v := range selector {
		if value, ok := labels[k]; !ok || value != v {
			return false
		}
	}
	if unschedulable, _ := at(node, "spec", "unschedulable").(bool); unschedulable && !daemon {
		return false
	}
	tolerations := mapsAt(pod, "spec", "tolerations")
	for _, taint := range mapsAt(node, "spec", "taints") {
		key, _ := taint["key"].(string)
		if taint["effect"] == "PreferNoSchedule" || (daemon && slices.Contains(daemonTolerations, key)) {
			continue
		}
		if !slices.ContainsFunc(tolerations, func(t map[string]any) bool { return tolerates(t, taint) }) {
			return false
		}
	}
	return true
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
