package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// built says what every worker of an observation was built with.
func built(o *engine.Observed, with func(*engine.Marker)) *engine.Observed {
	for i := range o.Survey.Machines {
		if m := &o.Survey.Machines[i].Marker; m.Pool == "w" {
			with(m)
		}
	}
	return o
}

func cpus(n int32) func(*engine.Marker) { return func(m *engine.Marker) { m.CPU = n } }

func TestPlanRollsOneAtATime(t *testing.T) {
	t.Parallel()
	spec := small(1, 2)
	spec.Workers[0].CPU = 4
	p := engine.PlanFor(spec, built(running(observed(100), 1, 2), cpus(2)))
	if got := names(p); got != "create_node c-w-3, delete_node c-w-1, create_node c-w-4, delete_node c-w-2" || p.Err() != nil {
		t.Fatalf("got %s (%v)", got, p.Err())
	}
	for i, s := range p.Steps[1:] {
		if s.Stage() <= p.Steps[i].Stage() {
			t.Errorf("%s does not wait for %s", s.Change, p.Steps[i].Change)
		}
	}
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0].Detail, "2 of its nodes") || !strings.Contains(p.Warnings[0].Detail, "now: cpu.") ||
		!strings.Contains(p.Warnings[0].Detail, "c-w-1, c-w-2") {
		t.Errorf("warnings %v", p.Warnings)
	}
	spec.Workers[0].Strategy = engine.ContractFirst
	p = engine.PlanFor(spec, built(running(observed(100), 1, 2), cpus(2)))
	if got := names(p); got != "delete_node c-w-1, create_node c-w-3, delete_node c-w-2, create_node c-w-4" {
		t.Fatalf("got %s", got)
	}
}

// TestPlanRollsPoolByPool rolls two pools: one after the other.
func TestPlanRollsPoolByPool(t *testing.T) {
	t.Parallel()
	spec := small(1, 1)
	spec.Workers = append(spec.Workers, engine.PoolSpec{Name: "x", Count: 1, CPU: 4, Strategy: engine.ContractFirst, Placements: spec.Workers[0].Placements})
	spec.Workers[0].CPU = 4
	o := running(observed(100), 1, 1)
	o.Add("x", 1)
	for i := range o.Survey.Machines {
		o.Survey.Machines[i].Marker.CPU = 2
	}
	p := engine.PlanFor(spec, o.Remember())
	if got := names(p); got != "create_node c-w-2, delete_node c-w-1, delete_node c-x-1, create_node c-x-2" {
		t.Fatalf("got %s", got)
	}
	for i, s := range p.Steps[1:] {
		if s.Stage() <= p.Steps[i].Stage() {
			t.Errorf("%s does not wait for %s", s.Change, p.Steps[i].Change)
		}
	}
}

