package engine_test

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// Nodes for which their placement has no room, as the clone or the power-on says, are built on
// another one, with an address of that, and stay there; what they had before is given back.
func TestNodesGoWhereThereIsRoom(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault simulator.Fault
		node  string
	}{
		"clone of a worker": {
			simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Nth: 2, Fault: "NoDiskSpace"}, "prod-general-1",
		},
		"power-on of a worker": {
			simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Nth: 2, Fault: "InsufficientFailoverResourcesFault"},
			"prod-general-1",
		},
		"power-on of the first node": {
			simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Nth: 1, Fault: "NoCompatibleHost"}, "prod-cp-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec := w.twoPlacements()
			w.must(w.sim.AddFault(c.fault))
			spec, secrets, out := w.applied(spec)
			found := slices.ContainsFunc(out.Warnings, func(f model.Finding) bool {
				return f.Summary == "Node built on another placement" && strings.Contains(f.Detail, c.node) &&
					strings.Contains(f.Detail, `in compute cluster "cluster-a"`)
			})
			if !found || out.Status.Health != model.Healthy {
				t.Errorf("%s, warnings %+v", out.Status.Health, out.Warnings)
			}
			w.isOn(spec, secrets, c.node, "cluster-b")
			if p := w.plan(spec, secrets); !p.Empty() {
				t.Fatalf("after it: %v", actions(p))
			}
			// The placement that it is on goes.
			spec.ControlPlane.Placements = spec.ControlPlane.Placements[:1]
			spec.Workers[0].Placements = spec.Workers[0].Placements[:1]
			if p := w.plan(spec, secrets); !slices.Contains(actions(p), "delete_node "+c.node) {
				t.Errorf("without its placement: %v", actions(p))
			}
			w.must(w.engine().Destroy(t.Context(), spec.Target()))
			if left := w.sim.Leftovers(); len(left.VMs)+len(left.Rules) > 0 {
				t.Errorf("left %+v", left)
			}
		})
	}
}

// Where no placement has room, or the policy is another one, the node fails.
func TestNodesFailWhereThereIsNoRoom(t *testing.T) {
	t.Parallel()
	for name, anyPlacement := range map[string]bool{"any": true, "as it is": false} {
		w := newWorld(t, simulator.Options{})
		spec := w.twoPlacements()
		spec.Workers[0].AnyPlacement = anyPlacement
		w.must(w.sim.AddFault(simulator.Fault{
			Kind: simulator.FailTask, Call: "PowerOnVM_Task", Nth: 2, Times: -1, Fault: "InsufficientFailoverResourcesFault",
		}))
		_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)})
		calls := w.sim.Calls().SOAP["PowerOnVM_Task"]
		if want := map[bool]int{true: 3, false: 2}[anyPlacement]; err == nil || calls != want {
			t.Errorf("%s: %d VMs were powered on, want %d (%v)", name, calls, want, err)
		}
	}
}

// A node that is refused twice goes to the third placement, which has the IP pool of the first: it
// does not go on with the address that it gave back there.
func TestNodeComesBackToAnIPPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.twoPlacements()
	third := w.placement("cluster-a")
	third.ResourcePool = ""
	spec.Workers[0].Placements = append(spec.Workers[0].Placements, third)
	// An earlier attempt has the address that is given back.
	spec.Workers[0].AnyPlacement = false
	w.refusesPowerOn(2, 1)
	secrets := newSecrets(t)
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil {
		t.Fatal("the worker was powered on")
	}
	spec = kept(spec, out)
	spec.Workers[0].AnyPlacement = true
	w.refusesPowerOn(1, 2)
	w.apply(spec, secrets)
	w.isOn(spec, secrets, "prod-general-1", "cluster-a")
	w.noAddressTwice()
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("after it: %v", actions(p))
	}
}

// refusesPowerOn has vCenter refuse the nth power-on from now on, and those after it.
func (w *world) refusesPowerOn(nth, times int) {
	w.t.Helper()
	w.must(w.sim.AddFault(simulator.Fault{
		Kind: simulator.FailTask, Call: "PowerOnVM_Task", Nth: nth, Times: times, Fault: "InsufficientFailoverResourcesFault",
	}))
}

// A worker that has moved and failed there, too, is planned on its first placement again, and
// moves once more: it has an address of the second one's IP pool that is its own.
func TestNodeMovesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.twoPlacements()
	w.refusesPowerOn(2, 2)
	secrets := newSecrets(t)
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || strings.Count(err.Error(), "admission control")+strings.Count(err.Error(), "lack capacity") < 2 {
		t.Fatalf("both placements have no room, and the error is: %v", err)
	}
	for _, f := range out.Warnings {
		if f.Summary == "Node built on another placement" {
			t.Errorf("it is not built: %v", f)
		}
	}
	spec = kept(spec, out)
	w.refusesPowerOn(1, 1)
	w.apply(spec, secrets)
	w.isOn(spec, secrets, "prod-general-1", "cluster-b")
	w.noAddressTwice()
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("after it: %v", actions(p))
	}
}

// A placement that an earlier attempt has left something on can hold no VM any more.
func TestNodeLeavesAPlacementThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.twoPlacements()
	spec.Workers[0].Placements[0].Datastore = "local-a"
	spec.Workers[0].AnyPlacement = false
	w.refusesPowerOn(2, 1)
	secrets := newSecrets(t)
	out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil {
		t.Fatal("the worker was powered on")
	}
	spec = kept(spec, out)
	w.must(w.sim.SetMaintenance("local-a", true))
	if p := w.plan(spec, secrets); p.Err() == nil {
		t.Error("a placement whose datastore is in maintenance is taken")
	}
	spec.Workers[0].AnyPlacement = true
	w.apply(spec, secrets)
	w.isOn(spec, secrets, "prod-general-1", "cluster-b")
	w.noAddressTwice()
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("after it: %v, %v", actions(p), p.Problems)
	}
}

