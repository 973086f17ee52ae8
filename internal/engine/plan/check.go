package plan

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Check adds to a plan what the limits have against its steps. What no step of the
// plan uses may be gone or renamed.
func Check(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, limits *model.Limits) {
	c := newCheck(spec, facts, p, limits)
	p.Add(vcenterFindings(spec, limits.APIVersion))
	p.Add(c.elsewhere(c.names()))
	p.Add(c.controlPlanePlacements())
	p.Add(c.moveFindings())
	p.Add(c.ownIPPool())
	p.Add(c.vmTags())
	p.Add(c.heldDisks())
	p.Add(c.quorum())
	p.Add(c.snapshots())
	p.Add(c.missingPrivileges())
	p.Add(c.groups())
	p.Add(c.vmGroups())
	p.Add(insideFindings(limits.Inside, spec.Target(), p.Steps()))
	p.Add(c.ranges())
	p.MissingIPPools = c.missingIPPools()
	if c.claims() {
		p.Add(c.budget())
	}
	p.Add(c.zones())
	if len(c.builds) == 0 {
		return
	}
	p.Add(c.podRanges())
	p.Add(c.clones())
	p.Add(c.imageFindings())
	p.Add(c.elsewhere(c.hosts()))
	p.Add(c.spread())
	p.Add(c.capacity())
	p.Add(c.crowded())
	p.Add(c.full())
	p.Add(c.clocks())
	p.Add(c.documents())
	p.Add(c.ipPools())
}

func newCheck(spec *model.ClusterSpec, facts *model.Facts, p *model.Plan, limits *model.Limits) check {
	c := check{
		view:   newView(spec, facts),
		plan:   p,
		limits: limits,
		builds: map[string]bool{},
	}
	for _, step := range p.Steps() {
		switch s := step.(type) {
		case model.CreateNode:
			c.builds[s.NodePool.Name] = true
		case model.CreateLoadBalancer, model.ReplaceLoadBalancer:
			c.builds[model.LoadBalancerPool] = true
		case model.ReserveRange:
			c.reserves = append(c.reserves, s)
		case model.CreateRecord:
			c.registers = true
		case model.MoveNodes:
			c.moves = &s
		}
	}
	return c
}

// check judges one plan.
type check struct {
	view
	plan      *model.Plan
	limits    *model.Limits
	builds    map[string]bool // node pools that get nodes
	reserves  []model.ReserveRange
	registers bool             // the record is written anew
	moves     *model.MoveNodes // nil: no VM is moved
}

// placements are those that nodes may be built on now, in the order of the spec.
func (c check) placements() []model.PlacementRef {
	var refs []model.PlacementRef
	for _, pool := range c.spec.NodePools() {
		if !c.uses(pool.Name) {
			continue
		}
		for i := range pool.Placements {
			refs = append(refs, model.PlacementRef{NodePool: pool.Name, Index: i})
		}
	}
	return refs
}

// uses reports whether the plan builds nodes of a pool. In a creation all pools
// count, also those without nodes yet. A load balancer is built on the control plane's first placement.
func (c check) uses(pool string) bool {
	return c.builds[pool] || !c.apiReached() || pool == model.ControlPlanePool && c.builds[model.LoadBalancerPool]
}

// built are the node pools that the plan may build nodes of, and the load balancer.
func (c check) built() []model.NodePool {
	pools := c.spec.NodePools()
	if c.spec.DHCP() && c.builds[model.LoadBalancerPool] {
		pools = append(pools, c.spec.LoadBalancerPool())
	}
	return slices.DeleteFunc(pools, func(pool model.NodePool) bool { return !c.uses(pool.Name) })
}

// TemplateField is the field of the image that nodes of a pool are built from.
func TemplateField(pool model.NodePool) model.Field {
	if pool.Image.Template != "" {
		return model.NodePoolField(pool.Name, model.FieldTemplate)
	}
	return model.ClusterField(model.FieldTemplate)
}

func (c check) place(ref model.PlacementRef) model.Placement {
	pool, _ := c.spec.NodePool(ref.NodePool)
	return pool.Placements[ref.Index]
}

