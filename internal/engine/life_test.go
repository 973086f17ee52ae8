package engine_test

import (
	"context"
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

// TestStates says what each record with each holder of its lock amounts to, and what a
// creation through such a gateway may do.
func TestStates(t *testing.T) {
	t.Parallel()
	alive, dead := &ledger.Holder{}, &ledger.Holder{Dead: true}
	deletes, deleted := &ledger.Holder{Lock: ledger.LockedError{Deletes: true}}, &ledger.Holder{Dead: true}
	deleted.Lock.Deletes = true
	begun, finished := record.Cluster{}, record.Cluster{APIReached: true, CreationComplete: true}
	answered := record.Cluster{APIReached: true}
	degraded, never, deleting, stuck := finished, finished, finished, finished
	degraded.Degraded, deleting.Deleting, stuck.Deletion.Progress = true, true, 1
	never.Degraded, never.NeverRan = true, true
	for _, c := range []struct {
		record *record.Cluster
		holder *ledger.Holder
		want   model.State
		says   string // of a creation; "!" begins what refuses it
	}{
		{nil, nil, "", "!Gateway not found"},
		{nil, dead, "", "!Gateway not found"},
		{nil, alive, model.StatePending, "The gateway is being made"},
		{&begun, alive, model.StateProvisioning, "The gateway is being worked on"},
		{&answered, alive, model.StateProvisioning, "The gateway is being worked on"},
		{&begun, nil, model.StateFailed, "!The gateway is Failed"},
		{&answered, dead, model.StateFailed, "!The gateway is Failed"},
		{&finished, nil, model.StateRunning, ""},
		{&finished, alive, model.StateUpdating, "The gateway is being worked on"},
		{&finished, dead, model.StateDegraded, "The gateway is Degraded"},
		{&degraded, nil, model.StateDegraded, "The gateway is Degraded"},
		{&never, nil, model.StateDegraded, "!The gateway has never been Running"},
		{&never, alive, model.StateUpdating, "The gateway is being worked on"},
		{&finished, deletes, model.StateDeleting, "!The gateway is being deleted"},
		{&finished, deleted, model.StateDeleting, "!The gateway is being deleted"},
		{&deleting, nil, model.StateDeleting, "!The gateway is being deleted"},
		{&stuck, nil, model.StateDeleting, "!The gateway is being deleted"},
		{&deleting, alive, model.StateUpdating, "The gateway is being worked on"},
	} {
		life := engine.Life{Ref: record.Ref{Kind: record.KindGateway, Name: "dc1"}, Holder: c.holder}
		if c.record != nil {
			life.Record = model.Record{Found: true, Cluster: *c.record}
		}
		if got := life.State(); got != c.want {
			t.Errorf("%+v with %+v is %q, want %q", life.Record, c.holder, got, c.want)
		}
		f := life.ForCreation(model.ClusterField(model.FieldClusterName))
		var says []string
		for _, problem := range f.Problems {
			says = append(says, "!"+problem.Summary)
		}
		for _, warning := range f.Warnings {
			says = append(says, warning.Summary)
		}
		if got := strings.Join(says, ", "); got != c.says {
			t.Errorf("%s: a creation through it says %q, want %q", c.want, got, c.says)
		}
	}
}

// state reads what another run sees.
func (w *world) state(id uuid.UUID) model.State {
	w.t.Helper()
	life, err := engine.ReadLife(context.Background(), w.engine().Ledger, id)
	w.must(err)
	return life.State()
}

// during applies, and returns the states that another run saw at each of its steps, each
// once.
func (w *world) during(request engine.Request) (states []model.State, out *engine.Outcome, err error) {
	w.t.Helper()
	e := w.engine()
	other := w.engine().Ledger
	id := other.ID(request.Spec.Ref)
	e.Report = func(_ context.Context, event model.Event) {
		if event.Whole() {
			return // it has no lock yet, or not any more
		}
		life, err := engine.ReadLife(context.Background(), other, id)
		if err != nil {
			w.t.Error(err)
		}
		if state := life.State(); event.Status == model.EventStarted && !slices.Contains(states, state) {
			states = append(states, state)
		}
		if !strings.Contains(life.Worker(), " pid ") {
			w.t.Errorf("%s at work is %q", event.Step, life.Worker())
		}
	}
	e.Parallel = 1 // so that steps do not report side by side
	out, err = e.Apply(w.t.Context(), request)
	return states, out, err
}

// TestStateWhileARunIsAtWork reads the state of a gateway from another run, while it is
// built, changed and deleted, and after each.
func TestStateWhileARunIsAtWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.gateway("dc1", "10.10.184.1", "10.10.184.9"), newSecrets(t)
	expect := func(what string, want ...model.State) {
		t.Helper()
		if got := w.state(spec.ID); got != want[len(want)-1] {
			t.Errorf("after %s it is %q, want %q", what, got, want[len(want)-1])
		}
	}
	saw := func(what string, states []model.State, want ...model.State) {
		t.Helper()
		if !slices.Equal(states, want) {
			t.Errorf("while %s others saw %v, want %v", what, states, want)
		}
	}
	expect("nothing", "")

	// A creation that fails before the API answers.
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Fault: "InvalidDatastore"}))
	_, _, err := w.during(engine.Request{Spec: spec, Secrets: newSecrets(t)})
	if err == nil {
		t.Fatal("the clone did not fail")
	}
	expect("a creation that failed", model.StateFailed)
	w.sim.ClearFaults()

	states, out, err := w.during(engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	saw("it was built", states, model.StateProvisioning)
	expect("its creation", model.StateRunning)
	spec = kept(spec, out)

	spec.ControlPlane.Count = 3
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "CloneVM_Task", Fault: "InvalidDatastore"}))
	states, out, err = w.during(engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || out.Status.State != model.StateDegraded {
		t.Fatalf("growing: %v, %+v", err, out.Status)
	}
	saw("it grew", states, model.StateUpdating)
	expect("growing has failed", model.StateDegraded)
	life, err := engine.ReadLife(t.Context(), w.engine().Ledger, spec.ID)
	w.must(err)
	if !life.Ran() {
		t.Error("it was Running before")
	}
	w.sim.ClearFaults()
	_, out, err = w.during(engine.Request{Spec: kept(spec, out), Secrets: secrets})
	w.must(err)
	expect("growing", model.StateRunning)
	spec = kept(spec, out)

	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.FailTask, Call: "Destroy_Task", Fault: "InvalidState"}))
	if err := w.engine().Destroy(t.Context(), spec.Target()); err == nil {
		t.Fatal("the deletion did not fail")
	}
	expect("a deletion that failed", model.StateDeleting)
	w.sim.ClearFaults()
	w.must(w.engine().Destroy(t.Context(), spec.Target()))
	expect("its deletion", "")
	w.onlyThePoolIsLeft()
}

// TestStateBeforeTheFirstStep has a run hold the lock of what is not there yet.
func TestStateBeforeTheFirstStep(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	l := w.engine().Ledger
	id := l.ID(record.Ref{Kind: record.KindGateway, Name: "dc1"})
	lease, err := l.Lock(t.Context(), id, "laptop pid 42")
	w.must(err)
	if got := w.state(id); got != model.StatePending {
		t.Errorf("it is %q", got)
	}
	w.must(lease.Release(t.Context()))
	if got := w.state(id); got != "" {
		t.Errorf("after the lock was given back it is %q", got)
	}
}
