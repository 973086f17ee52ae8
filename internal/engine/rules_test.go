package engine_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// nodesByVM are the names of nodes by the references of their VMs.
func nodesByVM(survey *model.Survey) map[string]string {
	names := map[string]string{}
	for _, m := range survey.Machines {
		names[m.Ref] = m.Marker.Node
	}
	return names
}

// ruled are the nodes that the rules of a cluster keep apart, by pool and compute cluster.
func (w *world) ruled(spec model.ClusterSpec) map[string]string {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	names := nodesByVM(survey)
	rules := map[string]string{}
	for _, rule := range survey.Rules {
		var nodes []string
		for _, vm := range rule.VMs {
			nodes = append(nodes, names[vm])
		}
		slices.Sort(nodes)
		rules[rule.NodePool+" in "+rule.ComputeClusterName] = strings.Join(nodes, " ")
	}
	return rules
}

// ruledAs fails unless there are these rules, all nodes are on hosts of their own, and nothing
// is left to be done.
func (w *world) ruledAs(spec model.ClusterSpec, secrets *model.Secrets, want map[string]string) {
	w.t.Helper()
	if got := w.ruled(spec); fmt.Sprint(got) != fmt.Sprint(want) {
		w.t.Errorf("the rules are %v, want %v", got, want)
	}
	p := w.plan(spec, secrets)
	if !p.Empty() || len(warnings(p)) > 0 {
		w.t.Errorf("left to be done: %v, %v", actions(p), warnings(p))
	}
	status := w.status(spec, secrets)
	if c := statusCondition(w.t, status, "NodesSpread"); c.Status != model.ConditionTrue {
		w.t.Errorf("%+v", c)
	}
}

// ruleWitness looks at the rules when a VM is powered on.
type ruleWitness struct {
	model.VCenter
	cluster uuid.UUID
	in      string // reference of the compute cluster

	mu    sync.Mutex
	order []string        // VMs as they were powered on
	ruled map[string]bool // VMs that a rule held by then
}

func (r *ruleWitness) PowerOn(ctx context.Context, vm string) (string, error) {
	own, err := r.Rules(ctx, r.in, r.cluster)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	r.order = append(r.order, vm)
	r.ruled[vm] = slices.ContainsFunc(own.Rules, func(rule model.Rule) bool { return slices.Contains(rule.VMs, vm) })
	r.mu.Unlock()
	return r.VCenter.PowerOn(ctx, vm)
}

// late are the nodes that were powered on before their rule held them. The first of a pool has
// none to be kept apart from.
func (r *ruleWitness) late(survey *model.Survey) []string {
	first := map[string]bool{}
	var nodes []string
	for _, vm := range r.order {
		m := survey.Machines[slices.IndexFunc(survey.Machines, func(m model.Machine) bool { return m.Ref == vm })]
		if first[m.Marker.NodePool] && !r.ruled[vm] {
			nodes = append(nodes, m.Marker.Node)
		}
		first[m.Marker.NodePool] = true
	}
	return nodes
}

// TestRulesAreWrittenBeforePowerOn looks at each power-on of a creation whether the node is in
// the rule of its pool: at the end of the apply there are rules in any case.
func TestRulesAreWrittenBeforePowerOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(3, 3)
	spec.ID = uuid.New()
	spec.Workers[0].Spread = model.SpreadHost
	spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
	e := w.engine()
	survey, err := e.Reader.Survey(t.Context(), model.SurveyRequest{Names: spec.Names()})
	w.must(err)
	seen := &ruleWitness{VCenter: e.Builder, cluster: spec.ID, in: survey.Site.ComputeClusters()[0], ruled: map[string]bool{}}
	e.Builder = seen
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
	if err != nil || len(out.Warnings) > 0 {
		t.Fatalf("%v, %v", err, out.Warnings)
	}
	survey, err = w.engine().Reader.Survey(t.Context(), model.SurveyRequest{Cluster: spec.ID})
	w.must(err)
	if late := seen.late(survey); len(late) > 0 || len(seen.order) != 6 {
		t.Errorf("powered on outside of their rule: %v, of %d", late, len(seen.order))
	}
}

