package plan

import (
	"net/netip"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// PodNetwork refuses a pod network out of which not every node gets a range for its
// pods: a node without one is there and runs none. It needs of a spec the pod network
// and the counts alone.
func PodNetwork(spec *model.ClusterSpec) model.Findings {
	var f model.Findings
	pods, err := netip.ParsePrefix(spec.PodCIDR)
	if err != nil {
		return f // the documents' to refuse
	}
	nodes := 0
	for _, pool := range spec.NodePools() {
		nodes += pool.Count
	}
	const rolls = 1 // nodes are replaced one at a time, those of the control plane expand-first
	ranges := bootstrap.PodRanges(pods)
	if nodes+rolls <= ranges {
		return f
	}
	f.Refuse(model.ClusterField(model.FieldPodCIDR), "The pod network is too small",
		"Each node takes a /%d of the pod network for its pods, and %s has %d of them; %d are needed for the nodes and %d for rolling them. "+
			"Nodes beyond that run no pods. Choose a larger pod network, which cannot be changed later, or ask for fewer nodes.",
		bootstrap.PodRangeBits(pods), pods, ranges, nodes, rolls)
	return f
}

// podRanges is PodNetwork for a plan. The network of a running cluster is what it is:
// what has more nodes than ranges is repaired, and does not grow.
func (c check) podRanges() model.Findings {
	f := PodNetwork(c.spec)
	if !c.apiReached() || len(f.Problems) == 0 {
		return f
	}
	var grown model.Findings
	for _, pool := range c.spec.NodePools() {
		had := max(len(c.machines(pool.Name))+c.goneOf(pool.Name), c.joinedOf(pool.Name))
		if pool.Count > had {
			grown.Refuse(model.NodePoolField(pool.Name, model.FieldNodeCount), f.Problems[0].Summary, "%s", f.Problems[0].Detail)
		}
	}
	return grown
}

// goneOf is how many nodes of a pool have lost their VM.
func (c check) goneOf(pool string) int {
	n := 0
	for _, m := range c.facts.Gone {
		if c.ordinal(pool, m.Node) > 0 {
			n++
		}
	}
	return n
}

// joinedOf is how many nodes of a pool the API knows.
func (c check) joinedOf(pool string) int {
	n := 0
	for name := range c.facts.API.Nodes {
		if c.ordinal(pool, name) > 0 {
			n++
		}
	}
	return n
}
