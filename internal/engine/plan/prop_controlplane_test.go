package plan_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// etcdWorld are the facts of a control plane with the members of its etcd.
type etcdWorld struct {
	*model.Facts
	members []model.EtcdMember
	count   int
}

// Every rollout and replacement of a control plane, stopped after any step or in the
// middle of one, and reverted or not.
func TestControlPlaneConvergesHoweverOftenItIsInterrupted(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := small(rapid.SampledFrom([]int{1, 3, 5}).Draw(t, "control plane"), 0)
		w := &etcdWorld{Facts: running(s.ControlPlane.Count, 0), count: s.ControlPlane.Count}
		for _, m := range w.Machines {
			w.members = append(w.members, model.EtcdMember{ID: uint64(m.Marker.Ordinal), Name: m.Marker.Node, Leader: m.Marker.Ordinal == 1})
		}
		if w.count > 1 && rapid.Bool().Draw(t, "one is lost") {
			w.lose("c-cp-2", rapid.Bool().Draw(t, "with its node object"))
		}
		if rapid.Bool().Draw(t, "rolled") {
			s.ControlPlane.CPU = 4
		}
		interruptions := rapid.IntRange(0, 6).Draw(t, "interruptions")
		for round := 0; ; round++ {
			l := limitsFor(s, w.count+2)
			l.Etcd = model.Etcd{Asked: true, Members: w.members}
			p := checked(s, w.Facts.PlanInputs(), change(l, poolID, func(p *model.IPPool) { p.Taken = len(w.Claims) }))
			if p.Err() != nil {
				t.Fatalf("problems %v of %s with %+v", p.Problems, names(p), w.Claims)
			}
			steps := p.Steps()
			if len(steps) == 0 {
				break
			}
			if round > interruptions {
				t.Fatalf("a run that was not interrupted has left %s", names(p))
			}
			w.Record.Counters = p.Numbers.Next
			w.Record.Pending = p.Numbers.Pending
			stop := len(steps)
			if round < interruptions {
				stop = rapid.IntRange(1, stop).Draw(t, fmt.Sprintf("steps of round %d", round))
			}
			for i, step := range steps[:stop] {
				half := 0
				if round < interruptions && i == stop-1 {
					half = rapid.IntRange(0, 3).Draw(t, "part of "+step.Change().String())
				}
				w.play(t, step, half)
				w.holds(t, step)
			}
			if round < interruptions && rapid.Bool().Draw(t, "the change is made or reverted") {
				s.ControlPlane.CPU = 6 - s.ControlPlane.CPU
			}
		}
		w.complete(t, s)
	})
}

// lose takes a VM away from outside.
func (w *etcdWorld) lose(name string, object bool) {
	lose(w.Facts, name)
	if !object {
		delete(w.API.Nodes, name)
	}
	sick(w.members, name)
	w.members[0].Leader = true
}

// play does to the world what a step does; half is the part of it that was done when the
// run was killed, 0: all of it.
func (w *etcdWorld) play(t *rapid.T, step model.Step, half int) {
	target := step.Change().Target
	switch step := step.(type) {
	case model.CreateNode:
		w.members = slices.DeleteFunc(w.members, func(m model.EtcdMember) bool {
			_, known := w.API.Nodes[m.Name]
			return !known
		})
		if step.Rollout {
			if err := plan.MayReplace(w.members, w.joined()); err != nil {
				t.Fatalf("%s: %v", step.Change(), err)
			}
		}
		w.take(step)
		if half == 1 {
			return
		}
		w.build(step)
		switch half {
		case 2: // a node that has not joined
			delete(w.API.Nodes, target)
			return
		case 3: // a join that failed at etcd
			w.API.Nodes[target] = model.KubeNode{Name: target, Ready: true}
			w.members = append(w.members, model.EtcdMember{ID: uint64(100 + step.Ordinal), Learner: true, Error: "never started"})
			return
		}
		w.members = append(w.members, model.EtcdMember{ID: uint64(step.Ordinal), Name: target})
		w.Record.Pending[step.NodePool.Name] = slices.DeleteFunc(w.Record.Pending[step.NodePool.Name],
			func(n int) bool { return n == step.Ordinal })
	case model.DeleteNode:
		w.leave(t, target, step.Rollout != nil)
		if half == 1 {
			return
		}
		lose(w.Facts, target)
		if half == 2 {
			return
		}
		w.giveBack(target, half)
	case model.RemoveLostNode:
		w.leave(t, target, false)
		w.giveBack(target, half)
	case model.ReleaseAddress:
		w.giveBack(target, 0)
	}
}

func (w *etcdWorld) joined() []string {
	var names []string
	for _, m := range w.Machines {
		names = append(names, m.Marker.Node)
	}
	return names
}

