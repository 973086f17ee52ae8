package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

const compute = "ClusterComputeResource:domain-c1"

// hosted puts the VMs of a pool on hosts, one each, and round again.
func hosted(f *model.Facts, pool string, hosts, inService int) {
	h := model.Hosting{
		NodePool: pool, ComputeCluster: compute, ComputeClusterName: "compute", DRS: true, Hosts: inService, VMs: map[string][]string{},
	}
	for i, m := range f.Machines {
		if m.Marker.NodePool == pool {
			host := fmt.Sprintf("HostSystem:host-%d", i%hosts)
			h.VMs[host] = append(h.VMs[host], m.Ref)
		}
	}
	f.Hosting = append(f.Hosting, h)
}

func ruleOf(pool string, vms ...string) model.Rule {
	return model.Rule{ComputeCluster: compute, ComputeClusterName: "compute", Key: 7, NodePool: pool, VMs: vms, Enabled: true}
}

func TestRulesThatAreNotAsTheyAreToBe(t *testing.T) {
	t.Parallel()
	three := []string{"vm-c-cp-1", "vm-c-cp-2", "vm-c-cp-3"}
	const step = "spread_nodes compute"
	for name, c := range map[string]struct {
		count  int
		hosts  int // in service
		rules  []model.Rule
		change func(*model.ClusterSpec, *model.Facts)
		want   string
	}{
		"there is none":                   {count: 3, hosts: 3, want: step},
		"it is whole":                     {count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp", three...)}},
		"one is missing":                  {count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp", three[:2]...)}, want: step},
		"one is missing, and a host":      {count: 3, hosts: 2, rules: []model.Rule{ruleOf("cp", three[:2]...)}},
		"more are in it than hosts":       {count: 3, hosts: 1, rules: []model.Rule{ruleOf("cp", three...)}},
		"there is one host":               {count: 3, hosts: 1},
		"there is one node":               {count: 1, hosts: 3},
		"one node has a rule":             {count: 1, hosts: 3, rules: []model.Rule{ruleOf("cp", "vm-c-cp-1")}, want: step},
		"a pool is gone":                  {count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp", three...), ruleOf("old")}, want: step},
		"a pool of others' VMs":           {count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp", three...), ruleOf("old", "vm-x")}},
		"the workers do not ask":          {count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp", three...)}},
		"an administrator has added a VM": {count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp", append(three, "vm-x")...)}},
		"DRS is off": {count: 3, hosts: 3, change: func(_ *model.ClusterSpec, f *model.Facts) {
			f.Hosting[0].DRS = false
			f.Hosting[1].DRS = false
		}},
		"no plan has shown it": {count: 3, hosts: 3, change: func(s *model.ClusterSpec, _ *model.Facts) { s.Spreads = map[string]bool{} }},
		"a plan has": {count: 3, hosts: 3, want: step, change: func(s *model.ClusterSpec, _ *model.Facts) {
			s.Spreads = map[string]bool{"compute": true}
		}},
		"where no VM is left": {
			count: 3, hosts: 3, rules: []model.Rule{ruleOf("cp")}, want: step,
			change: func(_ *model.ClusterSpec, f *model.Facts) { f.Hosting = nil },
		},
	} {
		s, f := small(c.count, 2), running(c.count, 2)
		hosted(f, "cp", 3, c.hosts)
		hosted(f, "w", 2, c.hosts)
		f.Rules = c.rules
		if c.change != nil {
			c.change(s, f)
		}
		if got := names(planned(s, f)); got != c.want {
			t.Errorf("%s: planned %q, want %q", name, got, c.want)
		}
	}
}

// Whatever the rule of a pool has, and however many hosts there are: an edit never makes a
// rule that vCenter refuses or that keeps a VM from being powered on, takes no VM out, and
// leaves nothing to be edited after it.
func TestRuleEditsEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), rapid.IntRange(0, 4).Draw(t, "workers"))
		s.Workers[0].Spread = rapid.SampledFrom([]model.Spread{"", model.SpreadHost}).Draw(t, "spread")
		var rules []model.Rule
		there := map[string]plan.PoolVMs{}
		for i, pool := range []string{"cp", "w", "removed"} {
			var vms plan.PoolVMs
			vms.Hosts = rapid.IntRange(0, 5).Draw(t, "hosts for "+pool)
			for n := range rapid.IntRange(0, 5).Draw(t, "VMs of "+pool) {
				vms.VMs = append(vms.VMs, fmt.Sprintf("%s-%d", pool, n))
			}
			there[pool] = vms
			if rapid.Bool().Draw(t, "a rule of "+pool) {
				rule := ruleOf(pool, vms.VMs[:rapid.IntRange(0, len(vms.VMs)).Draw(t, "VMs in the rule of "+pool)]...)
				rule.Key = int32(i + 1)
				rules = append(rules, rule)
			}
		}
		for _, edit := range plan.RuleEdits(s, rules, there) {
			i := slices.IndexFunc(rules, func(r model.Rule) bool { return r.NodePool == edit.NodePool })
			if (edit.Key == 0) != (i < 0) || edit.Key == 0 && len(edit.VMs) == 0 || len(edit.VMs) == 1 {
				t.Fatalf("vCenter refuses %+v with %+v", edit, rules)
			}
			had := 0
			if i >= 0 {
				had = len(rules[i].VMs)
				if len(edit.VMs) > 0 && !slices.Equal(edit.VMs[:had], rules[i].VMs) {
					t.Fatalf("%+v takes VMs out of %+v", edit, rules[i])
				}
				rules = slices.Delete(rules, i, i+1)
			}
			if len(edit.VMs) > max(had, there[edit.NodePool].Hosts) {
				t.Fatalf("%+v has more VMs than the %d hosts", edit, there[edit.NodePool].Hosts)
			}
			if len(edit.VMs) > 0 {
				rules = append(rules, model.Rule{Key: 9, NodePool: edit.NodePool, VMs: edit.VMs, Enabled: edit.Enabled})
			}
		}
		if again := plan.RuleEdits(s, rules, there); len(again) > 0 {
			t.Fatalf("after them there are %+v of %+v", again, rules)
		}
	})
}

func TestNodesOnOneHostAreToldOf(t *testing.T) {
	t.Parallel()
	s, f := small(3, 0), running(3, 0)
	f.Rules = []model.Rule{ruleOf("cp", "vm-c-cp-1", "vm-c-cp-2", "vm-c-cp-3")}
	hosted(f, "cp", 2, 3) // the first and the third
	p := planned(s, f)
	if !says(p.Warnings, "Nodes are on one host", "c-cp-1, c-cp-3") || !p.Empty() {
		t.Errorf("%s, %v", names(p), p.Warnings)
	}
	condition := func() model.Condition {
		for _, c := range plan.Status(s, f, nil, today).Conditions {
			if c.Type == "NodesSpread" {
				return c
			}
		}
		return model.Condition{}
	}
	if c := condition(); c.Reason != "OnOneHost" {
		t.Errorf("%+v", c)
	}
	f.Machines[2].PoweredOn = false
	if c := condition(); c.Reason != "Spread" {
		t.Errorf("one is off: %+v", c)
	}
	f.Rules[0].Enabled = false
	if c := condition(); c.Reason != "RuleDisabled" {
		t.Errorf("the rule is off: %+v", c)
	}
}

func TestDestroyDeletesRules(t *testing.T) {
	t.Parallel()
	s, f := small(3, 0), running(3, 0)
	elsewhere := model.Rule{ComputeCluster: "ClusterComputeResource:domain-c2", Key: 3, NodePool: "w"}
	f.Rules = []model.Rule{ruleOf("cp", "vm-c-cp-1"), elsewhere, ruleOf("old")}
	p := plan.Destroy(s.Target(), f, &model.Limits{})
	var keys []int32
	for _, step := range ruleDeletionsOf(t, p) {
		for _, edit := range step.Edits.Edits {
			keys = append(keys, edit.Key)
		}
	}
	if !slices.Equal(keys, []int32{7, 7, 3}) {
		t.Errorf("deletes the rules %v", keys)
	}
}

// ruleDeletionsOf are those of a destruction, which go beside its nodes.
func ruleDeletionsOf(t *testing.T, p *model.Plan) []model.DeleteRules {
	t.Helper()
	var found []model.DeleteRules
	for _, step := range stage(t, p, "nodes").Steps {
		if s, ok := step.(model.DeleteRules); ok {
			found = append(found, s)
		}
	}
	return found
}

func TestRulesStayWithNodesThatAreNotSeen(t *testing.T) {
	t.Parallel()
	s, f := small(3, 0), running(3, 0)
	f.Rules = []model.Rule{ruleOf("cp", "vm-c-cp-1")}
	f.Unseen = []model.UnseenMachine{{KnownMachine: model.KnownMachine{Node: "c-cp-9", Ref: "vm-9"}, Why: "not shown"}}
	if steps := ruleDeletionsOf(t, plan.Destroy(s.Target(), f, &model.Limits{})); len(steps) > 0 {
		t.Errorf("deletes %+v", steps)
	}
}

func TestPoolsThatNoRuleKeepsApart(t *testing.T) {
	t.Parallel()
	s := small(3, 2)
	l := limitsFor(s, 100)
	if p := checked(s, &model.Facts{}, l); len(p.Warnings) > 0 {
		t.Errorf("DRS is on: %v", p.Warnings)
	}
	l.Lacks = map[string][]string{"ref-compute": {"Host.Inventory.EditCluster"}}
	field := model.PlacementRef{NodePool: model.ControlPlanePool}.Field(model.FieldComputeCluster)
	p := checked(s, &model.Facts{}, l)
	if !says(on(p.Warnings, field), "No rule keeps nodes apart", "Host.Inventory.EditCluster") || len(p.Warnings) != 1 {
		t.Errorf("the privilege is missing: %v", p.Warnings)
	}
	f := running(3, 2)
	hosted(f, "cp", 3, 3)
	l.Lacks = map[string][]string{compute: {"Host.Inventory.EditCluster"}}
	p = checked(s, f, l)
	if plan.WithoutSpreading(p, l); !p.Empty() {
		t.Errorf("the account may not, and it is planned: %s", names(p))
	}
	l.Lacks = nil
	for at, place := range l.Site.Placements {
		place.DRS = false
		l.Site.Placements[at] = place
	}
	if p := checked(s, &model.Facts{}, l); !says(on(p.Warnings, field), "DRS is off") || len(p.Warnings) != 1 {
		t.Errorf("DRS is off: %v", p.Warnings)
	}
	s.ControlPlane.Count = 1
	if p := checked(s, &model.Facts{}, l); len(p.Warnings) > 0 {
		t.Errorf("there is one node: %v", p.Warnings)
	}
}
