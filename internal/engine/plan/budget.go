package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// need is what a plan takes from one IP pool, and for what.
type need struct {
	field    model.Field
	parts    map[string]int
	order    []string
	released int // addresses that the plan releases before
}

func (n *need) add(field model.Field, part string, count int) {
	if n.parts == nil {
		n.field = field
		n.parts = map[string]int{}
	}
	if n.parts[part] == 0 {
		n.order = append(n.order, part)
	}
	n.parts[part] += count
}

// count is how many addresses have to be free.
func (n *need) count() int {
	count := -n.released
	for _, c := range n.parts {
		count += c
	}
	return count
}

func (n *need) clone() need {
	return need{
		field:    n.field,
		parts:    maps.Clone(n.parts),
		order:    slices.Clone(n.order),
		released: n.released,
	}
}

func (n *need) String() string {
	parts := make([]string, len(n.order))
	for i, p := range n.order {
		parts[i] = fmt.Sprintf("%d for %s", n.parts[p], p)
	}
	if n.released > 0 {
		parts = append(parts, fmt.Sprintf("less %d that are released before", n.released))
	}
	return strings.Join(parts, ", ")
}

// poolUsage is what a plan does to one IP pool: how much it has taken at the end,
// and at most on the way there.
type poolUsage struct{ end, most need }

// budget adds up the addresses that the plan takes from each pool, and refuses
// before anything is created when a pool does not have them. A worker pool that is
// rolled expand-first needs some to spare in each of its IP pools, now or when it is
// rolled later: one pool is rolled at a time, so that all worker pools of a cluster
// share them.
func (c check) budget() model.Findings {
	var f model.Findings
	usage := c.usage()
	spares := c.spares()
	for _, id := range slices.SortedFunc(maps.Keys(c.limits.IPPools), compareIDs) {
		pool := c.limits.IPPools[id]
		spare, rolls := spares[id]
		if !pool.Registered || usage[id] == nil && !rolls {
			continue
		}
		sum := poolUsage{}
		if usage[id] != nil {
			sum = *usage[id]
		}
		grown := sum.end.count()
		short := sum.end.clone()
		advice := "Grow the pool or ask for fewer nodes."
		if rolls {
			short.add(spare.field, "rolling workers (expand_first)", spare.count)
			advice = `Grow the pool, ask for fewer nodes, or set strategy = "contract_first" in rolling_update of the worker pools.`
			if spare.count > 1 {
				advice = `Grow the pool, ask for fewer nodes, or set a smaller max_surge or strategy = "contract_first" ` +
					`in rolling_update of the worker pools.`
			}
		}
		if sum.most.count() >= short.count() {
			short = sum.most
		}
		if short.count() <= pool.Free() {
			continue
		}
		detail := fmt.Sprintf("IP pool %q has %d addresses, %d in use and %d free; %d are needed: %s.%s%s%s %s",
			pool.Record.Name, pool.Total, pool.Taken+len(pool.UnclaimedInUse), pool.Free(), short.count(), &short,
			promisedWords(pool), c.holders(id), unclaimedWords(pool), advice)
		if c.apiReached() && sum.most.count() <= pool.Free() && grown <= 0 {
			// Repairing what a cluster has is not refused for want of it.
			f.Warn(short.field, "The IP pool has no free address to roll workers", "%s", detail)
			continue
		}
		refuse := refusal(&f, pool)
		if pool.Taken > 0 {
			refuse = f.Contest
		}
		refuse(short.field, "The IP pool is too small", "%s", detail)
	}
	return f
}

func compareIDs(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) }

// usage goes through the steps in their order and sums up what each takes from and
// releases to the IP pools.
func (c check) usage() map[uuid.UUID]*poolUsage {
	u := usageCounter{
		pools: map[uuid.UUID]*poolUsage{},
		held:  map[holder]bool{},
	}
	for _, claim := range c.facts.Claims {
		u.held[holder{claim.IPPool, claim.Owner}] = true
	}
	c.builderAddress(&u)
	claims := slices.Clone(c.facts.Claims)
	rebuilds := c.plan.Rebuilds()
	for _, step := range c.plan.Steps() {
		switch s := step.(type) {
		case model.ReserveRange:
			u.reserve(s, c.limits.IPPools[s.IPPoolID])
		case model.ReserveEndpoint:
			endpoint := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldIPPool)
			u.take(s.IPPool, endpoint, model.OwnerVIP, "the VIP")
			u.take(s.IPPool, endpoint, model.OwnerExtra, "the extra")
		case model.CreateNode:
			// It may be replaced in the same plan, and is not built again then.
			delete(rebuilds, s.Node)
			if s.IPPool() == uuid.Nil {
				continue // it takes a lease
			}
			claims = append(claims, model.Claim{IPPool: s.IPPool(), Owner: s.Node})
			if s.TakesExtra() && u.pass(s.IPPool(), model.OwnerExtra, s.Node) {
				continue
			}
			u.take(s.IPPool(), s.Placement.Field(model.FieldIPPool), s.Node, purpose(s))
		case model.ReleaseAddress:
			c.releases(&u, s.Claim)
		case model.DeleteNode, model.RemoveLostNode:
			node := step.Change().Target
			for _, claim := range claims {
				if claim.Owner == node && rebuilds[node] != claim.IPPool {
					c.releases(&u, claim)
				}
			}
		}
	}
	return u.pools
}

