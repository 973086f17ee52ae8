package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/engine/run"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/simulator/guest"
)

// network is a pack that brings a pod network, so that nodes become Ready.
var network = model.Pack{Name: "net", Layer: model.LayerCNI, Manifests: []string{`
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: net, namespace: kube-system}
spec:
  selector: {matchLabels: {app: net}}
  template:
    metadata: {labels: {app: net}}
    spec:
      hostNetwork: true
      tolerations: [{operator: Exists}]
      containers: [{name: net, image: net}]
`}}

// witness looks at the workers whenever one goes down or is made: how many others
// are Ready, and how many VMs there are.
type witness struct {
	model.VCenter
	w       *world
	spec    model.ClusterSpec
	secrets *model.Secrets

	mu    sync.Mutex
	off   map[string]bool
	ready int // the fewest others that were Ready when one went down
	vms   int // the most VMs that there were before one was made
	made  int
}

func (w *world) witness(e *engine.Engine, spec model.ClusterSpec, secrets *model.Secrets) *witness {
	seen := &witness{VCenter: e.Builder, w: w, spec: spec, secrets: secrets, off: map[string]bool{}, ready: 1 << 20}
	e.Builder = seen
	return seen
}

func (s *witness) workers(ctx context.Context) (map[string]string, error) {
	survey, err := s.VCenter.Survey(ctx, model.SurveyRequest{Cluster: s.spec.ID})
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for _, m := range survey.Machines {
		if m.Marker.NodePool == "general" {
			names[m.Ref] = m.Marker.Node
		}
	}
	return names, nil
}

func (s *witness) PowerOff(ctx context.Context, vm string) (string, error) {
	names, err := s.workers(ctx)
	if err != nil {
		return "", err
	}
	ready := s.w.readyNodes(ctx, s.secrets, "prod-general-")
	s.mu.Lock()
	s.off[names[vm]] = true
	others := slices.DeleteFunc(slices.Clone(ready), func(name string) bool { return s.off[name] })
	if slices.Contains(ready, names[vm]) {
		s.ready = min(s.ready, len(others))
	}
	s.mu.Unlock()
	return s.VCenter.PowerOff(ctx, vm)
}

func (s *witness) Clone(ctx context.Context, c model.CloneRequest) (string, error) {
	names, err := s.workers(ctx)
	if err != nil {
		return "", err
	}
	others := 0 // the VM itself may be there, to be adopted
	for _, name := range names {
		if name != c.Name {
			others++
		}
	}
	s.mu.Lock()
	s.vms, s.made = max(s.vms, others), s.made+1
	delete(s.off, c.Name)
	s.mu.Unlock()
	return s.VCenter.Clone(ctx, c)
}

// readyNodes are the nodes with a prefix that the cluster's API calls Ready.
func (w *world) readyNodes(ctx context.Context, secrets *model.Secrets, prefix string) []string {
	w.t.Helper()
	api, err := w.engine().Kube.Connect(secrets.Kubeconfig, secrets.Authorities.Etcd)
	if err != nil {
		w.t.Error(err)
		return nil
	}
	nodes, err := api.Nodes(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, n := range nodes {
		if n.Ready && strings.HasPrefix(n.Name, prefix) {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

// rollable is a cluster of one control-plane node and two workers on a pool of
// addresses that just holds it, with one to spare where the strategy asks for it.
func (w *world) rollable(strategy model.RollStrategy, delay int) (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	return w.rollablePool(model.NodePool{Count: 2, Strategy: strategy}, delay)
}

// rollablePool is rollable with as many workers, and rolled, as the pool says.
func (w *world) rollablePool(pool model.NodePool, delay int) (model.ClusterSpec, *model.Secrets) {
	w.t.Helper()
	w.pool = w.register(record.IPPool{
		Name: "tight", Start: "10.10.186.1", End: fmt.Sprintf("10.10.186.%d", 3+pool.Count+pool.Surge()),
		PrefixLength: 18, DefaultGateway: "10.10.128.1", ReuseDelaySeconds: &delay,
	})
	spec := w.spec(1, pool.Count)
	spec.Packs = []model.Pack{network}
	worker := &spec.Workers[0]
	worker.Strategy, worker.MaxSurge, worker.MaxUnavailable = pool.Strategy, pool.MaxSurge, pool.MaxUnavailable
	spec, secrets, _ := w.applied(spec)
	return spec, secrets
}

var strategies = map[string]model.RollStrategy{"expand first": model.ExpandFirst, "contract first": model.ContractFirst}

// rolledSteps are the steps of a roll of the two workers of rollable.
func rolledSteps(strategy model.RollStrategy) []string {
	if strategy == model.ContractFirst {
		return []string{"delete_node prod-general-1", "create_node prod-general-3", "delete_node prod-general-2", "create_node prod-general-4"}
	}
	return []string{"create_node prod-general-3", "delete_node prod-general-1", "create_node prod-general-4", "delete_node prod-general-2"}
}

// TestRollReplacesOneAtATime asks for more CPUs, in a pool that has no address
// too many: the workers are replaced one after the other, and never fewer of them
// serve than the strategy says.
func TestRollReplacesOneAtATime(t *testing.T) {
	t.Parallel()
	for name, strategy := range strategies {
		for _, delay := range []int{0, 300} {
			t.Run(fmt.Sprintf("%s %d s", name, delay), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, simulator.Options{})
				spec, secrets := w.rollable(strategy, delay)
				spec.Workers[0].CPU = 4
				if got := actions(w.plan(spec, secrets)); !slices.Equal(got, rolledSteps(strategy)) {
					t.Fatalf("planned %v", got)
				}
				e := w.engine()
				seen := w.witness(e, spec, secrets)
				out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
				if err != nil {
					t.Fatal(err)
				}
				seen.kept(t)
				if seen.made != 2 || len(out.Warnings) > 0 || out.Status.State != model.StateRunning {
					t.Errorf("%d nodes were made, %v, %+v", seen.made, out.Warnings, out.Status)
				}
				w.rolledOut(spec, secrets, "prod-general-3", "prod-general-4")
			})
		}
	}
}

// kept fails where fewer nodes served, or more stood, than the pool allows.
func (s *witness) kept(t testing.TB) {
	t.Helper()
	pool := s.spec.Workers[0]
	if s.ready < pool.LeastServing() || s.vms > pool.Count+pool.Surge()-1 {
		t.Errorf("%d others were Ready when a node went down, and %d VMs were there when one was made", s.ready, s.vms)
	}
}

// rolledOut fails where a roll of rollable has not come to its end.
func (w *world) rolledOut(spec model.ClusterSpec, secrets *model.Secrets, names ...string) {
	w.t.Helper()
	if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
		w.t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
	}
	ready := w.readyNodes(w.t.Context(), secrets, "prod-general-")
	workers := spec.Workers[0].Count
	if len(names) > 0 && !slices.Equal(ready, names) || len(ready) != workers {
		w.t.Errorf("Ready are %v", ready)
	}
	w.noAddressTwice()
	if n := w.claims(); n != workers+3 {
		w.t.Errorf("%d addresses are claimed, not %d: %v", n, workers+3, w.sim.Leftovers().Tags)
	}
	if n := len(w.sim.Leftovers().VMs); n != workers+1 {
		w.t.Errorf("%d VMs are there: %v", n, w.sim.Leftovers().VMs)
	}
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	if err != nil {
		w.t.Fatal(err)
	}
	pool := spec.Workers[0]
	for _, m := range survey.Machines {
		if m.Marker.NodePool == pool.Name && (m.Marker.CPU != pool.CPU || m.Marker.Template != spec.ImageOf(pool).Template) {
			w.t.Errorf("%s was built with %+v", m.Marker.Node, m.Marker)
		}
	}
}

// goesOn applies to the end, and expects that no more nodes were taken away on the
// way than the strategy allows.
func (w *world) goesOn(spec model.ClusterSpec, secrets *model.Secrets) {
	w.t.Helper()
	e := w.engine()
	seen := w.witness(e, spec, secrets)
	if _, err := e.Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		w.t.Fatal(err)
	}
	seen.kept(w.t)
	w.rolledOut(spec, secrets)
}