// Where the next placement has no address left, the one after it is tried.
func TestNodeFindsNoAddressElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.twoPlacements()
	body := record.IPPool{Name: "tiny", Start: "10.10.184.21", End: "10.10.184.21", PrefixLength: 18, DefaultGateway: "10.10.128.1"}
	tiny := w.register(body)
	pool, err := ledger.NewIPPool(tiny, body)
	w.must(err)
	other := ledger.Owner{Cluster: uuid.New(), Node: "other-1"}
	w.must(w.engine().Ledger.ClaimAddress(t.Context(), pool, other, netip.MustParseAddr(body.Start)))
	spec.Workers[0].Placements[1].IPPoolID = tiny
	third := w.placement("cluster-a")
	third.ResourcePool = ""
	spec.Workers[0].Placements = append(spec.Workers[0].Placements, third)
	w.refusesPowerOn(2, 1)
	spec, secrets, _ := w.applied(spec)
	w.isOn(spec, secrets, "prod-general-1", "cluster-a")
	w.noAddressTwice()
}

// What one node has found the others do not try: a placement without room costs one clone.
func TestOneNodeFindsThatAPlacementIsFull(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.twoPlacements()
	spec.Workers[0].Count = 0
	spec, secrets, _ := w.applied(spec)
	spec.Workers[0].Count = 6
	w.sim.ResetCalls()
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Nth: 1, Fault: "NoDiskSpace"}))
	e := w.engine()
	e.Parallel = 1
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	_, facts, err := w.engine().Status(t.Context(), spec, secrets)
	w.must(err)
	there := 0
	for _, m := range facts.Machines {
		if m.Marker.NodePool == "general" && m.Marker.ComputeCluster == "cluster-b" {
			there++
		}
	}
	if clones := w.sim.Calls().SOAP["CloneVM_Task"]; clones != 7 || there != 0 && there != 6 {
		t.Errorf("%d clones, and %d of 6 nodes in cluster-b", clones, there)
	}
	w.noAddressTwice()
}

// TestNodesGoElsewhereInterrupted kills a creation one of whose nodes goes to another placement.
func TestNodesGoElsewhereInterrupted(t *testing.T) {
	t.Parallel()
	full := simulator.Fault{Kind: simulator.FailTask, Call: "PowerOnVM_Task", Nth: 2, Fault: "InsufficientFailoverResourcesFault"}
	interrupt(t, 40, disturbances, func(w *world) {
		spec := w.twoPlacements()
		w.must(w.sim.AddFault(full))
		w.sim.ResetCalls()
		w.applied(spec)
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec := w.twoPlacements()
		w.must(w.sim.AddFault(full))
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: newSecrets(t)})
		})
		secrets := newSecrets(t)
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil {
			if slices.Contains(kills, d) && w.record().CreationComplete && strings.Contains(err.Error(), "import") {
				return // the state would have held it
			}
			t.Fatal(err)
		}
		spec = kept(spec, out)
		if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
			t.Errorf("a second plan has %v, %v", actions(p), p.Problems)
		}
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		w.must(err)
		if len(facts.Claims) != 4 || len(facts.Unclaimed) > 0 { // VIP, extra and two nodes
			t.Errorf("the claims are %v, and those without a tag %v", facts.Claims, facts.Unclaimed)
		}
		w.noAddressTwice()
	})
}

// twoPlacements is a cluster of one node of the control plane and one worker, each with two
// placements, and those of the worker on an IP pool each.
func (w *world) twoPlacements() model.ClusterSpec {
	spec := w.withNetwork(1, 1)
	own := w.register(record.IPPool{
		Name: "other", Start: "10.10.184.1", End: "10.10.184.9", PrefixLength: 18, DefaultGateway: "10.10.128.1",
	})
	spec.ControlPlane.Placements = []model.Placement{w.placement("cluster-a"), w.placement("cluster-b")}
	spec.ControlPlane.AnyPlacement = true
	spec.Workers[0].Placements = []model.Placement{w.placement("cluster-a"), w.placement("cluster-b")}
	spec.Workers[0].Placements[1].IPPoolID = own
	spec.Workers[0].AnyPlacement = true
	return spec
}

// isOn fails unless a node is in a compute cluster, and its one address is of the IP pool of
// its placement there.
func (w *world) isOn(spec model.ClusterSpec, secrets *model.Secrets, node, where string) {
	w.t.Helper()
	_, facts, err := w.engine().Status(w.t.Context(), spec, secrets)
	w.must(err)
	i := slices.IndexFunc(facts.Machines, func(m model.Machine) bool { return m.Marker.Node == node })
	if i < 0 || facts.Machines[i].Marker.ComputeCluster != where {
		w.t.Fatalf("%s is not in %s: %+v", node, where, facts.Machines)
	}
	var held []model.Claim
	for _, c := range facts.Claims {
		if c.Owner == node {
			held = append(held, c)
		}
	}
	if len(held) != 1 || held[0].IPPool != facts.Machines[i].Marker.IPPool || held[0].Address != facts.Machines[i].Marker.Address.Addr() {
		w.t.Errorf("%s holds %+v, and its marker says %+v", node, held, facts.Machines[i].Marker)
	}
}
