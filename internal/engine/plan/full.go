package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// crowded warns of placements where a rule is to keep more nodes of a worker pool apart than
// there are hosts in service. The control plane's have their own warning.
func (c check) crowded() model.Findings {
	var f model.Findings
	for _, ref := range c.placements() {
		pool, _ := c.spec.NodePool(ref.NodePool)
		resolved := c.limits.Site.Placements[ref]
		fit := len(hostsOf(resolved.Hosts, model.Host.Reaches))
		nodes := share(pool, ref.Index)
		if pool.ControlPlane() || !pool.Spreads() || fit == 0 || fit >= nodes {
			continue
		}
		f.Warn(ref.Field(model.FieldComputeCluster), "Fewer hosts than nodes to keep apart",
			"In compute cluster %q %d hosts can run a VM now and reach datastore and network, and %d nodes of %s are placed there with "+
				"spread = \"host\": %d of them are kept apart from no other.%s",
			resolved.ComputeClusterName, fit, nodes, pool.Words(), nodes-fit, sentence(" The other hosts: ", hostWords(resolved.Hosts)))
	}
	return f
}

// full warns of placements whose hosts in service have less unused memory than the nodes take
// that the plan builds there, each of which has to be on one of them. Whether vCenter powers a
// VM on is for it to say: hosts share memory.
func (c check) full() model.Findings {
	var f model.Findings
	most := c.mostBuilt()
	left := map[string]map[string]int64{} // unused memory, by compute cluster and host
	for _, ref := range c.largestFirst() {
		pool, _ := c.spec.NodePool(ref.NodePool)
		resolved := c.limits.Site.Placements[ref]
		fit := hostsOf(resolved.Hosts, model.Host.Reaches)
		unknown := slices.ContainsFunc(fit, func(h model.Host) bool { return h.FreeGB == nil })
		if !resolved.Complete() || len(fit) == 0 || unknown || pool.MemoryGB < 1 {
			continue
		}
		if left[resolved.ComputeCluster] == nil {
			left[resolved.ComputeCluster] = freeMemory(resolved.Hosts)
		}
		room := fill(left[resolved.ComputeCluster], fit, pool.MemoryGB, most[ref])
		short := resolved.Memory != nil && int64(most[ref])*pool.MemoryGB > resolved.Memory.FreeGB // there is a warning of that
		if room < most[ref] && !short {
			f.Warn(ref.Field(model.FieldComputeCluster), "The placement is full",
				"The plan builds %d nodes of %s in compute cluster %q, of %d GB of memory each, and the hosts in service that reach datastore "+
					"and network have that unused for %d: %s. Hosts would swap, or vCenter refuse to power VMs on. Add hosts, end their "+
					"maintenance mode, or add a placement.",
				most[ref], pool.Words(), resolved.ComputeClusterName, pool.MemoryGB, room, freeWords(fit))
		}
	}
	return f
}

// largestFirst are the placements by the memory of their nodes: what is small finds a place
// beside what is large, and not the other way round.
func (c check) largestFirst() []model.PlacementRef {
	refs := c.placements()
	memory := func(ref model.PlacementRef) int64 {
		pool, _ := c.spec.NodePool(ref.NodePool)
		return pool.MemoryGB
	}
	slices.SortStableFunc(refs, func(a, b model.PlacementRef) int { return cmp.Compare(memory(b), memory(a)) })
	return refs
}

func freeMemory(hosts []model.Host) map[string]int64 {
	free := map[string]int64{}
	for _, h := range hosts {
		if h.FreeGB != nil {
			free[h.Name] = *h.FreeGB
		}
	}
	return free
}

// fill places nodes one after the other on the host with the most left, and returns for how
// many there was room.
func fill(left map[string]int64, hosts []model.Host, memoryGB int64, nodes int) int {
	for placed := range nodes {
		best := slices.MaxFunc(hosts, func(a, b model.Host) int { return cmp.Compare(left[a.Name], left[b.Name]) })
		if left[best.Name] < memoryGB {
			return placed
		}
		left[best.Name] -= memoryGB
	}
	return nodes
}

// mostBuilt is by how many nodes each placement has at most more than now, the steps of the
// plan one after the other.
func (c check) mostBuilt() map[model.PlacementRef]int {
	now := map[model.PlacementRef]int{}
	most := map[model.PlacementRef]int{}
	for _, step := range c.plan.Steps() {
		switch s := step.(type) {
		case model.CreateNode:
			now[s.Placement]++
			most[s.Placement] = max(most[s.Placement], now[s.Placement])
		case model.DeleteNode:
			pool, ok := c.spec.NodePool(s.Machine.Marker.NodePool)
			if i := placementOf(pool, s.Machine.Marker); ok && i >= 0 && s.Machine.PoweredOn {
				now[model.PlacementRef{NodePool: pool.Name, Index: i}]--
			}
		}
	}
	return most
}

// maxNamed is how many hosts a warning names.
const maxNamed = 10

func freeWords(hosts []model.Host) string {
	var words []string
	for _, h := range hosts {
		words = append(words, fmt.Sprintf("%s has %d of %d GB", h.Name, *h.FreeGB, h.MemoryGB))
	}
	return listedAtMost(words)
}

// listedAtMost lists the first words, and says how many more there are.
func listedAtMost(words []string) string {
	if more := len(words) - maxNamed; more > 0 {
		words = append(slices.Clone(words[:maxNamed]), fmt.Sprintf("%d more", more))
	}
	return model.Listed(words)
}

// clocks warns at a creation of hosts without a source of time: VMs take theirs from it when
// they start and when they move, and etcd and certificates want clocks that agree.
func (c check) clocks() model.Findings {
	var f model.Findings
	if c.apiReached() {
		return f
	}
	warned := map[string]bool{}
	for _, ref := range c.placements() {
		resolved := c.limits.Site.Placements[ref]
		if !resolved.Complete() || warned[resolved.ComputeCluster] {
			continue
		}
		var names []string
		for _, h := range resolved.Hosts {
			if h.NoTime {
				names = append(names, h.Name)
			}
		}
		if len(names) > 0 {
			warned[resolved.ComputeCluster] = true
			f.Warn(ref.Field(model.FieldComputeCluster), "Hosts without an NTP server",
				"In compute cluster %q these hosts have no NTP server: %s. A VM has its host's time when it starts and after it moved, and "+
					"etcd and certificates need clocks that agree. Configure the same servers on all hosts.",
				resolved.ComputeClusterName, listedAtMost(names))
		}
	}
	return f
}