// rolled counts the calls of a whole roll.
func rolled(strategy model.RollStrategy) func(*world) {
	return func(w *world) {
		spec, secrets := w.rollable(strategy, 0)
		spec.Workers[0].CPU = 4
		w.sim.ResetCalls()
		if _, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// TestRollInterrupted kills a roll at its vCenter calls and applies again: it
// goes on where it was, and neither run takes more nodes away than the strategy
// allows.
func TestRollInterrupted(t *testing.T) {
	t.Parallel()
	for name, strategy := range strategies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			interrupt(t, 8, disturbances, rolled(strategy), func(t *testing.T, k int, d disturbance) {
				w := d.world(t)
				spec, secrets := w.rollable(strategy, 0)
				spec.Workers[0].CPU = 4
				w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
					_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
				})
				w.goesOn(spec, secrets)
			})
		})
	}
}

// joins are the joins of workers, which fail for as long as it is said that they do.
type joins struct{ fail atomic.Bool }

func (j *joins) at(vm string, _ guest.JoinStage) error {
	if j.fail.Load() && strings.HasPrefix(vm, "prod-general-") {
		return errors.New("the kubelet is not healthy")
	}
	return nil
}

// TestRollStopsAtANodeThatFails rolls workers while none can join: nothing more is taken
// away, again and again, and the roll goes on once they can.
func TestRollStopsAtANodeThatFails(t *testing.T) {
	t.Parallel()
	for name, strategy := range strategies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j := &joins{}
			w := newWorld(t, simulator.Options{AtJoin: j.at})
			spec, secrets := w.rollable(strategy, 0)
			spec.Workers[0].CPU = 4
			j.fail.Store(true)
			left := []string{"prod-general-1", "prod-general-2"}
			if strategy == model.ContractFirst {
				left = left[1:]
			}
			for range 2 {
				out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
				var boot *run.BootError
				if !errors.As(err, &boot) || boot.Node != "prod-general-3" || !strings.Contains(err.Error(), "the rollout stops here") {
					t.Fatalf("got %v", err)
				}
				if got := w.readyNodes(t.Context(), secrets, "prod-general-"); !slices.Equal(got, left) {
					t.Fatalf("Ready are %v, not %v", got, left)
				}
				if out.Status.State != model.StateDegraded || len(w.sim.Leftovers().VMs) != 2+len(left) {
					t.Errorf("%s with %v", out.Status.State, w.sim.Leftovers().VMs)
				}
			}
			j.fail.Store(false)
			e := w.engine()
			seen := w.witness(e, spec, secrets)
			if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
				t.Fatal(err)
			}
			seen.kept(t)
			w.rolledOut(spec, secrets, "prod-general-3", "prod-general-4")
		})
	}
}