func (w *etcdWorld) leave(t *rapid.T, node string, serving bool) {
	if err := plan.MayRemove(w.members, node, serving); err != nil {
		t.Fatalf("%s: %v", node, err)
	}
	w.members = slices.DeleteFunc(w.members, func(m model.EtcdMember) bool { return m.Name == node })
	if drained, known := w.API.Nodes[node]; known && serving {
		drained.Cordoned = true
		drained.Unschedulable = true
		w.API.Nodes[node] = drained
	}
	if !slices.ContainsFunc(w.members, func(m model.EtcdMember) bool { return m.Leader }) {
		i := slices.IndexFunc(w.members, func(m model.EtcdMember) bool { return m.Healthy() && m.Name != "" })
		w.members[i].Leader = true
	}
}

// take has the address of a node claimed: the extra, or a new one.
func (w *etcdWorld) take(step model.CreateNode) {
	if slices.ContainsFunc(w.Claims, func(c model.Claim) bool { return c.Owner == step.Node }) {
		return
	}
	for i, c := range w.Claims {
		if step.TakesExtra() && c.Owner == model.OwnerExtra {
			w.Claims[i].Owner = step.Node
			return
		}
	}
	for n := range byte(200) {
		addr := netip.AddrFrom4([4]byte{10, 10, 200, n + 1})
		if !slices.ContainsFunc(w.Claims, func(c model.Claim) bool { return c.Address == addr }) {
			w.Claims = append(w.Claims, model.Claim{IPPool: poolID, Address: addr, Owner: step.Node})
			return
		}
	}
}

// build makes the VM and the node of a step, on the address that is claimed for it.
func (w *etcdWorld) build(step model.CreateNode) {
	join(w.Facts, step.NodePool, 0, step.Ordinal)
	w.Claims = w.Claims[:len(w.Claims)-1]
	m := &w.Machines[len(w.Machines)-1].Marker
	addr, _ := w.Address(poolID, step.Node)
	m.Address = netip.PrefixFrom(addr, 16)
	m.EncryptionKeys = step.EncryptionKeys
	node := w.API.Nodes[step.Node]
	node.ControlPlane = true
	w.API.Nodes[step.Node] = node
}

// giveBack gives the address of a node back, or makes it the extra, and then deletes the
// node object.
func (w *etcdWorld) giveBack(node string, half int) {
	_, extra := w.Address(poolID, model.OwnerExtra)
	for i, c := range w.Claims {
		if c.Owner == node && !extra {
			w.Claims[i].Owner = model.OwnerExtra
		}
	}
	w.Claims = slices.DeleteFunc(w.Claims, func(c model.Claim) bool { return c.Owner == node })
	if half == 0 {
		delete(w.API.Nodes, node)
	}
}

// holds fails where the quorum is at risk, or an address is held twice or in vain.
func (w *etcdWorld) holds(t *rapid.T, after model.Step) {
	voters, healthy := 0, 0
	for _, m := range w.members {
		if !m.Learner {
			voters++
		}
		if m.Healthy() {
			healthy++
		}
	}
	if healthy < voters/2+1 {
		t.Fatalf("%d of %d members are healthy after %s: %+v", healthy, voters, after.Change(), w.members)
	}
	if len(w.Claims) > w.count+2 {
		t.Fatalf("%d claims after %s: %+v", len(w.Claims), after.Change(), w.Claims)
	}
	seen := map[netip.Addr]string{}
	for _, m := range w.Machines {
		if other := seen[m.Marker.Address.Addr()]; other != "" {
			t.Fatalf("%s and %s have one address after %s", other, m.Marker.Node, after.Change())
		}
		seen[m.Marker.Address.Addr()] = m.Marker.Node
	}
}

// complete fails where anything is not as the spec says, or anything is left.
func (w *etcdWorld) complete(t *rapid.T, s *model.ClusterSpec) {
	vip, _ := w.Address(poolID, model.OwnerVIP)
	_, extra := w.Address(poolID, model.OwnerExtra)
	if len(w.Machines) != w.count || len(w.API.Nodes) != w.count || len(w.Claims) != w.count+2 || !vip.IsValid() || !extra {
		t.Fatalf("%d VMs, %d nodes and the claims %+v at the end", len(w.Machines), len(w.API.Nodes), w.Claims)
	}
	for _, m := range w.Machines {
		member := slices.ContainsFunc(w.members, func(e model.EtcdMember) bool { return e.Name == m.Marker.Node && e.Healthy() })
		if m.Marker.CPU != s.ControlPlane.CPU || !member {
			t.Fatalf("%s has %d CPUs, and is a member: %v", m.Marker.Node, m.Marker.CPU, member)
		}
	}
}
