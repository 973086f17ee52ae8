package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/pki"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestCommandAfterTheJoinIsRunAgain on the nodes that there are, control plane and workers,
// without a loss of the quorum. A restart that did not help is not repeated: one by hand runs
// the command once more.
func TestCommandAfterTheJoinIsRunAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.withNetwork(3, 1)
	setup := bootstrap.Setup{PostBootstrap: []string{"true", "test -e /run/repaired"}}
	spec, secrets, _ := w.applied(spec)
	spec.ControlPlane.Setup = setup
	spec.Workers = slices.Clone(spec.Workers)
	spec.Workers[0].Setup = setup
	failing := func(restarts bool) {
		t.Helper()
		status, facts, err := w.engine().Status(t.Context(), spec, secrets)
		w.must(err)
		spec.Known = knownOf(status)
		p := w.plannedFrom(spec, secrets, facts)
		if status.State != model.StateDegraded || p.Err() != nil || slices.Contains(actions(p), "restart_node prod-cp-4") != restarts {
			t.Fatalf("it is %s, and planned is %v (%v)", status.State, actions(p), p.Problems)
		}
		if left := w.cordoned(secrets); len(left) > 0 {
			t.Errorf("cordoned are %v", left)
		}
	}
	apply := func() error {
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		spec = kept(spec, out)
		return err
	}
	if err := apply(); err == nil || !strings.Contains(err.Error(), "command 002 of post-bootstrap failed") {
		t.Fatalf("applied with %v", err)
	}
	failing(true)
	if err := apply(); err == nil || !strings.Contains(err.Error(), "restart_node prod-cp-4") ||
		!strings.Contains(err.Error(), "command 002 of post-bootstrap failed") {
		t.Errorf("applied with %v", err)
	}
	failing(false)
	before := spec.Known
	w.repairs(spec)
	w.powerOff("prod-cp-4")
	for range 6 { // the first node that fails stops the rollout
		w.repairs(spec)
		if err := apply(); err == nil {
			break
		}
	}
	if lost := w.sim.History().QuorumLosses; len(lost) > 0 {
		t.Errorf("the quorum was lost: %v", lost)
	}
	at := slices.IndexFunc(before, func(m model.KnownMachine) bool { return m.Node == "prod-cp-4" })
	if !slices.Contains(spec.Known, before[at]) {
		t.Errorf("the node that failed was built anew: the VMs were %v and are %v", before, spec.Known)
	}
	w.repairs(spec)
	w.applies(spec, secrets)
	status, _, err := w.engine().Status(t.Context(), spec, secrets)
	w.must(err)
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil || status.State != model.StateRunning {
		t.Errorf("it is %s, and planned is %v (%v)", status.State, actions(p), p.Problems)
	}
}

// TestCommandThatNeverEnds is one that the node ends: the apply ends with the log's tail, long
// before it would give up waiting, and the next one goes on with other commands.
func TestCommandThatNeverEnds(t *testing.T) {
	t.Parallel()
	for name, setup := range map[string]bootstrap.Setup{
		"pre-bootstrap":  {PreBootstrap: []string{"true", "sleep infinity"}},
		"post-bootstrap": {PostBootstrap: []string{"true", "sleep infinity"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets, _ := w.applied(w.withNetwork(1, 0))
			spec.Workers = slices.Clone(spec.Workers)
			spec.Workers[0].Count, spec.Workers[0].Setup = 1, setup
			e := w.engine()
			e.Timing.BootTimeout = time.Hour
			out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
			if err == nil || !strings.Contains(err.Error(), "command 002 of "+name+" was ended") {
				t.Fatalf("applied with %v", err)
			}
			spec = kept(spec, out)
			spec.Workers[0].Setup = bootstrap.Setup{}
			w.applies(spec, secrets)
		})
	}
}

