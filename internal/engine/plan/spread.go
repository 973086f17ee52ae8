package plan

import (
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
)

// RuleMembers are the VMs of a pool's rule in a compute cluster: those that it has, and of
// those that are there as many as hosts are left for. More of them than hosts could not all
// be powered on.
func RuleMembers(had, there []string, hosts int) []string {
	members := slices.Clone(had)
	for _, vm := range there {
		if len(members) < hosts && !slices.Contains(members, vm) {
			members = append(members, vm)
		}
	}
	return members
}

// PoolVMs are what a rule is about: the VMs of a pool in a compute cluster, in the order in
// which they join the rule, and how many hosts there are for them.
type PoolVMs struct {
	VMs   []string
	Hosts int
}

// RuleEdits are what is to become of a cluster's rules in a compute cluster, given where its
// VMs are, by pool. A rule is made for two VMs, and goes with the last one.
func RuleEdits(spec *model.ClusterSpec, rules []model.Rule, there map[string]PoolVMs) []model.RuleEdit {
	var edits []model.RuleEdit
	byPool := map[string]model.Rule{}
	for _, rule := range rules {
		byPool[rule.NodePool] = rule
		pool, wanted := spec.NodePool(rule.NodePool)
		gone := len(rule.VMs) == 0 && len(there[rule.NodePool].VMs) == 0
		if gone || wanted && !pool.Spreads() {
			edits = append(edits, model.RuleEdit{NodePool: rule.NodePool, Key: rule.Key})
		}
	}
	for _, pool := range spec.NodePools() {
		rule, made := byPool[pool.Name]
		vms := there[pool.Name]
		members := RuleMembers(rule.VMs, vms.VMs, vms.Hosts)
		if !pool.Spreads() || len(vms.VMs) == 0 || len(members) < 2 || len(members) == len(rule.VMs) {
			continue
		}
		// One that was turned off stays so.
		edits = append(edits, model.RuleEdit{NodePool: pool.Name, Key: rule.Key, VMs: members, Enabled: !made || rule.Enabled})
	}
	return edits
}

// hostingIn is where VMs are in one compute cluster, by pool.
func hostingIn(facts *model.Facts, computeCluster string) map[string]PoolVMs {
	ordinals := map[string]int{}
	for _, m := range facts.Machines {
		ordinals[m.Ref] = m.Marker.Ordinal
	}
	there := map[string]PoolVMs{}
	for _, h := range facts.Hosting {
		if h.ComputeCluster != computeCluster {
			continue
		}
		vms := slices.Concat(slices.Collect(maps.Values(h.VMs))...)
		slices.SortFunc(vms, func(a, b string) int { return ordinals[a] - ordinals[b] })
		there[h.NodePool] = PoolVMs{VMs: vms, Hosts: h.Hosts}
	}
	return there
}

// rulesIn are those of one compute cluster.
func rulesIn(facts *model.Facts, computeCluster string) []model.Rule {
	return slices.DeleteFunc(slices.Clone(facts.Rules), func(r model.Rule) bool { return r.ComputeCluster != computeCluster })
}

// Ruled are the VMs and the rules of a cluster in one compute cluster.
func Ruled(facts *model.Facts, computeCluster string) (map[string]PoolVMs, []model.Rule) {
	return hostingIn(facts, computeCluster), rulesIn(facts, computeCluster)
}

// spreadSteps bring the rules to what they are to be that keep nodes on different hosts.
// Those of nodes that the plan makes and deletes are changed with these.
func spreadSteps(v view, observed *model.Facts) []model.Step {
	var there []computeCluster
	for _, rule := range observed.Rules {
		there = append(there, computeCluster{rule.ComputeCluster, rule.ComputeClusterName})
	}
	var steps []model.Step
	for _, c := range ruledClusters(observed, there) {
		shown := v.spec.Spreads == nil || v.spec.Spreads[c.name]
		if shown && len(RuleEdits(v.spec, rulesIn(observed, c.ref), hostingIn(observed, c.ref))) > 0 {
			steps = append(steps, model.SpreadNodes{ComputeCluster: c.ref, Name: c.name})
		}
	}
	return steps
}

