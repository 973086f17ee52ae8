package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// amount is what nodes take of a datastore and a resource pool.
type amount struct {
	atOnce   int64 // GB of disk when they are made
	grown    int64 // GB of disk when their thin and linked disks are full
	memoryGB int64
	cpus     int64
}

// add adds another amount, times a factor.
func (a amount) add(b amount, times int64) amount {
	return amount{
		atOnce:   a.atOnce + times*b.atOnce,
		grown:    a.grown + times*b.grown,
		memoryGB: a.memoryGB + times*b.memoryGB,
		cpus:     a.cpus + times*b.cpus,
	}
}

func (a amount) max(b amount) amount {
	return amount{
		atOnce:   max(a.atOnce, b.atOnce),
		grown:    max(a.grown, b.grown),
		memoryGB: max(a.memoryGB, b.memoryGB),
		cpus:     max(a.cpus, b.cpus),
	}
}

// load is what a plan adds to one datastore or one resource pool: at the end, and at
// most on the way there.
type load struct {
	end, most amount
	places    []model.PlacementRef // that it builds on
}

// loads are the loads by the reference of what bears them.
type loads map[string]*load

func (l loads) add(on string, a amount, times int64) *load {
	if l[on] == nil {
		l[on] = &load{}
	}
	l[on].end = l[on].end.add(a, times)
	l[on].most = l[on].most.max(l[on].end)
	return l[on]
}

func (l loads) build(on string, a amount, at model.PlacementRef) {
	if bears := l.add(on, a, 1); !slices.Contains(bears.places, at) {
		bears.places = append(bears.places, at)
	}
}

// capacity warns where datastores, resource pools and hosts have less than the plan
// takes of them at most, its steps one after the other. What others take
// meanwhile is not known, and hosts share CPUs and memory: none of it is a problem.
func (c check) capacity() model.Findings {
	datastores, pools := loads{}, loads{}
	for _, step := range c.plan.Steps() {
		switch s := step.(type) {
		case model.CreateNode:
			if resolved := c.limits.Site.Placements[s.Placement]; resolved.Complete() {
				a := c.amountOf(s.NodePool, resolved)
				datastores.build(resolved.Bears(), a, s.Placement)
				pools.build(resolved.ResourcePool, a, s.Placement)
			}
		case model.DeleteNode:
			c.release(s.Machine.Marker, datastores, pools)
		case model.CreateLoadBalancer:
			c.buildLoadBalancer(datastores, pools)
		case model.ReplaceLoadBalancer:
			c.release(s.Machine.Marker, datastores, pools)
			c.buildLoadBalancer(datastores, pools)
		}
	}
	var f model.Findings
	for _, ref := range c.placements() {
		resolved := c.limits.Site.Placements[ref]
		if bears := datastores[resolved.Bears()]; bears != nil && first(bears.places, ref) {
			f.Add(c.space(bears))
		}
		if bears := pools[resolved.ResourcePool]; bears != nil && first(bears.places, ref) {
			f.Add(c.resources(bears))
		}
		f.Add(c.hardware(ref))
	}
	return f
}

// buildLoadBalancer adds what a load balancer takes. It is on the control plane's first placement.
func (c check) buildLoadBalancer(datastores, pools loads) {
	at := model.PlacementRef{NodePool: model.ControlPlanePool}
	if resolved := c.limits.Site.Placements[at]; resolved.Complete() {
		a := c.amountOf(c.spec.LoadBalancerPool(), resolved)
		datastores.build(resolved.Bears(), a, at)
		pools.build(resolved.ResourcePool, a, at)
	}
}

func first(refs []model.PlacementRef, ref model.PlacementRef) bool {
	return len(refs) > 0 && refs[0] == ref
}

// amountOf is what a node of a pool takes. Its memory counts as disk space, too: a
// running VM has a swap file of that size.
func (c check) amountOf(pool model.NodePool, resolved model.ResolvedPlacement) amount {
	template := c.limits.Site.TemplateOf(pool)
	size := cmp.Or(pool.DiskGB, template.DiskGB)
	a := amount{atOnce: size, grown: size, memoryGB: pool.MemoryGB, cpus: int64(pool.CPU)}
	switch mode, err := CloneMode(c.spec.CloneMode, template, resolved, pool.DiskGB); {
	case err == nil && mode == model.CloneLinked:
		a.atOnce = 0
	case template.UsedGB < template.DiskGB: // a thin disk
		a.atOnce = template.UsedGB
	}
	a.atOnce += pool.MemoryGB
	a.grown += pool.MemoryGB
	return a
}

