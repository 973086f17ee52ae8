package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// stride tests every n-th call, the usual ones where GANTRY_INTERRUPT_STRIDE does not
// say else; 1 tests them all.
func stride(t *testing.T, usual int) int {
	t.Helper()
	if s := os.Getenv("GANTRY_INTERRUPT_STRIDE"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			t.Fatalf("GANTRY_INTERRUPT_STRIDE=%q is not a number from 1", s)
		}
		return n
	}
	return usual
}

// killed runs something with the way to vCenter cut from the k-th call on, as
// for a process that died there, and then moves vCenter's clock past what a lock
// lives without a heartbeat.
func (w *world) killed(k int, run func(context.Context, *engine.Engine)) {
	w.t.Helper()
	dying := w.engine()
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
	survey, err := w.engine().Reader.Survey(w.t.Context(), engine.SurveyRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	seen := map[string]string{}
	for _, h := range survey.Held {
		if h.Node == engine.OwnerVIP || h.Node == engine.OwnerExtra {
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
	book := w.engine().Ledger
	rec, err := book.Record(w.t.Context(), book.ID(record.Ref{Kind: record.KindCluster, Name: "prod"}))
	if err != nil {
		w.t.Fatal(err)
	}
	var body record.Cluster
	if err := json.Unmarshal(rec.Body, &body); err != nil {
		w.t.Fatal(err)
	}
	return body
}

// claims counts the addresses of the world's pool that are taken.
func (w *world) claims() int {
	w.t.Helper()
	left := 0
	for _, name := range w.sim.Leftovers().Tags {
		if strings.HasPrefix(name, w.pool+"/") && !strings.HasSuffix(name, "!rest") {
			left++
		}
	}
	return left
}

// everyCall runs a test for each vCenter call that a run makes, and a few more:
// how often it looks at what is under way differs from run to run.
func everyCall(t *testing.T, run func(*world), test func(t *testing.T, k int)) {
	t.Helper()
	callsFrom(t, 1, stride(t, 1), run, test)
}

// someCalls is everyCall for what takes long and repeats itself: usually one of
// four, from the given one on.
func someCalls(t *testing.T, first int, run func(*world), test func(t *testing.T, k int)) {
	t.Helper()
	callsFrom(t, first, stride(t, 4), run, test)
}

func callsFrom(t *testing.T, first, every int, run func(*world), test func(t *testing.T, k int)) {
	t.Helper()
	w := newWorld(t, simulator.Options{})
	run(w)
	last := w.sim.Calls().Total + 3
	for k := first; k <= last; k += every {
		t.Run(fmt.Sprintf("call %d of %d", k, last), func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// TestCreateInterruptedAtEveryCall kills a creation at each of its vCenter
// calls, loses its state, and creates again: one cluster is there at the end,
// with nothing beside it. Only what was done but for the goodbye is refused.
func TestCreateInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	everyCall(t, func(w *world) {
		w.sim.ResetCalls()
		w.applied(w.spec(1, 1))
	}, func(t *testing.T, k int) {
		w := newWorld(t, simulator.Options{})
		w.killed(k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
		})
		spec, secrets := w.spec(1, 1), newSecrets(t)
		out, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		if err != nil {
			var plan *engine.PlanError
			if w.record().CreationComplete && errors.As(err, &plan) && strings.Contains(err.Error(), "import") {
				return // the state would have held it
			}
			t.Fatal(err)
		}
		if len(out.Status.Nodes) != 2 || out.Status.State != engine.StateRunning {
			t.Fatalf("status %+v", out.Status)
		}
		w.noAddressTwice()
		if n := w.claims(); n != 4 {
			t.Errorf("%d addresses are claimed, not 4: %v", n, w.sim.Leftovers().Tags)
		}
		spec.ID, spec.New = out.ID, false
		if again := w.plan(spec, secrets); len(again.Steps) != 0 || again.Err() != nil {
			t.Errorf("a second plan has the steps %v and the problems %v", actions(again), again.Problems)
		}
	})
}

// TestDestroyInterruptedAtEveryCall kills a destruction at each of its vCenter
// calls and destroys again: nothing is left.
func TestDestroyInterruptedAtEveryCall(t *testing.T) {
	t.Parallel()
	everyCall(t, func(w *world) {
		spec, secrets, _ := w.applied(w.spec(1, 1))
		w.sim.ResetCalls()
		if err := w.engine().Destroy(w.t.Context(), spec.Target(), secrets); err != nil {
			w.t.Fatal(err)
		}
	}, func(t *testing.T, k int) {
		w := newWorld(t, simulator.Options{})
		spec, secrets, _ := w.applied(w.spec(1, 1))
		w.killed(k, func(ctx context.Context, e *engine.Engine) {
			_ = e.Destroy(ctx, spec.Target(), secrets)
		})
		if err := w.engine().Destroy(t.Context(), spec.Target(), secrets); err != nil {
			t.Fatal(err)
		}
		w.onlyThePoolIsLeft()
	})
}

// onlyThePoolIsLeft fails when anything but the record of the world's pool, its
// place among the pools, the addresses that rest, and the mark of the ledger's
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
		if !(ofPool && e.IPPool.String() == w.pool || e.ID.String() == w.pool) {
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
	var plan *engine.PlanError
	if !errors.Is(errs[0], ledger.ErrLocked) && !errors.As(errs[0], &plan) {
		t.Fatalf("the second run failed with %v", errs[0])
	}
	w.noAddressTwice()
}