// TestRestartInterruptedAtEveryCall kills a run that restarts the nodes of a control plane at
// some of its vCenter calls: the applies after it end with all commands run, every node takes
// pods, and none was replaced.
func TestRestartInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	interrupt(t, 35, []disturbance{killed, answerLost}, func(w *world) {
		spec, secrets := w.failedControlPlane()
		w.sim.ResetCalls()
		_, _ = w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := w.failedControlPlane()
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			if d == killed {
				e.Kube = killedKubeOfUncordon{e.Kube, func() {}}
			}
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.restartedWhole(spec, secrets)
	})
}

// TestRestartKilledAfterTheDrain leaves a node cordoned that is whole.
func TestRestartKilledAfterTheDrain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.failedControlPlane()
	ctx, cancel := context.WithCancel(t.Context())
	e := w.engine()
	e.Kube = killedKubeOfUncordon{e.Kube, cancel}
	if _, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets}); err == nil || len(w.cordoned(secrets)) == 0 {
		t.Fatalf("applied with %v, and cordoned are %v", err, w.cordoned(secrets))
	}
	w.sim.AdvanceClock(2 * time.Minute)
	w.restartedWhole(spec, secrets)
}

// failedControlPlane is one of three nodes on which a command failed, and passes if it is run
// again.
func (w *world) failedControlPlane() (model.ClusterSpec, *model.Secrets) {
	spec, secrets := w.withNetwork(3, 0), newSecrets(w.t)
	spec.ControlPlane.Setup = bootstrap.Setup{PostBootstrap: []string{"test -e /run/repaired"}}
	for range 3 { // no other one joins after one has failed
		out, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err == nil || !out.APIReached {
			w.t.Fatalf("applied with %v", err)
		}
		spec = kept(spec, out)
	}
	w.repairs(spec)
	return spec, secrets
}

// restartedWhole applies until all commands have passed: every node takes pods, and none was
// replaced.
func (w *world) restartedWhole(spec model.ClusterSpec, secrets *model.Secrets) {
	defer func() {
		if cut := w.sim.History().VIPCuts; len(cut) > 0 {
			w.t.Errorf("these were powered off with the VIP: %v", cut)
		}
	}()
	w.t.Helper()
	before := spec.Known
	var err error
	for range 2 {
		var out *engine.Outcome
		out, err = w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		spec = kept(spec, out)
		if err == nil {
			break
		}
	}
	w.must(err)
	if !slices.Equal(sortedMachines(before), sortedMachines(spec.Known)) {
		w.t.Errorf("the VMs were %v and are %v", before, spec.Known)
	}
	if left := w.cordoned(secrets); len(left) > 0 {
		w.t.Errorf("cordoned are %v", left)
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		w.t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
}

// killedKubeOfUncordon is the cluster's API as a run has it that is killed, after a drain at the latest where it is told of that: it
// undoes nothing.
type killedKubeOfUncordon struct {
	model.Kube
	drained func()
}

func (k killedKubeOfUncordon) Connect(kubeconfig []byte, etcd pki.KeyPair) (model.API, error) {
	api, err := k.Kube.Connect(kubeconfig, etcd)
	return killedAPIOfUncordon{api, k.drained}, err
}

type killedAPIOfUncordon struct {
	model.API
	drained func()
}

func (a killedAPIOfUncordon) DrainToRestart(ctx context.Context, name string, timeout time.Duration) error {
	defer a.drained()
	return a.API.DrainToRestart(ctx, name, timeout)
}

func (a killedAPIOfUncordon) Drain(ctx context.Context, name, vm string, timeout time.Duration) error {
	defer a.drained()
	return a.API.Drain(ctx, name, vm, timeout)
}

func (killedAPIOfUncordon) Uncordon(context.Context, string) error { return errKilled }

func sortedMachines(all []model.KnownMachine) []model.KnownMachine {
	return slices.SortedFunc(slices.Values(all), func(a, b model.KnownMachine) int { return strings.Compare(a.Node, b.Node) })
}

// repairs makes what commands ask for on the nodes that there are.
func (w *world) repairs(spec model.ClusterSpec) {
	w.t.Helper()
	for _, m := range spec.Known {
		w.must(w.sim.MakeFile(m.Node, "/run/repaired"))
	}
}