// Rules keep the control plane and the pools that ask for it apart, through the life of a
// cluster: on three hosts an expand-first rollout has a node too many, which has to be
// powered on all the same.
func TestRulesKeepNodesApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(3, 2)
	spec.Workers[0].Spread = model.SpreadHost
	spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
	spec, secrets, out := w.applied(spec)
	if len(out.Warnings) > 0 {
		t.Errorf("warned: %v", out.Warnings)
	}
	w.ruledAs(spec, secrets, map[string]string{
		"cp in cluster-a": "prod-cp-1 prod-cp-2 prod-cp-3", "general in cluster-a": "prod-general-1 prod-general-2",
	})

	spec.ControlPlane.CPU = 4
	spec.Workers[0].Count = 4 // on three hosts
	w.apply(spec, secrets)
	spec = w.again(spec, secrets)
	third := "prod-general-3"
	if strings.Contains(w.ruled(spec)["general in cluster-a"], "prod-general-4") {
		third = "prod-general-4" // whose clone was done first
	}
	w.ruledAs(spec, secrets, map[string]string{
		"cp in cluster-a": "prod-cp-4 prod-cp-5 prod-cp-6", "general in cluster-a": "prod-general-1 prod-general-2 " + third,
	})

	spec.Workers[0].Spread = ""
	if p := w.plan(spec, secrets); fmt.Sprint(actions(p)) != "[spread_nodes cluster-a]" {
		t.Errorf("planned %v", actions(p))
	}
	w.apply(spec, secrets)
	if got := w.ruled(spec); len(got) != 1 {
		t.Errorf("the rules are %v", got)
	}
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	if left := w.sim.Leftovers(); len(left.VMs)+len(left.Folders)+len(left.Rules) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// An account that may not change rules builds a cluster without them, and says so; granted
// the privilege, the next apply makes them.
func TestRulesWithoutThePrivilege(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Users: map[string]string{account: "secret"}})
	w.sim.DenyPrivilege(account, "Host.Inventory.EditCluster")
	e := w.as(account, "secret")
	e.User = account
	spec := w.withNetwork(3, 0)
	secrets := newSecrets(t)
	p, err := e.PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	says := func(findings []model.Finding, words ...string) bool {
		return slices.ContainsFunc(findings, func(f model.Finding) bool {
			return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(f.Summary+f.Detail, word) })
		})
	}
	if !says(p.Warnings, "No rule keeps nodes apart", "Host.Inventory.EditCluster", "cluster-a") {
		t.Errorf("the plan warns of %v", p.Warnings)
	}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if !says(out.Warnings, "No rule keeps nodes apart", "Host.Inventory.EditCluster") || out.Status.Health != model.Healthy {
		t.Errorf("%s, %v", out.Status.Health, out.Warnings)
	}
	if c := statusCondition(t, out.Status, "NodesSpread"); c.Status != model.ConditionFalse || c.Reason != "NoRule" {
		t.Errorf("%+v", c)
	}
	spec = kept(spec, out)
	if p, err = e.Plan(t.Context(), spec, secrets, nil); err != nil || !p.Empty() {
		t.Errorf("what the account may not do is planned: %v, %v", actions(p), err)
	}
	w.sim.RestorePrivileges()
	if p := w.plan(spec, secrets); fmt.Sprint(actions(p)) != "[spread_nodes cluster-a]" {
		t.Errorf("planned %v", actions(p))
	}
	w.apply(spec, secrets)
	w.ruledAs(spec, secrets, map[string]string{"cp in cluster-a": "prod-cp-1 prod-cp-2 prod-cp-3"})
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
}

// Without DRS there is no rule, and the plan and a condition say so.
func TestRulesWithoutDRS(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(3, 0)
	spec.ControlPlane.Placements = []model.Placement{w.placement("cluster-c")}
	p, err := w.engine().PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	if got := warnings(p); len(got) != 1 || !strings.Contains(got[0].Detail, `DRS is off in compute cluster "cluster-c"`) {
		t.Errorf("the plan warns of %v", got)
	}
	spec, secrets, out := w.applied(spec)
	if c := statusCondition(t, out.Status, "NodesSpread"); c.Reason != "NoDRS" || out.Status.Health != model.Healthy {
		t.Errorf("%s, %+v", out.Status.Health, c)
	}
	if p := w.plan(spec, secrets); !p.Empty() || len(w.ruled(spec)) > 0 {
		t.Errorf("planned %v, rules %v", actions(p), w.ruled(spec))
	}
}

// TestRulesInterruptedAtEveryCall kills a run that makes rules, or loses a call of it or its
// answer: in the end there is one rule of each kind, and with the cluster they go.
func TestRulesInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	spread := func(w *world) model.ClusterSpec {
		spec := w.spec(1, 2)
		spec.Workers[0].Spread = model.SpreadHost
		spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
		spec.Workers[0].Placements[0].HostGroup = "right"
		spec.Workers[0].Placements[0].VMGroup = "licensed"
		return spec
	}
	interrupt(t, 8, disturbances, func(w *world) {
		w.sim.ResetCalls()
		w.applied(spread(w))
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spread(w), Secrets: newSecrets(t)})
		})
		spec, secrets := spread(w), newSecrets(t)
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil {
			if slices.Contains(kills, d) && w.record().CreationComplete && strings.Contains(err.Error(), "import") {
				return // the state would have held it
			}
			t.Fatal(err)
		}
		spec = kept(spec, out)
		w.ruledAs(spec, secrets, map[string]string{"general in cluster-a": "prod-general-1 prod-general-2"})
		w.grouped(spec, secrets, map[string]string{"right": "prod-general-1 prod-general-2"})
		w.joined(spec, secrets, map[string]string{"licensed": "prod-general-1 prod-general-2", "spare": ""})
		w.must(w.engine().Destroy(t.Context(), spec.Target()))
		w.onlyThePoolIsLeft()
	})
}
