package plan_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// drawSpec is any spec that the resources may hand over.
func drawSpec(t *rapid.T) *model.ClusterSpec {
	s := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), 0)
	s.Workers = nil
	for _, name := range []string{"v", "w"}[:rapid.IntRange(0, 2).Draw(t, "worker pools")] {
		pool := nodePool(name, rapid.IntRange(0, 4).Draw(t, "count of "+name))
		pool.CPU = rapid.SampledFrom([]int32{2, 4}).Draw(t, "CPUs of "+name)
		pool.Strategy = rapid.SampledFrom([]model.RollStrategy{"", model.ExpandFirst, model.ContractFirst}).Draw(t, "strategy of "+name)
		pool.DiskGB = rapid.SampledFrom([]int64{0, 20, 40}).Draw(t, "disk of "+name)
		if rapid.Bool().Draw(t, name+" has another placement") {
			pool.Placements = append(pool.Placements, place(otherPoolID))
		}
		if rapid.Bool().Draw(t, name+" has labels") {
			pool.Meta.Labels = map[string]string{"team": "a"}
		}
		s.Workers = append(s.Workers, pool)
	}
	s.New = rapid.Bool().Draw(t, "new")
	s.Folder = rapid.SampledFrom([]string{"", "k8s/c"}).Draw(t, "folder")
	s.CloneMode = rapid.SampledFrom([]model.CloneMode{model.CloneAuto, model.CloneLinked, model.CloneFull}).Draw(t, "clone mode")
	s.Description = rapid.SampledFrom([]string{"", "billing"}).Draw(t, "description")
	if rapid.Bool().Draw(t, "a pack") {
		s.Packs = []model.Pack{{Name: "cni", Layer: model.LayerCNI}}
	}
	return s
}

// drawFacts is anything that may be left of a cluster: of a run that was killed, of
// changes by hand, of a record that was deleted.
func drawFacts(t *rapid.T) *model.Facts {
	if rapid.IntRange(0, 5).Draw(t, "nothing there") == 0 {
		return &model.Facts{CAFingerprint: theCA}
	}
	f := running(rapid.IntRange(0, 3).Draw(t, "there"), 0)
	for _, name := range []string{"v", "w", "removed"} {
		n := rapid.IntRange(0, 3).Draw(t, name+" there")
		pool := nodePool(name, n)
		pool.Placements = append(pool.Placements, place(otherPoolID))
		for i := range n {
			join(f, pool, rapid.IntRange(0, 1).Draw(t, fmt.Sprintf("placement of %s %d", name, i)), i+1)
		}
		f.Record.Counters[name] = n + 1 + rapid.IntRange(0, 2).Draw(t, name+" skipped")
	}
	for _, m := range slices.Clone(f.Machines) {
		drawFate(t, f, m.Marker.Node)
	}
	f.Record.Folder = rapid.SampledFrom([]string{"", "k8s/c"}).Draw(t, "recorded folder")
	f.Record.APIReached = rapid.Bool().Draw(t, "API reached")
	f.Record.CreationComplete = f.Record.APIReached && rapid.Bool().Draw(t, "creation complete")
	f.API.ImportDataStored = rapid.Bool().Draw(t, "import data stored")
	switch rapid.IntRange(0, 3).Draw(t, "API") {
	case 0:
		unreachable(f)
	case 1:
		f.API = model.APIFacts{}
	}
	if rapid.IntRange(0, 3).Draw(t, "record") == 0 {
		f.Record = model.Record{}
	}
	return f
}

// drawFate is what has become of one node.
func drawFate(t *rapid.T, f *model.Facts, name string) {
	at := slices.IndexFunc(f.Machines, func(m model.Machine) bool { return m.Marker.Node == name })
	m := &f.Machines[at]
	node := f.API.Nodes[name]
	switch rapid.IntRange(0, 12).Draw(t, "fate of "+name) {
	case 0: // the VM was deleted
		lose(f, name)
		return
	case 1: // it has not joined, or its node object was deleted
		delete(f.API.Nodes, name)
		if rapid.Bool().Draw(t, "pending") {
			if f.Record.Pending == nil {
				f.Record.Pending = map[string][]int{}
			}
			f.Record.Pending[m.Marker.NodePool] = append(f.Record.Pending[m.Marker.NodePool], m.Marker.Ordinal)
		}
		return
	case 2: // a deletion was not finished
		node.Cordoned = true
		node.Unschedulable = true
		m.PoweredOn = rapid.Bool().Draw(t, "powered on")
	case 3: // its VM cannot be read
		lose(f, name)
		f.Unreadable = append(f.Unreadable, name)
		return
	case 4: // its VM is gone, and the node Ready
		lose(f, name)
	case 8: // vCenter does not show its VM
		hide(f, name)
		node.Ready = rapid.Bool().Draw(t, "ready")
	case 9: // nothing is known of its VM, not even a reference
		lose(f, name)
		f.Gone = nil
		return
	case 5: // its claim was deleted
		mine := func(c model.Claim) bool { return c.Owner == name }
		i := slices.IndexFunc(f.Claims, mine)
		f.Unclaimed = append(f.Unclaimed, f.Claims[i])
		f.Claims = slices.DeleteFunc(f.Claims, mine)
	case 6:
		node.Labels = map[string]string{"team": rapid.SampledFrom([]string{"a", "b"}).Draw(t, "team"), "other": "x"}
		m.Userdata = true
	case 7: // an earlier attempt built it
		m.Marker.CAFingerprint = "sha256:other"
		delete(f.API.Nodes, name)
		return
	}
	f.API.Nodes[name] = node
}

// presumed are the nodes of a pool without a visible VM that may be there.
func presumed(f *model.Facts, pool string, there map[string]bool) int {
	names := map[string]bool{}
	for _, name := range f.Unreadable {
		names[name] = model.NodeOrdinal("c", pool, name) > 0
	}
	for name, node := range f.API.Nodes {
		gone := slices.ContainsFunc(f.Gone, func(m model.KnownMachine) bool { return m.Node == name })
		names[name] = names[name] || (node.Ready || !gone) && model.NodeOrdinal("c", pool, name) > 0 && !there[name]
	}
	for _, m := range f.Unseen {
		names[m.Node] = names[m.Node] || model.NodeOrdinal("c", pool, m.Node) > 0 && !there[m.Node]
	}
	n := 0
	for _, counts := range names {
		if counts {
			n++
		}
	}
	return n
}
