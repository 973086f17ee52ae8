package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// need is what a plan takes from one IP pool, and for what.
type need struct {
	field Field
	parts map[string]int
	order []string
	given int // addresses that the plan gives back before
}

func (n *need) add(field Field, part string) {
	if n.parts == nil {
		n.field, n.parts = field, map[string]int{}
	}
	if n.parts[part] == 0 {
		n.order = append(n.order, part)
	}
	n.parts[part]++
}

// count is how many addresses have to be free.
func (n *need) count() int {
	count := -n.given
	for _, c := range n.parts {
		count += c
	}
	return count
}

func (n *need) clone() need {
	return need{field: n.field, parts: maps.Clone(n.parts), order: slices.Clone(n.order), given: n.given}
}

func (n *need) String() string {
	parts := make([]string, len(n.order))
	for i, p := range n.order {
		parts[i] = fmt.Sprintf("%d for %s", n.parts[p], p)
	}
	if n.given > 0 {
		parts = append(parts, fmt.Sprintf("less %d that are given back before", n.given))
	}
	return strings.Join(parts, ", ")
}

// account is what a plan does to one IP pool: how much it has taken at the end,
// and at most on the way there.
type account struct{ end, most need }

// budget adds up the addresses that the plan takes from each pool, and refuses
// before anything is created when a pool does not have them. A worker pool that
// is rolled expand-first needs one to spare in each of its IP pools, now or when
// it is rolled later: nodes are replaced one at a time, so that all worker pools
// of a cluster share it.
func (p *planner) budget() {
	accounts := p.accounts()
	spares := p.spares()
	for _, id := range slices.Sorted(maps.Keys(p.obs.IPPools)) {
		pool, spare := p.obs.IPPools[id], spares[id]
		if !pool.Registered || accounts[id] == nil && spare == "" {
			continue
		}
		sum := account{}
		if accounts[id] != nil {
			sum = *accounts[id]
		}
		grown, short := sum.end.count(), sum.end.clone()
		advice := "Grow the pool or ask for fewer nodes."
		if spare != "" {
			short.add(spare, "rolling workers (expand_first)")
			advice = `Grow the pool, ask for fewer nodes, or set strategy = "contract_first" in rolling_update of the worker pools.`
		}
		if sum.most.count() >= short.count() {
			short = sum.most
		}
		if short.count() <= pool.Free() {
			continue
		}
		detail := fmt.Sprintf("IP pool %q has %d addresses, %d in use and %d free; %d are needed: %s.%s %s",
			pool.Body.Name, pool.Total, pool.Taken+len(pool.Strange), pool.Free(), short.count(), &short, p.holders(id)+pool.strangers(), advice)
		if p.ready() && sum.most.count() <= pool.Free() && grown <= 0 {
			// What a cluster has is mended all the same.
			p.warn(short.field, "The IP pool leaves no address to roll workers", "%s", detail)
			continue
		}
		p.problem(short.field, "The IP pool is too small", "%s", detail)
	}
}

// accounts goes through the steps in their order and keeps the account of each
// IP pool.
func (p *planner) accounts() map[string]*account {
	accounts, held := map[string]*account{}, map[Claim]bool{}
	of := func(pool string) *account {
		if accounts[pool] == nil {
			accounts[pool] = &account{}
		}
		return accounts[pool]
	}
	for _, c := range p.obs.Claims {
		held[Claim{Pool: c.Pool, Node: c.Node}] = true
	}
	take := func(pool string, field Field, owner, part string) {
		if claim := (Claim{Pool: pool, Node: owner}); !held[claim] {
			held[claim] = true
			a := of(pool)
			if a.end.add(field, part); a.end.count() > a.most.count() {
				a.most = a.end.clone()
			}
		}
	}
	give := func(pool, owner string) {
		if claim := (Claim{Pool: pool, Node: owner}); held[claim] {
			delete(held, claim)
			of(pool).end.given++
		}
	}
	first := p.spec.ControlPlane.Placements[0].IPPoolID
	take(first, "control_plane.placement.ip_pool_id", OwnerVIP, "the VIP")
	take(first, "control_plane.placement.ip_pool_id", OwnerExtra, "the extra")
	built := p.out.rebuilds()
	for _, s := range p.out.Steps {
		switch s.Action {
		case ActionCreateNode:
			i := slices.IndexFunc(p.spec.Pools(), func(x PoolSpec) bool { return x.Name == s.node.pool.Name })
			part := "worker pool " + s.node.pool.Name
			switch {
			case i == 0:
				part = "the control plane"
			case s.node.roll:
				part = "rolling worker pool " + s.node.pool.Name
			}
			take(s.ipPool(), placementField(i, s.node.pool.Name, s.node.placement)+".ip_pool_id", s.Target, part)
		case ActionReleaseAddress:
			give(s.claim.Pool, s.claim.Node)
		case ActionDeleteNode, ActionForgetNode:
			for _, c := range p.obs.Claims {
				if c.Node == s.Target && built[s.Target] != c.Pool {
					give(c.Pool, c.Node)
				}
			}
		}
	}
	return accounts
}

// spares are the IP pools in which a roll needs an address to spare, with the
// attribute that says so.
func (p *planner) spares() map[string]Field {
	spares := map[string]Field{}
	for i, pool := range p.spec.Pools() {
		if !pool.expands() {
			continue
		}
		for j, pl := range pool.Placements[:min(pool.Count, len(pool.Placements))] {
			if spares[pl.IPPoolID] == "" {
				spares[pl.IPPoolID] = placementField(i, pool.Name, j) + ".ip_pool_id"
			}
		}
	}
	return spares
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
