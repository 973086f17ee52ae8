package run

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

// ruleAttempts is how often rules are read and changed again that others change, too.
const ruleAttempts = 3

// rules keep the nodes of pools on different hosts. They are changed before a node is powered
// on and at the end of a run, those of a compute cluster in one task with the VMs of all pools
// that there are by then. That they cannot be changed fails no node: it is a warning.
type rules struct {
	runner *Runner

	mu       sync.Mutex
	clusters map[string]*ruledCluster
}

// ruledCluster is a compute cluster with the VMs and rules of the run's cluster.
type ruledCluster struct {
	ref  string
	turn sync.Mutex // of who changes its rules

	// The rest is the rules' lock's.
	rules   []model.Rule
	there   map[string]plan.PoolVMs
	drs     bool
	changed bool // by this run: a VM was made or deleted
	failed  bool // to be changed
}

func newRules(r *Runner) *rules {
	x := &rules{runner: r, clusters: map[string]*ruledCluster{}}
	facts := &r.World.Facts
	for _, h := range facts.Hosting {
		x.at(h.ComputeCluster).drs = h.DRS
	}
	for _, rule := range facts.Rules {
		x.at(rule.ComputeCluster)
	}
	for ref, c := range x.clusters {
		c.there, c.rules = plan.Ruled(facts, ref)
	}
	return x
}

func (x *rules) at(ref string) *ruledCluster {
	if x.clusters[ref] == nil {
		x.clusters[ref] = &ruledCluster{ref: ref, there: map[string]plan.PoolVMs{}}
	}
	return x.clusters[ref]
}