// computeCluster is a compute cluster by its reference, with its name.
type computeCluster struct{ ref, name string }

// ruledClusters are the compute clusters whose rules may have to change, each once: those with
// DRS that have VMs of the cluster, and those of rules that are there where no VM is left.
func ruledClusters(observed *model.Facts, there []computeCluster) []computeCluster {
	var clusters []computeCluster
	add := func(c computeCluster) {
		if !slices.ContainsFunc(clusters, func(have computeCluster) bool { return have.ref == c.ref }) {
			clusters = append(clusters, c)
		}
	}
	for _, h := range observed.Hosting {
		if h.DRS {
			add(computeCluster{h.ComputeCluster, h.ComputeClusterName})
		}
	}
	for _, c := range there {
		if !slices.ContainsFunc(observed.Hosting, func(h model.Hosting) bool { return h.ComputeCluster == c.ref }) {
			add(c)
		}
	}
	return clusters
}

// ruleSteps bring the rules of DRS to what they are to be.
func ruleSteps(v view, observed *model.Facts) []model.Step {
	return append(spreadSteps(v, observed), placeSteps(v, observed)...)
}

// WithoutSpreading takes the changes of rules out of a plan that whoever carries it out may
// not make: by limits, where the account lacks the privilege.
func WithoutSpreading(p *model.Plan, limits *model.Limits) {
	for i := range p.Stages {
		p.Stages[i].Steps = slices.DeleteFunc(slices.Clone(p.Stages[i].Steps), func(step model.Step) bool {
			where := ""
			switch s := step.(type) {
			case model.SpreadNodes:
				where = s.ComputeCluster
			case model.PlaceNodes:
				where = s.ComputeCluster
			}
			return where != "" && slices.Contains(limits.Lacks[where], editCluster)
		})
	}
	p.Stages = stages(p.Stages...)
}

// editCluster is the privilege of changing rules.
const editCluster = "Host.Inventory.EditCluster"

// together are the nodes that are on one host against a rule that is on, in words.
func together(facts *model.Facts) []string {
	names := map[string]string{}
	for _, m := range facts.Machines {
		if m.PoweredOn {
			names[m.Ref] = m.Marker.Node
		}
	}
	var words []string
	for _, rule := range facts.Rules {
		for _, h := range facts.Hosting {
			if !rule.Enabled || !h.DRS || h.NodePool != rule.NodePool || h.ComputeCluster != rule.ComputeCluster {
				continue
			}
			for _, host := range slices.Sorted(maps.Keys(h.VMs)) {
				var on []string
				for _, vm := range h.VMs[host] {
					if slices.Contains(rule.VMs, vm) && names[vm] != "" {
						on = append(on, names[vm])
					}
				}
				if slices.Sort(on); len(on) > 1 {
					words = append(words, model.Listed(on))
				}
			}
		}
	}
	return words
}

// spreadFindings warn of nodes that are on one host although a rule keeps them apart.
func spreadFindings(observed *model.Facts) model.Findings {
	var f model.Findings
	if words := together(observed); len(words) > 0 {
		f.Warn(nameField, "Nodes are on one host", "%s. A rule of DRS keeps them on different hosts, and a host that fails takes them along. "+
			"DRS moves them once it may and another host has room: see its mode, its faults and the hosts in maintenance mode.",
			inWords(words))
	}
	return f
}

func inWords(groups []string) string {
	text := ""
	for i, group := range groups {
		if i > 0 {
			text += "; "
		}
		text += group
	}
	return text
}

// spread warns of pools whose nodes no rule will keep on different hosts.
func (c check) spread() model.Findings {
	var f model.Findings
	lacking := map[string]bool{}
	for _, ref := range c.placements() {
		pool, _ := c.spec.NodePool(ref.NodePool)
		place := c.limits.Site.Placements[ref]
		if !pool.Spreads() || place.ComputeCluster == "" || share(pool, ref.Index) < 2 || lacking[pool.Name+place.ComputeCluster] {
			continue
		}
		lacking[pool.Name+place.ComputeCluster] = true
		field := ref.Field(model.FieldComputeCluster)
		const alone = "Nodes of %s go to different hosts when they are created, and nothing keeps them apart from then on."
		switch {
		case !place.DRS:
			f.Warn(field, "No rule keeps nodes apart", "DRS is off in compute cluster %q, or its settings cannot be read. "+alone+
				" Turn DRS on, or choose another compute cluster.", place.ComputeClusterName, pool.Words())
		case slices.Contains(c.limits.Lacks[place.ComputeCluster], editCluster):
			f.Warn(field, "No rule keeps nodes apart", "The account lacks %s on compute cluster %q. "+alone+
				" Grant it there; the guide on privileges has the commands.", privileges.Describe(editCluster), place.ComputeClusterName, pool.Words())
		}
	}
	return f
}