// ownIPPool refuses to write the record of an inline IP pool that a newer Gantry wrote.
func (c check) ownIPPool() model.Findings {
	var f model.Findings
	own := c.limits.IPPools[c.facts.OwnIPPool.ID]
	if errors.Is(own.Damage, record.ErrNewer) {
		f.Refuse(model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldIPPool), "IP pool made by a newer Gantry",
			"The record of the inline IP pool cannot be read: %s.", own.Damage)
	}
	return f
}

// names are what is wrong with the names that a step needs.
func (c check) names() model.Findings {
	return model.Findings{
		Problems: c.needed(c.limits.Findings.Problems),
		Warnings: c.needed(c.limits.Findings.Warnings),
	}
}

// needed keeps of findings about names those, and of their fields those, that a step
// needs.
func (c check) needed(findings []model.Finding) []model.Finding {
	var needed []model.Finding
	for _, finding := range findings {
		finding.Fields = slices.DeleteFunc(slices.Clone(finding.Fields), func(field model.Field) bool {
			switch {
			case field.Name == model.FieldDatacenter:
				return len(c.builds) == 0 && !c.registers && c.moves == nil
			case field.Name == model.FieldFolder:
				return len(c.builds) == 0 && c.moves == nil
			case field.NodePool == "" && field.Name == model.FieldTemplate || field.Name == model.FieldImageFolder:
				return !slices.ContainsFunc(c.spec.NodePools(), func(pool model.NodePool) bool {
					return len(c.builds) > 0 && c.uses(pool.Name) && (pool.Image.Template == "" || field.Name == model.FieldImageFolder)
				})
			case (field.Name == model.FieldHostGroup || field.Name == model.FieldVMGroup) && c.placesAnew(field):
				return false
			case field.NodePool != "":
				return len(c.builds) == 0 || !c.uses(field.NodePool)
			default:
				return len(c.builds) == 0
			}
		})
		if len(finding.Fields) > 0 {
			needed = append(needed, finding)
		}
	}
	return needed
}

// missingIPPools are the pools that nodes need and the ledger does not have, or
// has damaged.
func (c check) missingIPPools() []model.MissingIPPool {
	var missing []model.MissingIPPool
	seen := map[uuid.UUID]bool{uuid.Nil: c.spec.DHCP()} // nodes with leases have none
	add := func(id uuid.UUID, field model.Field) {
		if pool := c.limits.IPPools[id]; !pool.Registered && !seen[id] {
			seen[id] = true
			missing = append(missing, model.MissingIPPool{ID: id, Field: field, Damage: pool.Damage, Fate: pool.Planned.Fate})
		}
	}
	if len(c.builds) > 0 {
		for _, ref := range c.placements() {
			add(c.place(ref).IPPoolID, ref.Field(model.FieldIPPool))
		}
	}
	for _, s := range c.reserves {
		add(s.IPPoolID, s.Field(model.FieldIPPool))
	}
	return missing
}

// claims reports whether the plan takes addresses of IP pools, or may have to.
func (c check) claims() bool { return len(c.builds) > 0 || len(c.reserves) > 0 }

// clones refuses what vSphere would do silently otherwise.
func (c check) clones() model.Findings {
	var f model.Findings
	for _, ref := range c.placements() {
		pool, _ := c.spec.NodePool(ref.NodePool)
		template := c.limits.Site.TemplateOf(pool)
		if template.Ref == "" {
			continue
		}
		resolved := c.limits.Site.Placements[ref]
		if !resolved.Complete() {
			continue // its finding says why
		}
		if _, err := CloneMode(c.spec.CloneMode, template, resolved, pool.DiskGB); err != nil {
			f.Refuse(model.ClusterField(model.FieldCloneMode), "The template cannot be cloned as linked", "%s.", capitalized(err.Error()))
		}
		if pool.DiskGB != 0 && pool.DiskGB < template.DiskGB {
			f.Refuse(model.NodePoolField(pool.Name, model.FieldDisk), "The disk is smaller than the template's",
				"The nodes of %s would have disks of %d GB. The template %s has a disk of %d GB, and a disk never shrinks. "+
					"Set disk_gb to at least %[4]d, or remove it.", pool.Words(), pool.DiskGB, template.Path, template.DiskGB)
		}
		if pool.DiskGB == 0 && template.DiskGB < pool.MinDiskGB {
			f.Refuse(model.NodePoolField(pool.Name, model.FieldDisk), "The template's disk is too small",
				"The template %s has a disk of %d GB, and each node needs %d GB. Set disk_gb to at least %[3]d.",
				template.Path, template.DiskGB, pool.MinDiskGB)
		}
	}
	return f
}