// made takes over the VM of a node that was cloned.
func (x *rules) made(n *newNode) {
	place := n.resolved()
	if n.NodePool.LoadBalancer() || place.ComputeCluster == "" {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.at(place.ComputeCluster)
	c.drs = c.drs || place.DRS
	vms := c.there[n.NodePool.Name]
	fit := 0
	for _, host := range place.Hosts {
		if host.Reaches() {
			fit++
		}
	}
	if len(vms.VMs) == 0 || fit < vms.Hosts {
		vms.Hosts = fit
	}
	if !slices.Contains(vms.VMs, n.vm) {
		vms.VMs = append(slices.Clone(vms.VMs), n.vm)
		c.changed = true
	}
	c.there[n.NodePool.Name] = vms
}

// gone takes a VM out that was deleted. vCenter has taken it out of its rule.
func (x *rules) gone(m model.Machine) {
	without := func(vms []string) []string {
		return slices.DeleteFunc(slices.Clone(vms), func(vm string) bool { return vm == m.Ref })
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, c := range x.clusters {
		vms, ok := c.there[m.Marker.NodePool]
		if !ok || !slices.Contains(vms.VMs, m.Ref) {
			continue
		}
		c.changed = true
		vms.VMs = without(vms.VMs)
		c.there[m.Marker.NodePool] = vms
		for i, rule := range c.rules {
			c.rules[i].VMs = without(rule.VMs)
		}
	}
}

// admit has the rules hold a node that is about to be powered on.
func (x *rules) admit(ctx context.Context, n *newNode) error {
	x.mu.Lock()
	c := x.clusters[n.resolved().ComputeCluster]
	x.mu.Unlock()
	if c == nil || !n.NodePool.Spreads() {
		return nil
	}
	return x.settle(ctx, c)
}

// settleAll does at the end of a run what it has left for when VMs were gone.
func (x *rules) settleAll(ctx context.Context) error {
	var errs []error
	for _, ref := range slices.Sorted(maps.Keys(x.clusters)) {
		if c := x.clusters[ref]; c.changed && ctx.Err() == nil {
			errs = append(errs, x.settle(ctx, c))
		}
	}
	return errors.Join(errs...)
}

// settle changes the rules of a compute cluster to what they are to be, and reads what has
// come of it. Only an end of the run, or of its lock, is an error.
func (x *rules) settle(ctx context.Context, c *ruledCluster) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	var last error
	for range ruleAttempts {
		edits := x.due(c)
		if len(edits) == 0 {
			return nil
		}
		last = x.edit(ctx, c, edits)
		if stopsRules(ctx, last) {
			return last
		}
		if errors.Is(last, model.ErrPermission) {
			break
		}
	}
	if len(x.due(c)) > 0 {
		x.giveUp(c, last)
	}
	return nil
}

// due is what is to be changed of the rules of a compute cluster.
func (x *rules) due(c *ruledCluster) []model.RuleEdit {
	x.mu.Lock()
	defer x.mu.Unlock()
	if c.failed || x.runner.Spec.ControlPlane.Count == 0 {
		return nil
	}
	edits := plan.RuleEdits(x.runner.Spec, c.rules, c.there)
	if c.drs {
		return edits
	}
	return slices.DeleteFunc(edits, func(e model.RuleEdit) bool { return len(e.VMs) > 0 })
}

// edit changes rules, and reads them: their keys, and what others have made of them since.
func (x *rules) edit(ctx context.Context, c *ruledCluster, edits []model.RuleEdit) error {
	r := x.runner
	err := r.changes.task(ctx, func(ctx context.Context) (string, error) {
		return r.VCenter.EditRules(ctx, model.RuleEdits{ComputeCluster: c.ref, Cluster: r.Spec.ID, Edits: edits})
	})
	if errors.Is(err, model.ErrPermission) || stopsRules(ctx, err) {
		return err
	}
	var rules []model.Rule
	failed := retry(ctx, r.Timing, func(ctx context.Context) (err error) {
		rules, err = r.VCenter.Rules(ctx, c.ref, r.Spec.ID)
		return err
	})
	if failed != nil {
		return errors.Join(err, failed)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	c.rules = rules
	return err
}

// giveUp warns that rules are not as they are to be.
func (x *rules) giveUp(c *ruledCluster, cause error) {
	x.mu.Lock()
	c.failed = true
	x.mu.Unlock()
	why := "others change the same rules"
	if cause != nil {
		why = cause.Error()
	}
	x.runner.warnings.add(model.NewFinding(model.ClusterField(model.FieldClusterName), "No rule keeps nodes apart",
		"The anti-affinity rules of a compute cluster could not be changed: %s. Nodes go to different hosts when they are created, and "+
			"nothing keeps them apart from then on. The condition NodesSpread says where.", why))
}

// stopsRules reports whether a run ends with an error, or has lost its lock.
func stopsRules(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ledger.ErrLost))
}

// spreadNodes is a step of its own where rules are not as they are to be.
func (r *Runner) spreadNodes(ctx context.Context, s model.SpreadNodes) error {
	r.rules.mu.Lock()
	c := r.rules.at(s.ComputeCluster)
	r.rules.mu.Unlock()
	return r.rules.settle(ctx, c)
}

// deleteRules deletes the rules of a cluster that is destroyed. One that may not be deleted
// is left: without VMs it does nothing.
func (r *Runner) deleteRules(ctx context.Context, s model.DeleteRules) error {
	edits := s.Edits
	var last error
	for range ruleAttempts {
		last = r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.EditRules(ctx, edits) })
		if last == nil || stopsRules(ctx, last) {
			return last
		}
		if errors.Is(last, model.ErrPermission) || errors.Is(last, model.ErrGone) {
			break
		}
		rules, err := r.VCenter.Rules(ctx, edits.ComputeCluster, edits.Cluster)
		if err != nil {
			last = errors.Join(last, err)
			break
		}
		edits.Edits = nil
		for _, rule := range rules {
			edits.Edits = append(edits.Edits, model.RuleEdit{NodePool: rule.NodePool, Key: rule.Key})
		}
		if len(edits.Edits) == 0 {
			return nil
		}
	}
	if !errors.Is(last, model.ErrGone) {
		r.Progress.Note(ctx, s.Change(), "its anti-affinity rules are left, which keep no VM: "+last.Error())
		r.remnants.add("anti-affinity rules without VMs (" + last.Error() + ")")
	}
	return nil
}
