package engine

import (
	"fmt"
	"slices"
)

// The stages of a plan: what has to be done before what. Everything in one
// stage runs side by side.
const (
	stageRegister = iota
	stagePool
	stageFolder
	stageEndpoint
	stageClear
	stageControlPlane // one stage for each node from here on: etcd grows one member at a time
	stageWorkers      = stageControlPlane + 16
	stageScaleIn      = stageWorkers + 1
	stageNodes        = stageWorkers + 2
	stagePacks        = stageWorkers + 3 // one stage for each pack from here on
	stageRoll         = 1 << 20          // one stage for each step from here on
)

// planner turns what is wanted and what is into steps. It does no I/O.
type planner struct {
	spec *ClusterSpec
	obs  *Observed
	out  *Plan
	site int // placements that the pools before this one have

	rolled int             // steps of rolls so far
	later  map[string]bool // nodes that are to be replaced, and not by this plan
}

// plan is the whole of planning a cluster or gateway that is wanted.
func plan(spec *ClusterSpec, obs *Observed) *Plan {
	p := &planner{spec: spec, obs: obs, out: &Plan{observed: obs}, later: map[string]bool{}}
	if p.refuse(); len(p.out.Problems) > 0 {
		return p.out
	}
	p.register()
	p.ownPool()
	p.folder()
	p.endpoint()
	p.out.record = newRecordChange(obs.Record)
	p.out.record.ready = p.ready()
	for _, pool := range spec.Pools() {
		p.pool(pool)
	}
	p.removedPools()
	p.uncordon()
	p.strayClaims()
	p.lostClaims()
	p.keep()
	p.packs()
	p.keptImages()
	sortSteps(p.out.Steps)
	if !obs.Partial && p.creates() {
		// What nothing is built from may be gone or renamed.
		p.resolved()
		p.budget()
	}
	p.warnUnreachable()
	return p.out
}

func (p *planner) add(s Step) { p.out.Steps = append(p.out.Steps, s) }

func (p *planner) problem(field Field, summary, detail string, args ...any) {
	p.out.Problems = append(p.out.Problems, Problem{field, summary, fmt.Sprintf(detail, args...)})
}

func (p *planner) warn(field Field, summary, detail string, args ...any) {
	p.out.Warnings = append(p.out.Warnings, Problem{field, summary, fmt.Sprintf(detail, args...)})
}

// ready tells whether the cluster's API has answered at least once.
func (p *planner) ready() bool { return p.obs.ready(p.spec.New) }

// creates tells whether the plan builds any node.
func (p *planner) creates() bool {
	return slices.ContainsFunc(p.out.Steps, func(s Step) bool { return s.Action == ActionCreateNode })
}

// refuse collects what makes planning pointless: a name that somebody else
// holds, a cluster whose certificate authorities are lost.
func (p *planner) refuse() {
	if rec := p.obs.Record; rec != nil && (rec.ID != ledgerID(p.spec.ID) || p.spec.New && rec.APIReached) {
		// Nothing else can be told about one that is not this one.
		p.out.Collision = rec.ID.String()
		p.problem("name", fmt.Sprintf("The %s exists", p.spec.Kind),
			"A %s named %q is registered in this vCenter with the id %s. Choose another name, or import it.",
			p.spec.Kind, p.spec.Name, rec.ID)
		return
	}
	if p.ready() && p.estrangedAuthorities() {
		p.problem("name", "The certificate authorities are not the cluster's",
			"No control-plane node of %s %q was built with the certificate authorities in this state, so that nothing can join. Import it again with GANTRY_IMPORT_KUBECONFIG set to a kubeconfig of its administrator.",
			p.spec.Kind, p.spec.Name)
	}
	if p.ready() && p.obs.Authorities == "" {
		p.problem("name", "The certificate authorities are not in the state",
			"The %s %q is running, and this state does not hold its certificate authorities, without which no node can join. Import it with GANTRY_IMPORT_KUBECONFIG set to a kubeconfig of its administrator.",
			p.spec.Kind, p.spec.Name)
	}
}

// estrangedAuthorities tells whether there is a control plane and none of it was
// built with the authorities at hand.
func (p *planner) estrangedAuthorities() bool {
	theirs := 0
	for _, m := range p.obs.Survey.Machines {
		if m.Marker.Pool == ControlPlanePool {
			if m.Marker.Bootstrap == p.obs.Authorities {
				return false
			}
			theirs++
		}
	}
	return theirs > 0 && p.obs.Authorities != ""
}

// register is done again as long as the API never answered: an earlier run may
// have been killed between the record and the word to gateway and account.
func (p *planner) register() {
	if p.ready() && p.obs.Record == nil {
		p.warn("name", "The record is gone",
			"Nothing is registered under the name of %s %q in this vCenter, and its VMs are there, as when somebody deleted its tag. It is registered again.", p.spec.Kind, p.spec.Name)
	}
	if !p.ready() || p.obs.Record == nil {
		p.add(Step{Change: Change{ActionRegister, p.spec.Name}, stage: stageRegister})
	}
}

// ownPool registers the pool that a gateway brings along.
func (p *planner) ownPool() {
	if pool := p.obs.IPPools[p.obs.OwnPool]; pool != nil && pool.New {
		p.add(Step{Change: Change{ActionRegisterPool, pool.Body.Name}, stage: stagePool})
	}
}

