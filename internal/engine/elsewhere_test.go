package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// Nodes for which their placement has no room, as the clone or the power-on says, are built on
// the next one, with an address of that, and stay there; what they had before is given back.
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
