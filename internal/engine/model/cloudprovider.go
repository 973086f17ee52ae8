package model

import "slices"

// TaintUninitialized is what a kubelet that runs for an external cloud provider registers
// its node with. The cloud provider takes it off once it has found the node's VM.
const TaintUninitialized = "node.cloudprovider.kubernetes.io/uninitialized"

// CloudLabels are the labels that the cloud provider sets on a node when it initializes
// it, and sets again when another value is written over them.
var CloudLabels = []string{
	"beta.kubernetes.io/instance-type",
	"failure-domain.beta.kubernetes.io/region",
	"failure-domain.beta.kubernetes.io/zone",
	"node.kubernetes.io/instance-type",
	LabelRegion,
	LabelZone,
}

// Initialized reports whether no cloud provider has yet to look at the node.
func (n KubeNode) Initialized() bool {
	return !slices.ContainsFunc(n.Taints, func(t Taint) bool { return t.Key == TaintUninitialized })
}

// Uninitialized lists the nodes that a cloud provider has not initialized.
func Uninitialized(nodes map[string]KubeNode) []string {
	var names []string
	for name, node := range nodes {
		if !node.Initialized() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
