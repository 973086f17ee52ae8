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

// ruleAttempts is how often rules are read and changed again that others change, too; a VM
// group and its rule take two of them.
const ruleAttempts = 4

// rules keep the nodes of pools on different hosts, nodes on the hosts of host groups, and nodes
// in the VM groups of others. They are changed before a node is powered on and at the end of a run, those of one kind and
// compute cluster in one task with all VMs that there are by then. That they cannot be changed
// fails no node: it is a warning.
type rules struct {
	runner *Runner

	mu       sync.Mutex
	clusters map[string]*ruledCluster
	nodes    map[string]model.Marker // of all VMs of the run's cluster, by their references
}

// ruleKind is what rules are for: one kind that cannot be changed keeps the other from nothing.
type ruleKind int

const (
	apart  ruleKind = iota // nodes are kept on different hosts
	placed                 // nodes are kept on the hosts of a host group
	joined                 // nodes are in a VM group of others
)

// ruledCluster is a compute cluster with the VMs and rules of the run's cluster.
type ruledCluster struct {
	ref  string
	turn sync.Mutex // of who changes its rules

	// The rest is the rules' lock's.
	own      model.OwnRules
	there    map[string]plan.PoolVMs
	groups   map[string]string // the host group of each VM
	vmGroups map[string]string // the VM group of each VM
	drs      bool
	changed  bool              // by this run: a VM was made or deleted
	edited   bool              // by this run: who is in VM groups of others
	failed   map[ruleKind]bool // to be changed
}

func newRules(r *Runner) *rules {
	x := &rules{runner: r, clusters: map[string]*ruledCluster{}, nodes: map[string]model.Marker{}}
	facts := &r.World.Facts
	for _, m := range facts.VMs() {
		x.nodes[m.Ref] = m.Marker
	}
	for _, h := range facts.Hosting {
		x.at(h.ComputeCluster).drs = h.DRS
	}
	for _, rule := range facts.Rules {
		x.at(rule.ComputeCluster)
	}
	for _, g := range facts.Groups {
		x.at(g.ComputeCluster)
	}
	for _, g := range facts.Record.VMGroups {
		x.at(g.ComputeCluster)
	}
	for ref, c := range x.clusters {
		c.there, c.own.Rules = plan.Ruled(facts, ref)
		c.own.Groups = plan.GroupsIn(facts, ref)
		c.groups = plan.HostGroups(r.Spec, facts, ref)
		now := plan.JoinedIn(r.Spec, facts, ref, c.drs, false)
		c.own.VMGroups = now.Groups
		c.vmGroups = now.Wanted
	}
	return x
}

func (x *rules) at(ref string) *ruledCluster {
	if x.clusters[ref] == nil {
		x.clusters[ref] = &ruledCluster{
			ref:      ref,
			there:    map[string]plan.PoolVMs{},
			groups:   map[string]string{},
			vmGroups: map[string]string{},
			failed:   map[ruleKind]bool{},
		}
	}
	return x.clusters[ref]
}

// made takes over the VM of a node that was cloned.
func (x *rules) made(n *newNode) {
	place := n.resolved()
	if place.ComputeCluster == "" {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	c := x.at(place.ComputeCluster)
	c.drs = c.drs || place.DRS
	c.groups[n.vm] = n.Place().HostGroup
	c.vmGroups[n.vm] = n.Place().VMGroup
	x.nodes[n.vm] = model.Marker{Node: n.Node, NodePool: n.NodePool.Name, Ordinal: n.Ordinal}
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
	delete(x.nodes, m.Ref)
	for _, c := range x.clusters {
		delete(c.groups, m.Ref)
		delete(c.vmGroups, m.Ref)
		vms, ok := c.there[m.Marker.NodePool]
		if !ok || !slices.Contains(vms.VMs, m.Ref) {
			continue
		}
		c.changed = true
		vms.VMs = without(vms.VMs)
		c.there[m.Marker.NodePool] = vms
		for i, rule := range c.own.Rules {
			c.own.Rules[i].VMs = without(rule.VMs)
		}
		for i, g := range c.own.Groups {
			c.own.Groups[i].VMs = without(g.VMs)
		}
		for i, g := range c.own.VMGroups {
			c.own.VMGroups[i].VMs = without(g.VMs)
		}
	}
}

// joins reports whether the VM of a node has to be in a VM group before it is powered on.
func (x *rules) joins(n *newNode) bool { return grouped(n) && n.resolved().DRS }

// grouped reports whether the placement of a node asks for a group.
func grouped(n *newNode) bool { return n.Place().HostGroup != "" || n.Place().VMGroup != "" }

// admit has the rules hold a node that is about to be powered on.
func (x *rules) admit(ctx context.Context, n *newNode) error {
	x.mu.Lock()
	c := x.clusters[n.resolved().ComputeCluster]
	x.mu.Unlock()
	if c == nil || !n.NodePool.Spreads() && !grouped(n) {
		return nil
	}
	return x.settle(ctx, c)
}

// settleAll does at the end of a run what it has left for when VMs were gone.
func (x *rules) settleAll(ctx context.Context) error {
	var errs []error
	for _, ref := range slices.Sorted(maps.Keys(x.clusters)) {
		c := x.clusters[ref]
		if c.changed && ctx.Err() == nil {
			errs = append(errs, x.settle(ctx, c))
		}
		if ctx.Err() == nil {
			errs = append(errs, x.endJoined(ctx, c))
		}
	}
	return errors.Join(errs...)
}

// settle changes the rules of a compute cluster to what they are to be, and reads what has
// come of it. Only an end of the run, or of its lock, is an error.
func (x *rules) settle(ctx context.Context, c *ruledCluster) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	for _, kind := range []ruleKind{placed, apart} {
		if err := x.settleKind(ctx, c, kind); err != nil {
			return err
		}
	}
	return x.settleJoined(ctx, c)
}