// TestPlanRollsWhatWasBuiltOtherwise has markers of this version and of older
// ones, which say less.
func TestPlanRollsWhatWasBuiltOtherwise(t *testing.T) {
	t.Parallel()
	whole := func(m *engine.Marker) {
		m.CPU, m.MemoryGB, m.DiskGB, m.Template = 2, 4, 60, "node-1"
		m.Datastore, m.Network, m.ResourcePool = "ds", "net", "team"
	}
	old := func(m *engine.Marker) { m.CPU, m.MemoryGB, m.DiskGB, m.Template = 2, 4, 60, "node-1" }
	for name, c := range map[string]struct {
		marker func(*engine.Marker)
		change func(*engine.ClusterSpec, *engine.PoolSpec)
		rolls  bool
	}{
		"nothing":             {whole, func(*engine.ClusterSpec, *engine.PoolSpec) {}, false},
		"nothing, old marker": {old, func(*engine.ClusterSpec, *engine.PoolSpec) {}, false},
		"marker without all":  {func(*engine.Marker) {}, func(*engine.ClusterSpec, *engine.PoolSpec) {}, false},
		"cpu":                 {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.CPU = 4 }, true},
		"cpu, old marker":     {old, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.CPU = 4 }, true},
		"memory":              {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.MemoryGB = 8 }, true},
		"disk":                {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.DiskGB = 80 }, true},
		"any disk will do":    {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.DiskGB = 0 }, false},
		"image":               {whole, func(s *engine.ClusterSpec, _ *engine.PoolSpec) { s.Template = "node-2" }, true},
		"image by its path":   {whole, func(s *engine.ClusterSpec, _ *engine.PoolSpec) { s.Template = "/dc/vm/templates/node-1" }, false},
		"another such image":  {whole, func(s *engine.ClusterSpec, _ *engine.PoolSpec) { s.Template = "other-node-1" }, true},
		"datastore":           {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].Datastore = "ds-2" }, true},
		"datastore, unknown":  {old, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].Datastore = "ds-2" }, false},
		"network":             {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].Network = "net-2" }, true},
		"network by its path": {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].Network = "/dc/network/net" }, false},
		"resource pool":       {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].ResourcePool = "" }, true},
		"compute cluster":     {old, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].ComputeCluster = "b" }, true},
		"name with a slash":   {func(m *engine.Marker) { whole(m); m.Placement = "a/b" }, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].ComputeCluster = "a%2fb" }, false},
		"address pool":        {old, func(_ *engine.ClusterSpec, p *engine.PoolSpec) { p.Placements[0].IPPoolID = "other" }, true},
		"a placement is added": {whole, func(_ *engine.ClusterSpec, p *engine.PoolSpec) {
			p.Placements = append(p.Placements, engine.Placement{ComputeCluster: "b", IPPoolID: "pool"})
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := small(1, 1)
			spec.Template = "node-1"
			w := &spec.Workers[0]
			w.CPU, w.MemoryGB, w.DiskGB = 2, 4, 60
			w.Placements = []engine.Placement{{ComputeCluster: "a", Datastore: "ds", Network: "net", ResourcePool: "team", IPPoolID: "pool"}}
			c.change(spec, w)
			o := built(running(observed(100), 1, 1), c.marker)
			o.IPPools["other"] = &engine.IPPool{Registered: true, Total: 10}
			o.Partial = true // what steps follow from is in the part that is remembered
			want := ""
			if c.rolls {
				want = "create_node c-w-2, delete_node c-w-1"
			}
			if got := names(engine.PlanFor(spec, o.Remember())); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestPlanGoesOnWithARoll plans from what interrupted rolls have left.
func TestPlanGoesOnWithARoll(t *testing.T) {
	t.Parallel()
	half := func(workers ...int) *engine.Observed {
		o := running(observed(100), 1, 0)
		o.Record.Counters["w"] = 9
		for _, n := range workers {
			o.Add("w", n)
		}
		return built(o, func(m *engine.Marker) {
			if m.CPU = 2; m.N > 2 {
				m.CPU = 4
			}
		})
	}
	unready := func(o *engine.Observed, name string) *engine.Observed {
		n := o.Nodes[name]
		n.Ready = false
		o.Nodes[name] = n
		return o
	}
	unjoined := func(o *engine.Observed, name string) *engine.Observed {
		delete(o.Nodes, name)
		return o
	}
	emptied := func(o *engine.Observed, name string) *engine.Observed {
		n := o.Nodes[name]
		n.Unschedulable = true
		o.Nodes[name] = n
		return o
	}
	hidden := func(o *engine.Observed, name string) *engine.Observed {
		o.Survey.Unreadable = []string{name}
		return o
	}
	for name, c := range map[string]struct {
		strategy engine.RollStrategy
		there    *engine.Observed
		want     string
	}{
		"the successor is there":        {engine.ExpandFirst, half(1, 2, 3), "delete_node c-w-1, create_node c-w-9, delete_node c-w-2"},
		"the predecessor is emptied":    {engine.ExpandFirst, emptied(half(1, 2, 3), "c-w-2"), "delete_node c-w-2, create_node c-w-9, delete_node c-w-1"},
		"the successor has not joined":  {engine.ExpandFirst, unjoined(half(1, 2, 3), "c-w-3"), "delete_node c-w-3, create_node c-w-3, delete_node c-w-1, create_node c-w-9, delete_node c-w-2"},
		"the successor is half made":    {engine.ExpandFirst, hidden(half(1, 2), "c-w-3"), ""},
		"one is left":                   {engine.ExpandFirst, half(2, 3), "create_node c-w-9, delete_node c-w-2"},
		"the last one is left":          {engine.ExpandFirst, half(2, 3, 4), "delete_node c-w-2"},
		"one is gone and not made":      {engine.ContractFirst, half(2), "create_node c-w-9, delete_node c-w-2, create_node c-w-10"},
		"one is gone and half made":     {engine.ContractFirst, unjoined(half(2, 3), "c-w-3"), "delete_node c-w-3, create_node c-w-3, delete_node c-w-2, create_node c-w-9"},
		"the one that is not ready":     {engine.ContractFirst, unready(half(1, 2), "c-w-2"), "delete_node c-w-2, create_node c-w-9, delete_node c-w-1, create_node c-w-10"},
		"the strategy was expand first": {engine.ContractFirst, half(1, 2, 3), "delete_node c-w-1, delete_node c-w-2, create_node c-w-9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := small(1, 2)
			spec.Workers[0].CPU, spec.Workers[0].Strategy = 4, c.strategy
			p := engine.PlanFor(spec, c.there)
			if got := names(p); got != c.want || p.Err() != nil {
				t.Errorf("got %q (%v)", got, p.Err())
			}
		})
	}
}

// TestPlanUndoesARoll has the old configuration back while a successor is there:
// that is what goes.
func TestPlanUndoesARoll(t *testing.T) {
	t.Parallel()
	o := built(running(observed(100), 1, 3), func(m *engine.Marker) {
		if m.CPU = 2; m.N == 3 {
			m.CPU = 4
		}
	})
	spec := small(1, 2)
	spec.Workers[0].CPU = 2
	if got := names(engine.PlanFor(spec, o)); got != "delete_node c-w-3" {
		t.Errorf("got %s", got)
	}
}

func TestPlanCountsWhatARollNeeds(t *testing.T) {
	t.Parallel()
	fresh := observed
	there := func(free int) *engine.Observed {
		o := built(running(observed(5+free), 1, 2), cpus(2))
		o.IPPools["pool"].Taken = 5
		return o
	}
	lost := func(free int) *engine.Observed {
		o := there(free)
		lose(o, "c-w-1")
		return o
	}
	moves := func(total int) *engine.Observed {
		o := there(0)
		o.IPPools["other"] = &engine.IPPool{Registered: true, Total: total, Body: record.IPPool{Nameservers: []string{"10.10.128.2"}}}
		return o
	}
	moved := func(s *engine.ClusterSpec) {
		s.Workers[0].Placements = []engine.Placement{{ComputeCluster: "a", IPPoolID: "other"}}
	}
	for name, c := range map[string]struct {
		there    *engine.Observed
		strategy engine.RollStrategy
		change   func(*engine.ClusterSpec)
		problem  string
		warning  string
	}{
		"a creation with an address to spare": {there: fresh(6)},
		"a creation without":                  {there: fresh(5), problem: "6 are needed: 1 for the VIP, 1 for the extra, 1 for the control plane, 2 for worker pool w, 1 for rolling workers (expand_first)"},
		"contract first":                      {there: fresh(5), strategy: engine.ContractFirst},
		"contract first, too small":           {there: fresh(4), strategy: engine.ContractFirst, problem: "5 are needed"},
		"no workers":                          {there: fresh(3), change: func(s *engine.ClusterSpec) { s.Workers[0].Count = 0 }},
		"two pools share it": {there: fresh(7), change: func(s *engine.ClusterSpec) {
			s.Workers = append(s.Workers, engine.PoolSpec{Name: "x", Count: 1, Placements: s.Workers[0].Placements})
		}},
		"a roll with an address to spare": {there: there(1), change: func(s *engine.ClusterSpec) { s.Workers[0].CPU = 4 }},
		"a roll without": {there: there(0), change: func(s *engine.ClusterSpec) { s.Workers[0].CPU = 4 },
			problem: "5 addresses, 5 in use and 0 free; 1 are needed: 1 for rolling worker pool w"},
		"a roll without, contract first": {there: there(0), strategy: engine.ContractFirst, change: func(s *engine.ClusterSpec) { s.Workers[0].CPU = 4 }},
		"a worker more without":          {there: there(1), change: func(s *engine.ClusterSpec) { s.Workers[0].Count = 3 }, problem: "2 are needed: 1 for worker pool w, 1 for rolling"},
		"a roll to other addresses":      {there: moves(3), change: moved},
		"a roll to too few other addresses": {there: moves(2), change: moved,
			problem: "has 2 addresses, 0 in use and 2 free; 3 are needed: 2 for rolling worker pool w, 1 for rolling workers"},
		"a lost worker is made up for": {there: lost(0), warning: "1 are needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := small(1, 2)
			spec.Workers[0].CPU, spec.Workers[0].Strategy = 2, c.strategy
			if c.change != nil {
				c.change(spec)
			}
			place := c.there.Survey.Site.Placements[0]
			c.there.Survey.Site.Placements = append(c.there.Survey.Site.Placements, place)
			p := engine.PlanFor(spec, c.there)
			check := func(what string, found []engine.Problem, want string) {
				found = slices.DeleteFunc(found, func(p engine.Problem) bool { return !strings.Contains(p.Detail, "IP pool") })
				if want == "" && len(found) > 0 || want != "" && (len(found) != 1 || !strings.Contains(found[0].Detail, want)) {
					t.Errorf("%s: got %v, want %q", what, found, want)
				}
			}
			check("problems", p.Problems, c.problem)
			check("warnings", p.Warnings, c.warning)
		})
	}
}
