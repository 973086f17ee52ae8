package plan_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/plan"
)

// What must be true of every plan, whatever is desired and whatever is there.
func TestEveryPlanLeadsToTheNodesThatTheSpecAsksFor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		f := drawFacts(t)
		drawLeased(t, s, f)
		p := plan.Cluster(s, f)
		if p.Err() != nil {
			return
		}
		there := machines(f)
		deleted, created := followed(t, s, f, p)
		for _, pool := range s.Workers {
			left := 0
			for name := range there {
				if model.NodeOrdinal("", "c", pool.Name, name) > 0 && !deleted[name] {
					left++
				}
			}
			for name := range created {
				if model.NodeOrdinal("", "c", pool.Name, name) > 0 {
					left++
				}
			}
			hidden := presumed(f, pool.Name, there)
			if left+hidden < pool.Count || hidden == 0 && left != pool.Count {
				t.Fatalf("pool %s: %d workers are desired and the plan leads to %d and %d: %s", pool.Name, pool.Count, left, hidden, names(p))
			}
		}
		checkNumbers(t, p, f)
		checkClaims(t, p, f)
		checkLoadBalancer(t, p, s, f)
	})
}

// checkLoadBalancer expects one step on the machine at most, and before all nodes; none on what
// is not there, may be there unseen, or is not asked for; and that it is told no empty list.
func checkLoadBalancer(t *rapid.T, p *model.Plan, s *model.ClusterSpec, f *model.Facts) {
	nodes, machine := false, 0
	hidden := slices.ContainsFunc(f.Unseen, func(m model.UnseenMachine) bool { return m.Node == "c-lb" })
	for _, step := range p.Steps() {
		switch step.(type) {
		case model.CreateNode, model.DeleteNode:
			nodes = true
			continue
		case model.CreateLoadBalancer:
			machine++
		case model.ReplaceLoadBalancer, model.RestartLoadBalancer:
			machine++
			if f.LoadBalancer == nil {
				t.Fatalf("there is no load balancer: %s", names(p))
			}
		case model.UpdateBackends:
			if f.LoadBalancer == nil || plan.BackendsOf(plan.Members(s, f)) == "" {
				t.Fatalf("told nothing: %s", names(p))
			}
		default:
			continue
		}
		if nodes || hidden || machine > 1 || !s.DHCP() {
			t.Fatalf("hidden %v, leases %v: %s", hidden, s.DHCP(), names(p))
		}
	}
	if creates := slices.ContainsFunc(p.Steps(), isCreation); creates && s.DHCP() && machine == 0 && f.LoadBalancer == nil && !hidden {
		if !f.API.Answered() { // else one is presumed that is not seen
			t.Fatalf("nodes are made, and no load balancer: %s", names(p))
		}
	}
}

func isCreation(step model.Step) bool { _, is := step.(model.CreateNode); return is }

// machines are the names of the nodes whose VM is there.
func machines(f *model.Facts) map[string]bool {
	there := map[string]bool{}
	for _, m := range f.Machines {
		there[m.Marker.Node] = true
	}
	return there
}

// followed goes through the steps of a plan, and returns the nodes that it deletes
// and creates.
func followed(t *rapid.T, s *model.ClusterSpec, f *model.Facts, p *model.Plan) (deleted, created map[string]bool) {
	there := machines(f)
	deleted = map[string]bool{}
	created = map[string]bool{}
	firsts := 0
	for _, step := range p.Steps() {
		switch step := step.(type) {
		case model.DeleteNode:
			name := step.Machine.Marker.Node
			if !there[name] || deleted[name] {
				t.Fatalf("%s has no VM to delete", name)
			}
			deleted[name] = true
		case model.CreateNode:
			if there[step.Node] && !deleted[step.Node] {
				t.Fatalf("%s is created beside itself", step.Node)
			}
			if _, known := f.API.Nodes[step.Node]; known {
				t.Fatalf("%s has been a node already", step.Node)
			}
			if created[step.Node] {
				t.Fatalf("%s is created twice", step.Node)
			}
			created[step.Node] = true
			if step.First {
				firsts++
			}
		case model.WipeUserdata, model.UpdateNodeMetadata, model.UncordonNode:
			if name := step.Change().Target; !there[name] {
				t.Fatalf("%s has no VM: %s", name, step.Change())
			}
		}
	}
	if firsts > 1 || firsts == 1 && (f.Record.APIReached || !s.New && answeringControlPlane(f)) {
		t.Fatalf("%d nodes initialise a control plane: %s", firsts, names(p))
	}
	return deleted, created
}

// answeringControlPlane reports whether there is a control plane with the authorities
// in the state, whatever became of the record.
func answeringControlPlane(f *model.Facts) bool { return !f.Record.Found && f.API.Answered() }

