package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
	"github.com/gantry/terraform-provider-gantry/internal/testing/sweep"
)

// killed runs something with the way to vCenter cut from the k-th call on, as
// for a process that died there, and then moves vCenter's clock past what a lock
// lives without a heartbeat.
func (w *world) killed(k int, run func(context.Context, *engine.Engine)) {
	w.t.Helper()
	w.killedEngine(w.engine(), k, run)
}

// killedEngine is killed with an engine of the caller's.
func (w *world) killedEngine(dying *engine.Engine, k int, run func(context.Context, *engine.Engine)) {
	// The engine of the dead: it gives up at once, like a process that is gone.
	dying.Timing.RetryBudget = 0
	ctx, cancel := context.WithCancel(w.t.Context())
	w.sim.StopAfter(k)
	done := make(chan struct{})
	go func() { defer close(done); run(ctx, dying) }()
	for alive := true; alive; {
		select {
		case <-done:
			alive = false
		case <-time.After(5 * time.Millisecond):
			if w.sim.Stopped() {
				cancel()
			}
		}
	}
	cancel()

	w.sim.Resume()
	w.sim.AdvanceClock(2 * time.Minute)
}

// noAddressTwice fails when two VMs hold one address.
func (w *world) noAddressTwice() {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]string{}
	for _, h := range survey.Held {
		if h.Node == model.OwnerVIP || h.Node == model.OwnerExtra {
			continue
		}
		if other, ok := seen[h.Address.String()]; ok && other != h.Node {
			w.t.Fatalf("%s and %s hold %s", other, h.Node, h.Address)
		}
		seen[h.Address.String()] = h.Node
	}
}

// record is what the ledger knows of the world's cluster.
func (w *world) record() record.Cluster {
	w.t.Helper()
	return w.recordOf(w.spec(1, 1).Ref)
}

// recordOf is what the ledger knows of a cluster or gateway.
func (w *world) recordOf(ref record.Ref) record.Cluster {
	w.t.Helper()
	tags := w.engine().Ledger
	rec, err := tags.Record(w.t.Context(), tags.ID(ref))
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := rec.Cluster()
	if err != nil {
		w.t.Fatal(err)
	}
	return body
}

// claims counts the addresses of the world's pool that are taken.
func (w *world) claims() int {
	w.t.Helper()
	left := 0
	for _, name := range w.sim.Leftovers().Tags {
		if strings.HasPrefix(name, w.pool.String()+"/") && !strings.HasSuffix(name, "!cooldown") {
			left++
		}
	}
	return left
}

// disturbance is what happens to a run at one of its calls.
type disturbance string

const (
	// The run is killed there, and another one follows.
	killed         disturbance = "killed"
	killedLate     disturbance = "killed, names are taken late"
	killedOutlived disturbance = "killed, clones outlive it"
	// The same run goes on, and nothing is to be seen of it.
	answerLost disturbance = "answer lost"
	dropped    disturbance = "dropped before"
)

var (
	disturbances = []disturbance{killed, answerLost, killedOutlived, dropped, killedLate}
	kills        = []disturbance{killed, killedOutlived, killedLate}
)

// world is a datacenter in which the disturbance can happen.
func (d disturbance) world(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, withHostGroups(simulator.Options{LateNames: d == killedLate}))
	if d == killedOutlived {
		// vCenter's time flies, so that moving its clock past what a lock lives leaves
		// the better part of a clone.
		w.sim.SetCloneDuration(10 * time.Minute)
		w.timeFlies(2 * time.Second)
	}
	return w
}

// timeFlies moves vCenter's clock, every ten milliseconds of real time, until the test
// ends.
func (w *world) timeFlies(step time.Duration) {
	stop := make(chan struct{})
	var flying sync.WaitGroup
	flying.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
				w.sim.AdvanceClock(step)
			}
		}
	})
	w.t.Cleanup(func() { close(stop); flying.Wait() })
}

// disturb kills a run at its k-th call, or lets the run that follows lose its k-th
// call, or the answer to it.
func (w *world) disturb(d disturbance, k int, run func(context.Context, *engine.Engine)) {
	w.t.Helper()
	switch d {
	case answerLost:
		w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropAfter, Nth: k}))
	case dropped:
		w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DropBefore, Nth: k}))
	default:
		w.killed(k, run)
	}
}

