package engine

import (
	"fmt"
	"slices"
	"strings"
)

// need is what a plan takes from one IP pool.
type need struct {
	field Field
	count int
	parts map[string]int
	order []string
}

func (n *need) add(field Field, part string) {
	if n.parts == nil {
		n.field, n.parts = field, map[string]int{}
	}
	if n.parts[part] == 0 {
		n.order = append(n.order, part)
	}
	n.parts[part]++
	n.count++
}

func (n *need) String() string {
	parts := make([]string, len(n.order))
	for i, p := range n.order {
		parts[i] = fmt.Sprintf("%d for %s", n.parts[p], p)
	}
	return strings.Join(parts, ", ")
}

// budget adds up the addresses that the plan takes from each pool, and refuses
// before anything is created when a pool does not have them.
func (p *planner) budget() {
	needs := map[string]*need{}
	var order []string
	take := func(pool string, field Field, owner, part string) {
		if _, held := p.obs.claimOf(pool, owner); held {
			return
		}
		if needs[pool] == nil {
			needs[pool] = &need{}
			order = append(order, pool)
		}
		needs[pool].add(field, part)
	}
	first := p.spec.ControlPlane.Placements[0].IPPoolID
	take(first, "control_plane.placement.ip_pool_id", OwnerVIP, "the VIP")
	take(first, "control_plane.placement.ip_pool_id", OwnerExtra, "the extra")
	pools := p.spec.Pools()
	for _, s := range p.out.Steps {
		if s.Action != ActionCreateNode {
			continue
		}
		i := slices.IndexFunc(pools, func(x PoolSpec) bool { return x.Name == s.node.pool.Name })
		part := "worker pool " + s.node.pool.Name
		if i == 0 {
			part = "the control plane"
		}
		id := s.node.pool.Placements[s.node.placement].IPPoolID
		take(id, placementField(i, s.node.pool.Name, s.node.placement)+".ip_pool_id", s.Target, part)
	}
	for _, id := range order {
		pool, n := p.obs.IPPools[id], needs[id]
		if pool == nil || !pool.Registered || n.count <= pool.Free() {
			continue
		}
		p.problem(n.field, "The IP pool is too small",
			"IP pool %q has %d addresses, %d in use and %d free; %d are needed: %s.%s Grow the pool or ask for fewer nodes.",
			pool.Body.Name, pool.Total, pool.Taken+len(pool.Strange), pool.Free(), n.count, n, p.holders(id)+pool.strangers())
	}
}

// strangers tells which addresses are out of reach because VMs have them without
// a claim.
func (p *IPPool) strangers() string {
	if len(p.Strange) == 0 {
		return ""
	}
	return fmt.Sprintf(" VMs report %d of them without a claim: %s.", len(p.Strange), strangerWords(p.Strange))
}

// holders tells who holds the addresses of a pool, as far as VMs show it.
func (p *planner) holders(pool string) string {
	counts := map[string]int{}
	for _, h := range p.obs.Survey.Held {
		if h.Pool == pool {
			counts[h.Cluster]++
		}
	}
	if len(counts) == 0 {
		return ""
	}
	var parts []string
	for cluster, n := range counts {
		who := "cluster " + cluster
		if cluster == p.spec.ID {
			who = "this " + string(p.spec.Kind)
		}
		parts = append(parts, fmt.Sprintf("%s holds %d", who, n))
	}
	slices.Sort(parts)
	return " Of those in use, " + strings.Join(parts, ", ") + "."
}