// spreadCondition says whether nodes are kept on different hosts; nil: none are to be. It is
// no matter of health: nothing is broken.
func spreadCondition(spec *model.ClusterSpec, facts *model.Facts) *model.Condition {
	const kind = "NodesSpread"
	applies := slices.ContainsFunc(spec.NodePools(), func(p model.NodePool) bool { return p.Spreads() })
	if !applies {
		return nil
	}
	var off, without, disabled []string
	for _, h := range facts.Hosting {
		pool, ok := spec.NodePool(h.NodePool)
		count := 0
		for _, vms := range h.VMs {
			count += len(vms)
		}
		if !ok || !pool.Spreads() || count < 2 {
			continue
		}
		where := fmt.Sprintf("%s in %s", pool.Words(), h.ComputeClusterName)
		i := slices.IndexFunc(facts.Rules, func(r model.Rule) bool {
			return r.NodePool == h.NodePool && r.ComputeCluster == h.ComputeCluster
		})
		switch {
		case !h.DRS:
			off = append(off, where)
		case i < 0:
			without = append(without, where)
		case !facts.Rules[i].Enabled:
			disabled = append(disabled, where)
		}
	}
	var c model.Condition
	switch on := together(facts); {
	case len(on) > 0:
		c = condition(kind, false, "", "OnOneHost", "Nodes are on one host against their rule: "+inWords(on)+".")
	case len(without) > 0:
		c = condition(kind, false, "", "NoRule", "No rule keeps nodes on different hosts of "+model.Listed(without)+
			": the account may not make one ("+editCluster+"), there are too few hosts, or the next apply makes it.")
	case len(disabled) > 0:
		c = condition(kind, false, "", "RuleDisabled", "The rule is turned off of "+model.Listed(disabled)+
			": by an administrator, or by vCenter for a conflict with another rule.")
	case len(off) > 0:
		c = condition(kind, false, "", "NoDRS", "DRS is off, and nothing keeps nodes apart of "+model.Listed(off)+".")
	default:
		c = condition(kind, true, "Spread", "", "")
	}
	return &c
}

// ruleDeletions delete the rules and VM groups of a cluster that is destroyed.
func ruleDeletions(target model.Target, facts *model.Facts) []model.Step {
	if !registered(target, facts) && !lostRecord(facts) {
		return nil
	}
	own := map[string]model.OwnRules{}
	for _, rule := range facts.Rules {
		own[rule.ComputeCluster] = model.OwnRules{Rules: append(own[rule.ComputeCluster].Rules, rule)}
	}
	for _, g := range facts.Groups {
		own[g.ComputeCluster] = model.OwnRules{Rules: own[g.ComputeCluster].Rules, Groups: append(own[g.ComputeCluster].Groups, g)}
	}
	var steps []model.Step
	for _, where := range slices.Sorted(maps.Keys(own)) {
		steps = append(steps, model.DeleteRules{Cluster: target.Name, Edits: RuleDeletions(where, target.ID, own[where])})
	}
	return steps
}

// RuleDeletions delete what a cluster has made in a compute cluster, as far as that can go now:
// groups go after their rules.
func RuleDeletions(computeCluster string, cluster uuid.UUID, own model.OwnRules) model.RuleEdits {
	edits := model.RuleEdits{ComputeCluster: computeCluster, Cluster: cluster, Groups: GroupDeletions(own.Groups)}
	for _, rule := range own.Rules {
		edits.Edits = append(edits.Edits, model.RuleEdit{NodePool: rule.NodePool, Key: rule.Key})
	}
	return edits
}