// release takes what a deleted VM had from the loads of those datastores and resource
// pools that it shares with the spec's placements.
func (c check) release(m model.Marker, datastores, pools loads) {
	freed := amount{atOnce: m.MemoryGB, grown: m.MemoryGB + m.DiskGB, memoryGB: m.MemoryGB, cpus: int64(m.CPU)}
	seen := map[string]bool{}
	for _, pool := range c.spec.NodePools() {
		for i, place := range pool.Placements {
			resolved := c.limits.Site.Placements[model.PlacementRef{NodePool: pool.Name, Index: i}]
			if !resolved.Complete() {
				continue
			}
			stored, at := place.Storage()
			before, was := model.Placement{
				Datastore: m.Datastore, DatastoreCluster: m.DatastoreCluster, StoragePolicy: m.StoragePolicy,
			}.Storage()
			if on := resolved.Bears(); stored == before && at == was && !seen[on] {
				seen[on] = true
				datastores.add(on, freed, -1)
			}
			on := resolved.ResourcePool
			if place.ComputeCluster == m.ComputeCluster && place.ResourcePool == m.ResourcePool && !seen[on] {
				seen[on] = true
				pools.add(on, freed, -1)
			}
		}
	}
}

// resources warns of a resource pool that has less than the nodes would use.
func (c check) resources(bears *load) model.Findings {
	var f model.Findings
	at := bears.places[0]
	resolved := c.limits.Site.Placements[at]
	name := fmt.Sprintf("resource pool %q of compute cluster %q", c.place(at).ResourcePool, resolved.ComputeClusterName)
	if c.place(at).ResourcePool == "" {
		name = fmt.Sprintf("compute cluster %q", resolved.ComputeClusterName)
	}
	if room := resolved.Memory; room != nil && bears.most.memoryGB > room.FreeGB {
		f.Add(warnAt(bears.fields(model.FieldResourcePool), "The resource pool lacks memory",
			"The nodes to be built have %d GB of memory, and of the %d GB that %s may use %d GB are unused: "+
				"hosts would swap, or refuse to start VMs. Raise the limit, free memory, or choose another placement.",
			bears.most.memoryGB, room.TotalGB, name, room.FreeGB))
	}
	if wanted := bears.most.cpus * coreMHz(resolved.Hosts); resolved.CPULimitMHz > 0 && wanted > resolved.CPULimitMHz {
		f.Add(warnAt(bears.fields(model.FieldResourcePool), "The resource pool limits CPU",
			"The nodes to be built have %d CPUs, %d MHz at full load, and %s is limited to %d MHz: busy nodes would be slowed down. "+
				"Raise the limit, or choose another placement.", bears.most.cpus, wanted, name, resolved.CPULimitMHz))
	}
	return f
}

// hardware warns of nodes that are larger than any host that they may run on.
func (c check) hardware(ref model.PlacementRef) model.Findings {
	var f model.Findings
	pool, _ := c.spec.NodePool(ref.NodePool)
	resolved := c.limits.Site.Placements[ref]
	var threads int32
	var memory int64
	for _, h := range resolved.Hosts {
		if h.Reaches() {
			threads = max(threads, h.Threads)
			memory = max(memory, h.MemoryGB)
		}
	}
	const advice = "vCenter would not start the VM. Ask for less, or choose another placement."
	if threads > 0 && pool.CPU > threads {
		f.Warn(model.NodePoolField(pool.Name, model.FieldCPU), "More CPUs than any host has",
			"Nodes of %s have %d CPUs, and the largest host of compute cluster %q for them %d: "+advice,
			pool.Words(), pool.CPU, resolved.ComputeClusterName, threads)
	}
	if memory > 0 && pool.MemoryGB > memory {
		f.Warn(model.NodePoolField(pool.Name, model.FieldMemory), "More memory than any host has",
			"Nodes of %s have %d GB of memory, and the largest host of compute cluster %q for them %d GB: "+advice,
			pool.Words(), pool.MemoryGB, resolved.ComputeClusterName, memory)
	}
	return f
}

// coreMHz is the clock of the slowest host that nodes may run on.
func coreMHz(hosts []model.Host) int64 {
	var slowest int64
	for _, h := range hosts {
		if h.Reaches() && h.CoreMHz > 0 && (slowest == 0 || h.CoreMHz < slowest) {
			slowest = h.CoreMHz
		}
	}
	return slowest
}

// fields are a field of all placements that bear a load.
func (l *load) fields(name model.FieldName) []model.Field {
	fields := make([]model.Field, len(l.places))
	for i, ref := range l.places {
		fields[i] = ref.Field(name)
	}
	return fields
}

// warnAt is one warning about several fields.
func warnAt(fields []model.Field, summary, detail string, args ...any) model.Findings {
	return model.Findings{Warnings: []model.Finding{{Fields: fields, Summary: summary, Detail: fmt.Sprintf(detail, args...)}}}
}
