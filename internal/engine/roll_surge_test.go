package engine_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// events are what an engine reports, in order.
type events struct {
	mu   sync.Mutex
	list []model.Event
}

// record has an engine report to the events.
func (e *events) record(of *engine.Engine) {
	of.Report = func(_ context.Context, event model.Event) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.list = append(e.list, event)
	}
}

// mostAtOnce is how many steps of an action were under way at most at the same time.
func (e *events) mostAtOnce(action model.Action) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	now, most := 0, 0
	for _, event := range e.list {
		switch {
		case event.Step.Action != action:
		case event.Status == model.EventStarted:
			now++
			most = max(most, now)
		case event.Ends():
			now--
		}
	}
	return most
}

// TestRollReplacesSeveralAtOnce rolls five workers two at a time, in a pool that has just
// the addresses for that.
func TestRollReplacesSeveralAtOnce(t *testing.T) {
	t.Parallel()
	for name, pool := range map[string]model.NodePool{
		"expand first":   {Count: 5, MaxSurge: 2},
		"contract first": {Count: 5, Strategy: model.ContractFirst, MaxUnavailable: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			spec, secrets := w.rollablePool(pool, 0)
			spec.Workers[0].CPU = 4
			e := w.engine()
			told := &events{}
			told.record(e)
			seen := w.witness(e, spec, secrets)
			if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
				t.Fatal(err)
			}
			seen.kept(t)
			if made, gone := told.mostAtOnce(model.ActionCreateNode), told.mostAtOnce(model.ActionDeleteNode); made != 2 || gone != 2 {
				t.Errorf("%d nodes were made at once, and %d deleted", made, gone)
			}
			w.rolledOut(spec, secrets, "prod-general-10", "prod-general-6", "prod-general-7", "prod-general-8", "prod-general-9")
		})
	}
}

// TestRollOfSeveralStopsAtTheFirstThatFails rolls workers that cannot join.
func TestRollOfSeveralStopsAtTheFirstThatFails(t *testing.T) {
	t.Parallel()
	j := &joins{}
	w := newWorld(t, simulator.Options{AtJoin: j.at})
	spec, secrets := w.rollablePool(model.NodePool{Count: 3, MaxSurge: 2}, 0)
	spec.Workers[0].CPU = 4
	j.fail.Store(true)
	_, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	for _, want := range []string{
		"create_node prod-general-4", "create_node prod-general-5",
		"the rollout stops here, and 3 nodes are left as they are: prod-general-1, prod-general-2, prod-general-3",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if n := len(w.sim.Leftovers().VMs); n != 1+5 {
		t.Errorf("%d VMs are there", n)
	}
	j.fail.Store(false)
	w.goesOn(spec, secrets)
}

// TestRollOfSeveralInterrupted kills a roll of two at a time at its vCenter calls.
func TestRollOfSeveralInterrupted(t *testing.T) {
	t.Parallel()
	pool := model.NodePool{Count: 3, MaxSurge: 2}
	interrupt(t, 16, disturbances, func(w *world) {
		spec, secrets := w.rollablePool(pool, 0)
		spec.Workers[0].CPU = 4
		w.sim.ResetCalls()
		if _, err := w.engine().Apply(w.t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
			w.t.Fatal(err)
		}
	}, func(t *testing.T, k int, d disturbance) {
		w := d.world(t)
		spec, secrets := w.rollablePool(pool, 0)
		spec.Workers[0].CPU = 4
		w.disturb(d, k, func(ctx context.Context, e *engine.Engine) {
			_, _ = e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
		})
		w.goesOn(spec, secrets)
	})
}

// restless is a clock of the ledger by which heartbeats follow each other at once.
type restless struct{}

func (restless) Now() time.Time { return time.Now() }

func (restless) Sleep(ctx context.Context, _ time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// TestRollPausesBetweenNodes rolls three workers with pauses between them and none after
// the last, in which the run keeps its lock.
func TestRollPausesBetweenNodes(t *testing.T) {
	t.Parallel()
	const pause = time.Second
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 3}, 0)
	spec.Workers[0].CPU, spec.Workers[0].NodePause = 4, pause
	e := w.engine()
	e.Ledger.Clock = restless{}
	var paused, begins []time.Time
	beats := map[bool]int{}
	e.Report = func(_ context.Context, event model.Event) {
		switch {
		case strings.HasPrefix(event.Message, "pausing until "):
			paused = append(paused, time.Now())
			beats[false] = w.sim.Calls().SOAP["CurrentTime"]
		case len(begins) < len(paused):
			begins = append(begins, time.Now())
			beats[true] = w.sim.Calls().SOAP["CurrentTime"]
		}
	}
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	if len(paused) != 2 || len(begins) != 2 {
		t.Fatalf("paused at %v, went on at %v", paused, begins)
	}
	for i := range paused {
		if begins[i].Sub(paused[i]) < pause {
			t.Errorf("the pause was %s", begins[i].Sub(paused[i]))
		}
	}
	if beats[true] == beats[false] {
		t.Error("there was no heartbeat in the pause")
	}
	w.rolledOut(spec, secrets)
}

// TestRollThatPausesEnds ends a run in its pause: it returns at once, and the next one
// goes on.
func TestRollThatPausesEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.rollablePool(model.NodePool{Count: 2}, 0)
	spec.Workers[0].CPU, spec.Workers[0].NodePause = 4, time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	e := w.engine()
	e.Report = func(_ context.Context, event model.Event) {
		if strings.HasPrefix(event.Message, "pausing until ") {
			cancel()
		}
	}
	if _, err := e.Apply(ctx, engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		t.Fatal("a run that was ended has succeeded")
	}
	want := []string{"create_node prod-general-4", "delete_node prod-general-2"}
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, want) {
		t.Fatalf("planned %v", got)
	}
	w.goesOn(spec, secrets) // without another pause: it is between two nodes
}