// checkNumbers expects ordinals that are recorded before they are used, and counters
// that never go back.
func checkNumbers(t *rapid.T, p *model.Plan, f *model.Facts) {
	for _, step := range p.Steps() {
		create, ok := step.(model.CreateNode)
		if !ok {
			continue
		}
		pool := create.NodePool.Name
		if create.Ordinal >= p.Numbers.Next[pool] || !slices.Contains(p.Numbers.Pending[pool], create.Ordinal) {
			t.Fatalf("%s is not accounted for: %+v", create.Node, p.Numbers)
		}
	}
	for pool, next := range f.Record.Counters {
		if p.Numbers.Next[pool] < next {
			t.Fatalf("the counter of %s goes back from %d: %+v", pool, next, p.Numbers)
		}
	}
}

// checkClaims expects that nothing is released that a VM or a node may live on.
func checkClaims(t *rapid.T, p *model.Plan, f *model.Facts) {
	there := machines(f)
	for _, step := range p.Steps() {
		release, ok := step.(model.ReleaseAddress)
		if !ok {
			continue
		}
		owner := release.Claim.Owner
		if there[owner] || f.API.Nodes[owner].Ready || slices.Contains(f.Unreadable, owner) || release.Claim.Endpoint() {
			t.Fatalf("%s may be in use: %s", owner, names(p))
		}
	}
}

// Terraform plans once more in its apply and takes other steps for a bug.
func TestRememberedFactsLeadToTheSameSteps(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		f := drawFacts(t)
		drawLeased(t, s, f)
		raw, err := json.Marshal(f.PlanInputs())
		if err != nil {
			t.Fatal(err)
		}
		remembered := &model.Facts{}
		if err := json.Unmarshal(raw, remembered); err != nil {
			t.Fatal(err)
		}
		want := plan.Cluster(s, f)
		got := plan.Cluster(s, remembered)
		if names(got) != names(want) || len(got.Problems) != len(want.Problems) || stageNames(got) != stageNames(want) {
			t.Fatalf("got  %s %v\nwant %s %v", names(got), got.Problems, names(want), want.Problems)
		}
	})
}

// The same facts in another order, as vCenter may return them, are the same plan.
func TestOrderOfMachinesDoesNotMatterToThePlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := drawSpec(t)
		f := drawFacts(t)
		drawLeased(t, s, f)
		sorted := func(p *model.Plan) []string {
			var all []string
			for _, c := range p.Changes() {
				all = append(all, c.String())
			}
			slices.Sort(all)
			return all
		}
		want := sorted(plan.Cluster(s, f))
		f.Machines = rapid.Permutation(f.Machines).Draw(t, "machines")
		if got := sorted(plan.Cluster(s, f)); !slices.Equal(got, want) {
			t.Fatalf("got  %v\nwant %v", got, want)
		}
	})
}

func TestDestroyDeletesEveryMachineAndReleasesEveryAddress(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		p := destroyed(f)
		if len(f.Unreadable) > 0 {
			if p.Err() == nil || len(p.Steps()) != 0 {
				t.Fatalf("a VM that cannot be read: %s", names(p))
			}
			return
		}
		released := map[model.Claim]int{}
		deleted := map[string]int{}
		records := 0
		for i, step := range p.Steps() {
			switch step := step.(type) {
			case model.DeleteNode:
				deleted[step.Machine.Marker.Node]++
			case model.ReleaseAddress:
				released[step.Claim]++
			case model.ReleaseEndpoint:
				for _, c := range step.Claims {
					released[c]++
				}
			case model.ReleaseRange:
				for _, c := range step.Claims {
					released[c]++
				}
			case model.DeleteRecord:
				records++
				if i != len(p.Steps())-1 {
					t.Fatalf("the record is not last: %s", names(p))
				}
			}
		}
		for _, m := range f.Machines {
			if deleted[m.Marker.Node] != 1 {
				t.Fatalf("%s is deleted %d times", m.Marker.Node, deleted[m.Marker.Node])
			}
		}
		hidden := map[string]bool{}
		for _, m := range f.Unseen {
			hidden[m.Node], hidden[model.OwnerRanges] = true, true
			if model.NodeOrdinal("", "c", model.ControlPlanePool, m.Node) > 0 {
				hidden[model.OwnerVIP], hidden[model.OwnerExtra] = true, true
			}
		}
		for _, c := range f.Claims {
			want := 1 - deleted[c.Owner]
			if hidden[c.Owner] {
				want = 0
			}
			if released[c] != want {
				t.Fatalf("the address of %s is released %d times", c.Owner, released[c])
			}
		}
		if p.Err() != nil || (records == 1) != ((f.Record.Found || len(f.Machines) > 0) && len(hidden) == 0) {
			t.Fatalf("got %s (%v)", names(p), p.Err())
		}
	})
}