// interrupt runs a test for one of every so many vCenter calls that a run makes, and
// a few more: how often it looks at what is under way differs from run to run.
func interrupt(t *testing.T, every int, variants []disturbance, run func(*world), test func(t *testing.T, k int, d disturbance)) {
	t.Helper()
	sweep.Sweep[disturbance]{
		Every:    every,
		Variants: variants,
		Calls: func(t *testing.T) (first, last int) {
			w := newWorld(t, withHostGroups(simulator.Options{}))
			run(w)
			return 1, w.sim.Calls().Total + 3
		},
		Test: test,
	}.Run(t)
}

// TestCreateInterruptedAtEveryCall kills a creation at each of its vCenter
// calls, loses its state, and creates again: one cluster is there at the end,
// with nothing beside it. Only what was done but for the goodbye is refused. Where a
// call or its answer is lost, the creation itself ends there.
func TestCreateInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	interrupt(t, 4, disturbances, func(w *world) {
		w.sim.ResetCalls()
		w.applied(w.spec(1, 1))
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
		})
		spec, secrets := w.spec(1, 1), newSecrets(t)
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil {
			var plan *model.PlanError
			if slices.Contains(kills, d) && w.record().CreationComplete && errors.As(err, &plan) && strings.Contains(err.Error(), "import") {
				return // the state would have held it
			}
			t.Fatal(err)
		}
		if len(out.Status.Nodes) != 2 || out.Status.State != model.StateRunning {
			t.Fatalf("status %+v", out.Status)
		}
		w.noAddressTwice()
		if n := w.claims(); n != 4 {
			t.Errorf("%d addresses are claimed, not 4: %v", n, w.sim.Leftovers().Tags)
		}
		spec.ID, spec.New = out.ID, false
		if again := w.plan(spec, secrets); !again.Empty() || again.Err() != nil {
			t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
		}
	})
}

// TestDestroyInterruptedAtEveryCall kills a destruction at each of its vCenter
// calls and destroys again: nothing is left.
func TestDestroyInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	interrupt(t, 4, disturbances, func(w *world) {
		spec, _, _ := w.applied(w.spec(1, 1))
		w.sim.ResetCalls()
		if err := w.engine().Destroy(w.t.Context(), spec.Target()); err != nil {
			w.t.Fatal(err)
		}
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, _, _ := w.applied(w.spec(1, 1))
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_ = e.Destroy(ctx, spec.Target())
		})
		if err := w.engine().Destroy(t.Context(), spec.Target()); err != nil {
			t.Fatal(err)
		}
		w.onlyThePoolIsLeft()
	})
}

// onlyThePoolIsLeft fails when anything but the record of the world's pool, its
// place among the pools, the addresses that cool down, and the mark of the ledger's
// category is left.
func (w *world) onlyThePoolIsLeft() {
	w.t.Helper()
	left := w.sim.Leftovers()
	entries, err := w.engine().Ledger.Entries(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	var tags []string
	for _, e := range entries {
		ofPool := e.Kind == ledger.EntryCooldown || e.Kind == ledger.EntryIndex
		if !(ofPool && e.IPPool == w.pool || e.ID == w.pool) {
			tags = append(tags, e.Name)
		}
	}
	if len(left.VMs)+len(left.Folders)+len(left.Rules)+len(tags) > 0 {
		w.t.Errorf("left behind: %v %v %v %v", left.VMs, left.Folders, left.Rules, tags)
	}
}

// TestTwoRunsOneRecord lets two runs create the same cluster at the same time:
// one does, the other is refused and touches nothing.
func TestTwoRunsOneRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	results := make(chan error, 2)
	for range 2 {
		e := w.engine()
		go func() {
			_, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
			results <- err
		}()
	}
	var errs []error
	for range 2 {
		if err := <-results; err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) != 1 {
		t.Fatalf("%d of 2 runs failed: %v", len(errs), errs)
	}
	var plan *model.PlanError
	if !errors.Is(errs[0], ledger.ErrLocked) && !errors.As(errs[0], &plan) {
		t.Fatalf("the second run failed with %v", errs[0])
	}
	w.noAddressTwice()
}