// folder makes the folder of a cluster that is built. One that is missing later
// is made again with the first node that needs it.
func (p *planner) folder() {
	if site := p.obs.Survey.Site; !p.ready() && site != nil && len(site.MissingFolders) > 0 {
		p.add(Step{Change: Change{ActionCreateFolder, p.spec.Folder}, stage: stageFolder})
	}
}

// endpoint reserves the VIP and the extra together: a control plane that could
// be built but never be rolled is no good to anybody.
func (p *planner) endpoint() {
	pool := p.spec.ControlPlane.Placements[0].IPPoolID
	_, vip := p.obs.endpointOf(pool, OwnerVIP)
	_, extra := p.obs.endpointOf(pool, OwnerExtra)
	if !vip || !extra {
		p.add(Step{Change: Change{ActionReserveEndpoint, p.spec.Name}, stage: stageEndpoint})
	}
}

// strayClaims releases addresses of nodes that are neither there nor wanted, and
// those of a control plane that an earlier try built on another pool.
func (p *planner) strayClaims() {
	if p.ready() && !p.obs.APIAnswered() {
		return // whether the API still hears from a node cannot be told
	}
	type holder struct{ pool, node string }
	first := p.spec.ControlPlane.Placements[0].IPPoolID
	keep := map[holder]bool{{first, OwnerVIP}: true, {first, OwnerExtra}: true}
	forgotten := map[string]bool{}
	for _, m := range p.obs.Survey.Machines {
		keep[holder{m.Marker.IPPool, m.Marker.Node}] = true
		for _, owner := range []string{OwnerVIP, OwnerExtra} {
			if p.ready() && m.Marker.Pool == ControlPlanePool {
				keep[holder{m.Marker.IPPool, owner}] = true
			}
		}
	}
	for _, s := range p.out.Steps {
		switch s.Action {
		case ActionCreateNode:
			keep[holder{s.ipPool(), s.Target}] = true
		case ActionForgetNode:
			forgotten[s.Target] = true
		}
	}
	for i, c := range p.obs.Claims {
		if !keep[holder{c.Pool, c.Node}] && !forgotten[c.Node] && !p.unreadable(c.Node) && !p.obs.Nodes[c.Node].Ready {
			p.add(Step{Change: Change{ActionReleaseAddress, c.Node}, stage: stageClear, claim: &p.obs.Claims[i]})
		}
	}
}

// lostClaims claims again what nodes live on: an address in use is never handed
// out because somebody deleted its tag.
func (p *planner) lostClaims() {
	gone := map[string]bool{}
	for _, s := range p.out.Steps {
		if s.Action == ActionDeleteNode {
			gone[s.Target] = true
		}
	}
	for i, c := range p.obs.Unclaimed {
		if !gone[c.Node] {
			p.add(Step{Change: Change{ActionClaimAddress, c.Node}, stage: stageClear, claim: &p.obs.Unclaimed[i]})
		}
	}
}

// keep makes an apply of a cluster whose creation ended before it could keep
// what import needs. Every apply does that at its end.
func (p *planner) keep() {
	done := p.obs.Record == nil || p.obs.Record.CreationComplete
	if p.ready() && p.obs.APIAnswered() && !(p.obs.Kept && done) {
		p.add(Step{Change: Change{ActionKeep, p.spec.Name}, stage: stageNodes})
	}
	if p.ready() && p.obs.KubeconfigStale {
		p.add(Step{Change: Change{ActionRenewKubeconfig, p.spec.Name}, stage: stageEndpoint})
	}
}

// packs applies what differs from what was applied last, in the order given.
func (p *planner) packs() {
	for i := range p.spec.Packs {
		pack := &p.spec.Packs[i]
		if p.obs.Packs[pack.Name] != pack.Hash() && (p.obs.APIAnswered() || !p.ready()) {
			p.add(Step{Change: Change{ActionApplyPack, pack.Name}, stage: stagePacks + i, pack: pack})
		}
	}
	if !p.obs.APIAnswered() {
		return
	}
	var gone []string
	for name := range p.obs.Packs {
		if !slices.ContainsFunc(p.spec.Packs, func(k Pack) bool { return k.Name == name }) {
			gone = append(gone, name)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		p.problem("profile.packs", "A pack cannot be taken out yet",
			"The packs %q are applied to the cluster. Taking a pack out of a running cluster does not work yet: keep it in the profile.", gone)
	}
}

// warnUnreachable says before the apply that steps which need the API will fail.
func (p *planner) warnUnreachable() {
	if p.ready() && p.obs.APIAsked && !p.obs.APIAnswered() {
		p.warn("name", "The Kubernetes API does not answer",
			"The API of %s %q cannot be reached from here, so that its nodes are judged by their VMs alone: %s", p.spec.Kind, p.spec.Name, p.obs.APIError)
	}
}

const controlPlanePlacement = "control_plane.placement"

func placementField(pool int, name string, i int) Field {
	if pool == 0 {
		return controlPlanePlacement
	}
	return Field(fmt.Sprintf("worker_pools[%q].placements[%d]", name, i))
}
