package plan

import (
	"fmt"
	"strings"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// hosts checks that the nodes of each placement find hosts that reach its datastore
// and its network. vCenter refuses a clone without one only after it has begun, and
// with few of them a failed host takes several nodes along.
func (c check) hosts() model.Findings {
	var f model.Findings
	for _, ref := range c.placements() {
		resolved := c.limits.Site.Placements[ref]
		if !resolved.Complete() {
			continue // its finding says why
		}
		up := hostsOf(resolved.Hosts, func(h model.Host) bool { return h.Down == "" })
		if len(up) == 0 {
			continue // so does the compute cluster's
		}
		fit := hostsOf(up, model.Host.Reaches)
		place := c.place(ref)
		stored, on := place.Storage()
		where := fmt.Sprintf("%s %q and network %q", stored, on, place.Network)
		switch {
		case len(fit) == 0:
			f.RefuseFull(ref.Field(outOfReach(up, stored)), "No host reaches datastore and network",
				"In compute cluster %q no host that can run a VM now reaches %s: %s. "+
					"Mount the datastore and connect the network on the same hosts, or choose others.",
				resolved.ComputeClusterName, where, hostWords(resolved.Hosts))
		case len(fit) < len(up):
			others := hostsOf(up, func(h model.Host) bool { return !h.Reaches() })
			f.Warn(ref.Field(outOfReach(others, stored)), "Not all hosts reach datastore and network",
				"In compute cluster %q nodes can run on %d of %d hosts, those that reach %s. The others: %s.",
				resolved.ComputeClusterName, len(fit), len(resolved.Hosts), where, hostWords(resolved.Hosts))
		}
		pool, _ := c.spec.NodePool(ref.NodePool)
		if nodes := share(pool, ref.Index); pool.ControlPlane() && len(fit) > 0 && len(fit) < nodes {
			f.Warn(ref.Field(model.FieldComputeCluster), "Fewer hosts than control-plane nodes",
				"In compute cluster %q %d hosts can run a VM now and reach %s, and %d nodes of the control plane are placed there: "+
					"a host that fails takes several of them along.%s",
				resolved.ComputeClusterName, len(fit), where, nodes, sentence(" The others: ", hostWords(resolved.Hosts)))
		}
	}
	return f
}

// share is how many nodes of a pool are on one of its placements where they spread evenly.
func share(pool model.NodePool, index int) int {
	nodes := pool.Count / len(pool.Placements)
	if index < pool.Count%len(pool.Placements) {
		nodes++
	}
	return nodes
}

func hostsOf(hosts []model.Host, keep func(model.Host) bool) []model.Host {
	var kept []model.Host
	for _, h := range hosts {
		if keep(h) {
			kept = append(kept, h)
		}
	}
	return kept
}

// outOfReach is the part of a placement that none of some hosts reaches; where each
// lacks another, it is their compute cluster that does not fit. stored is the part that says
// where the disks are.
func outOfReach(hosts []model.Host, stored model.FieldName) model.FieldName {
	datastore, network := false, false
	for _, h := range hosts {
		datastore = datastore || h.Datastore
		network = network || h.Network
	}
	switch {
	case !datastore:
		return stored
	case !network:
		return model.FieldNetwork
	}
	return model.FieldComputeCluster
}

// hostWords says of the hosts that nodes cannot run on what each lacks.
func hostWords(hosts []model.Host) string {
	var words []string
	for _, h := range hosts {
		if h.Reaches() {
			continue
		}
		var lacks []string
		if h.Down != "" {
			lacks = append(lacks, h.Down)
		}
		switch {
		case h.Down != "":
		case !h.Datastore && !h.Network:
			lacks = append(lacks, "reaches neither")
		case !h.Datastore:
			lacks = append(lacks, "does not reach the datastore")
		case !h.Network:
			lacks = append(lacks, "does not reach the network")
		}
		words = append(words, h.Name+" "+strings.Join(lacks, " and "))
	}
	return model.Listed(words)
}

// sentence is a sentence with its beginning; nothing where there is nothing to say.
func sentence(beginning, rest string) string {
	if rest == "" {
		return ""
	}
	return beginning + rest + "."
}
