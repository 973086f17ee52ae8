package engine_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// keepOn places a pool on the hosts of another host group, or on any, and in another VM group, or
// in none, and changes nothing else.
func (w *walk) keepOn(c *walked) string {
	pools := c.pools()
	pool := pools[rapid.IntRange(0, len(pools)-1).Draw(w.r, "pool")]
	to := rapid.SampledFrom([]string{"", "left", "right"}).Draw(w.r, "host group")
	in := rapid.SampledFrom([]string{"", "licensed", "spare"}).Draw(w.r, "VM group")
	pool.Placements = slices.Clone(pool.Placements)
	for i := range pool.Placements {
		if pool.Placements[i].ComputeCluster == "cluster-a" {
			pool.Placements[i].HostGroup = to
			pool.Placements[i].VMGroup = in
		}
	}
	return fmt.Sprintf("keep %s on the host group %q and in the VM group %q", pool.Name, to, in)
}

// wholeGroups fails where a VM is not kept on the hosts of its host group, and adds the groups
// and rules that there may be.
func (w *walk) wholeGroups(c *walked, facts *model.Facts, rules map[string]bool) {
	for _, m := range facts.VMs() {
		pool, _ := c.wanted.NodePool(m.Marker.NodePool)
		if m.Marker.LoadBalancer() {
			pool = c.wanted.ControlPlane
		}
		for _, place := range pool.Placements {
			if place.HostGroup == "" || place.ComputeCluster != m.Marker.ComputeCluster {
				continue
			}
			name := fmt.Sprintf("%s/%s", place.ComputeCluster, model.GroupName(c.state.id, place.HostGroup))
			rules[name] = true
			rules["group "+name] = true
			if !slices.ContainsFunc(facts.Groups, func(g model.HostedGroup) bool {
				return g.HostGroup == place.HostGroup && g.Kept && !g.Off && slices.Contains(g.VMs, m.Ref)
			}) {
				w.t.Errorf("%s is not kept on %q: %+v", m.Marker.Node, place.HostGroup, facts.Groups)
			}
		}
	}
}

// wholeVMGroups fails where a VM is not in its VM group, or in another one, and where one of the
// administrator's is not there any more.
func (w *walk) wholeVMGroups(e *engine.Engine, c *walked, facts *model.Facts) {
	i := slices.IndexFunc(facts.Hosting, func(h model.Hosting) bool { return h.ComputeClusterName == "cluster-a" })
	if i < 0 {
		return
	}
	own, err := e.Reader.Rules(w.t.Context(), facts.Hosting[i].ComputeCluster, c.state.id)
	w.must(err)
	if len(own.VMGroups) != 2 {
		w.t.Errorf("the VM groups are %+v", own.VMGroups)
	}
	for _, m := range facts.VMs() {
		pool, _ := c.wanted.NodePool(m.Marker.NodePool)
		if m.Marker.LoadBalancer() {
			pool = c.wanted.ControlPlane
		}
		wanted := ""
		for _, place := range pool.Placements {
			if place.ComputeCluster == m.Marker.ComputeCluster {
				wanted = place.VMGroup
			}
		}
		for _, g := range own.VMGroups {
			if slices.Contains(g.VMs, m.Ref) != (g.Name == wanted) {
				w.t.Errorf("%s is to be in %q: %+v", m.Marker.Node, wanted, g)
			}
		}
	}
}