func (x *rules) settleKind(ctx context.Context, c *ruledCluster, kind ruleKind) error {
	var last error
	for range ruleAttempts {
		edits := x.due(c, kind)
		if edits.Empty() {
			return nil
		}
		if last = x.edit(ctx, c, kind, edits); errors.Is(last, errNothingDue) {
			return nil
		}
		if stopsRules(ctx, last) {
			return last
		}
		if errors.Is(last, model.ErrPermission) {
			break
		}
	}
	if edits := x.due(c, kind); !edits.Empty() {
		x.giveUp(c, kind, last)
	}
	return nil
}

// due is what is to be changed now of the rules of a compute cluster. Without DRS they only go.
func (x *rules) due(c *ruledCluster, kind ruleKind) model.RuleEdits {
	x.mu.Lock()
	defer x.mu.Unlock()
	edits := model.RuleEdits{ComputeCluster: c.ref, Cluster: x.runner.Spec.ID}
	if c.failed[kind] || x.runner.Spec.ControlPlane.Count == 0 {
		return edits
	}
	switch kind {
	case joined:
		edits.VMGroups = x.joinedIn(c).Edits()
		return edits
	case placed:
		edits.Groups = slices.DeleteFunc(plan.GroupEdits(c.own.Groups, c.groups), func(e model.GroupEdit) bool {
			return !c.drs && e.Group != model.Remove && e.Rule != model.Remove
		})
		return edits
	}
	edits.Edits = slices.DeleteFunc(plan.RuleEdits(x.runner.Spec, c.own.Rules, c.there), func(e model.RuleEdit) bool {
		return !c.drs && len(e.VMs) > 0
	})
	return edits
}

// errNothingDue says that there is nothing to change, as was read right before.
var errNothingDue = errors.New("nothing is due")

// edit changes rules, and reads them: their keys, and what others have made of them since. A
// group's VMs are written as a whole: who else is in it by now is read before.
func (x *rules) edit(ctx context.Context, c *ruledCluster, kind ruleKind, edits model.RuleEdits) error {
	if kind != apart {
		if err := x.read(ctx, c); err != nil {
			return err
		}
		if edits = x.due(c, kind); edits.Empty() {
			return errNothingDue
		}
	}
	return x.editOf(ctx, c, edits)
}

// read reads the rules of a compute cluster.
func (x *rules) read(ctx context.Context, c *ruledCluster) error {
	r := x.runner
	var own model.OwnRules
	err := retry(ctx, r.Timing, func(ctx context.Context) (err error) {
		own, err = r.VCenter.Rules(ctx, c.ref, r.Spec.ID)
		return err
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	c.own = own
	return nil
}

// stopsRules reports whether a run ends with an error, or has lost its lock.
func stopsRules(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || errors.Is(err, ledger.ErrLost))
}

// settleRules is a step of its own where rules of a compute cluster are not as they are to be.
func (r *Runner) settleRules(ctx context.Context, computeCluster string) error {
	r.rules.mu.Lock()
	c := r.rules.at(computeCluster)
	r.rules.mu.Unlock()
	return r.rules.settle(ctx, c)
}

// deleteRules deletes the rules of a cluster that is destroyed, and then its VM groups. One that
// may not be deleted is left: without VMs it does nothing.
func (r *Runner) deleteRules(ctx context.Context, s model.DeleteRules) error {
	edits := s.Edits
	var last error
	for range ruleAttempts {
		last = r.changes.task(ctx, func(ctx context.Context) (string, error) { return r.VCenter.EditRules(ctx, edits) })
		if stopsRules(ctx, last) || last == nil && len(edits.Groups) == 0 {
			return last
		}
		if errors.Is(last, model.ErrPermission) || errors.Is(last, model.ErrGone) {
			break
		}
		own, err := r.VCenter.Rules(ctx, edits.ComputeCluster, edits.Cluster)
		if err != nil {
			last = errors.Join(last, err)
			break
		}
		edits = plan.RuleDeletions(edits.ComputeCluster, edits.Cluster, own)
		if edits.Empty() {
			return nil
		}
	}
	if last == nil {
		last = errors.New("others make them again")
	}
	if !errors.Is(last, model.ErrGone) {
		r.Progress.Note(ctx, s.Change(), "its rules of DRS are left, which keep no VM: "+last.Error())
		r.remnants.add("rules of DRS without VMs (" + last.Error() + ")")
	}
	return nil
}