func purpose(s model.CreateNode) string {
	switch {
	case s.NodePool.ControlPlane():
		return "the control plane"
	case s.Rollout:
		return "rolling worker pool " + s.NodePool.Name
	default:
		return "worker pool " + s.NodePool.Name
	}
}

// releases counts an address that is given back. That of a control-plane node becomes the
// extra where there is none.
func (c check) releases(u *usageCounter, claim model.Claim) {
	lent := claim.IPPool == c.spec.Endpoint().IPPool && c.ordinal(model.ControlPlanePool, claim.Owner) > 0 &&
		!u.held[holder{claim.IPPool, model.OwnerExtra}]
	if !lent || !u.pass(claim.IPPool, claim.Owner, model.OwnerExtra) {
		u.release(claim.IPPool, claim.Owner)
	}
}

// usageCounter sums up takes and releases.
type usageCounter struct {
	pools map[uuid.UUID]*poolUsage
	held  map[holder]bool
}

func (u *usageCounter) of(pool uuid.UUID) *poolUsage {
	if u.pools[pool] == nil {
		u.pools[pool] = &poolUsage{}
	}
	return u.pools[pool]
}

func (u *usageCounter) take(pool uuid.UUID, field model.Field, owner, part string) {
	if u.held[holder{pool, owner}] {
		return
	}
	u.held[holder{pool, owner}] = true
	usage := u.of(pool)
	usage.end.add(field, part, 1)
	if usage.end.count() > usage.most.count() {
		usage.most = usage.end.clone()
	}
}

// reserve takes the addresses of a range. What nodes of the cluster have of it by themselves
// is not free already.
func (u *usageCounter) reserve(s model.ReserveRange, pool model.IPPool) {
	missing := slices.DeleteFunc(slices.Clone(s.Missing), func(addr netip.Addr) bool { return pool.UnclaimedInUse[addr] != "" })
	if len(missing) == 0 {
		return
	}
	usage := u.of(s.IPPoolID)
	usage.end.add(s.Field(model.FieldRange), fmt.Sprintf("load balancer pool %q", s.Name), len(missing))
	if usage.end.count() > usage.most.count() {
		usage.most = usage.end.clone()
	}
}

// pass gives an address of one owner to another, which has none; false where the first has
// none either, or the second has one.
func (u *usageCounter) pass(pool uuid.UUID, from, to string) bool {
	if !u.held[holder{pool, from}] || u.held[holder{pool, to}] {
		return false
	}
	delete(u.held, holder{pool, from})
	u.held[holder{pool, to}] = true
	return true
}

func (u *usageCounter) release(pool uuid.UUID, owner string) {
	if u.held[holder{pool, owner}] {
		delete(u.held, holder{pool, owner})
		u.of(pool).end.released++
	}
}

// spare is how many addresses a rollout needs beyond those of the nodes, and the field
// that says so.
type spare struct {
	field model.Field
	count int
}

// spares are what rollouts need to spare of each IP pool. Nodes go round-robin over the
// placements, and so do those that are replaced at once.
func (c check) spares() map[uuid.UUID]spare {
	most := map[uuid.UUID]spare{}
	for _, pool := range c.spec.NodePools() {
		if pool.ControlPlane() {
			continue // it has its extra
		}
		places := pool.Placements[:min(pool.Count, len(pool.Placements))]
		own := map[uuid.UUID]spare{}
		for i, place := range places {
			s, ok := own[place.IPPoolID]
			if !ok {
				s.field = model.PlacementRef{NodePool: pool.Name, Index: i}.Field(model.FieldIPPool)
			}
			s.count += (pool.Surge() + len(places) - 1) / len(places)
			own[place.IPPoolID] = s
		}
		for id, s := range own {
			if s.count = min(s.count, pool.Surge()); s.count > most[id].count {
				most[id] = s
			}
		}
	}
	return most
}

// holders names who holds the addresses of a pool, as far as VMs show it.
func (c check) holders(pool uuid.UUID) string {
	counts := map[uuid.UUID]int{}
	for _, held := range c.limits.Held {
		if held.IPPool == pool {
			counts[held.Cluster]++
		}
	}
	if len(counts) == 0 {
		return ""
	}
	var parts []string
	for cluster, n := range counts {
		who := "cluster " + cluster.String()
		if cluster == c.spec.ID {
			who = "this " + string(c.spec.Kind)
		}
		parts = append(parts, fmt.Sprintf("%s holds %d", who, n))
	}
	slices.Sort(parts)
	return " Of those in use, " + strings.Join(parts, ", ") + "."
}

// promisedWords says what is not free because others that are planned in the same run
// take it.
func promisedWords(p model.IPPool) string {
	var words []string
	for _, use := range p.Uses {
		if use.Addresses > 0 {
			words = append(words, fmt.Sprintf("%s takes %d", use.Ref.Describe(), use.Addresses))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " In the same plan, " + model.Listed(words) + ", which are not free."
}

// unclaimedWords says which addresses are out of reach because VMs have them
// without a claim.
func unclaimedWords(p model.IPPool) string {
	if len(p.UnclaimedInUse) == 0 {
		return ""
	}
	return fmt.Sprintf(" VMs report addresses of it without a claim: %s.", AddressWords(p.UnclaimedInUse))
}

// AddressWords lists addresses with the VMs that report them.
func AddressWords(addresses map[netip.Addr]string) string {
	var words []string
	for _, addr := range slices.SortedFunc(maps.Keys(addresses), netip.Addr.Compare) {
		words = append(words, fmt.Sprintf("%s (VM %s)", addr, addresses[addr]))
	}
	return model.Listed(words)
}