// ipPools refuses pools of other networks, clusters and gateways.
func (c check) ipPools() model.Findings {
	var f model.Findings
	for _, ref := range c.placements() {
		place := c.place(ref)
		pool := c.limits.IPPools[place.IPPoolID]
		if !pool.Registered {
			continue
		}
		refuse := refusal(&f, pool)
		network := place.Network
		if resolved := c.limits.Site.Placements[ref].Network.Path; resolved != "" {
			network = resolved
		}
		if !pool.Record.MayServe(network) && !c.formerly(pool.Record, c.limits.Site.Placements[ref].Network.Ref) {
			refuse(ref.Field(model.FieldNetwork), "Not the network of the IP pool",
				"The addresses of IP pool %q are on the network %q, and this placement is on %q. Use a pool of this network, or this pool's network.",
				pool.Record.Name, pool.Record.Network, network)
		}
		f.Add(c.ipPool(ref.Field(model.FieldIPPool), pool))
	}
	return f
}

// ipPool refuses an IP pool that is not the cluster's to use.
func (c check) ipPool(field model.Field, pool model.IPPool) model.Findings {
	var f model.Findings
	refuse := refusal(&f, pool)
	if pool.ReservedBy != uuid.Nil && pool.ReservedBy != c.spec.ID {
		f.Contest(field, "IP pool reserved by another cluster",
			"IP pool %q is restricted to a single cluster, and the cluster with the id %s has it. Use another pool.",
			pool.Record.Name, pool.ReservedBy)
	}
	if pool.GatewayID != c.spec.GatewayID && pool.GatewayID != gatewayOfNodes(c.spec) {
		refuse(field, "IP pool belongs to a different gateway",
			"IP pool %q belongs to %s, and the %s to %s. Use a pool of the same gateway.",
			pool.Record.Name, gatewayWords(pool.GatewayID), c.spec.Kind, gatewayWords(c.spec.GatewayID))
	}
	if uses := pool.Uses; pool.Record.RestrictToSingleCluster && len(uses) > 0 {
		refuse(field, "IP pool used by another cluster",
			"IP pool %q is restricted to a single cluster, and the plan of %s uses it, too. Use another pool for one of the two.",
			pool.Record.Name, uses[0].Ref.Describe())
	}
	return f
}

// refusal is how a problem with an IP pool is added. One that the plan could not know of
// is for the apply to refuse.
func refusal(f *model.Findings, pool model.IPPool) func(model.Field, string, string, ...any) {
	if pool.Planned.Recent {
		return f.Contest
	}
	return f.Refuse
}

// gatewayOfNodes is the gateway whose pools the nodes may use: a gateway's own
// nodes use its inline pool, too.
func gatewayOfNodes(spec *model.ClusterSpec) uuid.UUID {
	if spec.Kind == record.KindGateway {
		return spec.ID
	}
	return spec.GatewayID
}

func gatewayWords(id uuid.UUID) string {
	if id == uuid.Nil {
		return "the system gateway"
	}
	return fmt.Sprintf("gateway %s", id)
}

// capitalized begins a sentence.
func capitalized(s string) string {
	if s == "" {
		return s
	}
	first := s[0]
	if first >= 'a' && first <= 'z' {
		first -= 'a' - 'A'
	}
	return string(first) + s[1:]
}
