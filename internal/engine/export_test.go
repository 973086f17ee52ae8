package engine

import (
	"context"
	"time"
)

// PlanFor and PlanDestroyFor open the pure planner to the tests.
var (
	PlanFor        = plan
	PlanDestroyFor = planDestroy
	StatusFor      = status
)

// First tells whether a step initialises a control plane.
func (s Step) First() bool { return s.node != nil && s.node.first }

// Stage tells which steps run side by side.
func (s Step) Stage() int { return s.stage }

// NewObserved makes an observation that holds n free addresses in each pool.
func NewObserved(total int, pools ...string) *Observed {
	o := &Observed{Survey: &Survey{Site: &Site{Template: Template{Snapshot: "snap", Datastore: "ds", DiskGB: 20}}}, IPPools: map[string]*IPPool{}}
	for _, id := range pools {
		o.IPPools[id] = &IPPool{Registered: true, Total: total}
		o.IPPools[id].Body.Name, o.IPPools[id].Body.Nameservers = id, []string{"10.10.128.2"}
	}
	return o
}

// Add adds a joined machine and its node.
func (o *Observed) Add(pool string, n int) {
	name := NodeName("c", pool, n)
	o.Survey.Machines = append(o.Survey.Machines, Machine{
		Ref: name, UUID: name, Phase: PhaseJoined, PoweredOn: true,
		Marker: Marker{Node: name, Pool: pool, N: n, Bootstrap: "ca", Placement: "a", IPPool: "pool"},
	})
	o.Nodes[name] = KubeNode{Name: name, Ready: true}
	o.Claims = append(o.Claims, Claim{Pool: "pool", Node: name})
}

// Build adds the machine, node and claim of a step that creates one.
func (s Step) Build(o *Observed) {
	o.Add(s.node.pool.Name, s.node.n)
	m := &o.Survey.Machines[len(o.Survey.Machines)-1].Marker
	m.CPU, m.IPPool = s.node.pool.CPU, s.ipPool()
	o.Claims[len(o.Claims)-1].Pool = m.IPPool
}

// Poll calls as a run asks the cluster's API.
func Poll(ctx context.Context, limit time.Duration, call func(context.Context) error) error {
	return (&run{e: &Engine{Timing: Timing{Tick: time.Millisecond, MaxTick: time.Millisecond}}}).poll(ctx, limit, call)
}
