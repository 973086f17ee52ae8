package engine_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// clusterEvents are the events that Gantry has written into the cluster, by what they are
// of.
func (w *world) clusterEvents(secrets *model.Secrets) map[string][]eventsv1.Event {
	w.t.Helper()
	list, err := w.client(secrets).EventsV1().Events("").List(w.t.Context(), metav1.ListOptions{})
	w.must(err)
	events := map[string][]eventsv1.Event{}
	for _, e := range list.Items {
		of := e.Namespace + "/" + e.Regarding.Kind + "/" + e.Regarding.Name
		events[of] = append(events[of], e)
	}
	return events
}

// told are the messages that were logged to a VM, without the times in them.
func (w *world) told(vm string) []string {
	var messages []string
	for _, e := range w.sim.UserEvents() {
		if e.VM == vm {
			messages = append(messages, regexp.MustCompile(`after \S+$`).ReplaceAllString(e.Message, "after T"))
		}
	}
	return messages
}

// TestEventsOfALife builds a cluster, replaces a worker and destroys all of it. What was
// done stands at the nodes, in kube-system and at the VMs.
func TestEventsOfALife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets := w.spec(1, 1), newSecrets(t)
	build := func() {
		t.Helper()
		e := w.engine()
		e.Events = true
		out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
		w.must(err)
		spec.ID, spec.Incarnation, spec.New = out.ID, out.Incarnation, false
	}
	build()
	want := []string{"CreateNodeDone", "CreateNodeStarted"}
	events := w.clusterEvents(secrets)
	for _, node := range []string{"prod-cp-1", "prod-general-1"} {
		var reasons []string
		for _, e := range events["default/Node/"+node] {
			reasons = append(reasons, e.Reason)
			if e.ReportingController != "gantry.io/terraform-provider" || e.Type != "Normal" || string(e.Regarding.UID) != node {
				t.Errorf("the event is %+v", e)
			}
		}
		slices.Sort(reasons)
		if !slices.Equal(reasons, want) {
			t.Errorf("%s has the events %v", node, reasons)
		}
		if got := w.told(node); !slices.Equal(got, []string{`Gantry: cluster "prod": create_node ` + node + ": done after T"}) {
			t.Errorf("the VM of %s has the events %q", node, got)
		}
	}
	if got := events["kube-system/Secret/gantry-cluster"]; len(got) == 0 || !strings.HasPrefix(got[0].Note, "create_record prod: ") {
		t.Errorf("the cluster has the events %v", got)
	}

	spec.ReplaceNodes = []string{"prod-general-1"}
	build()
	replaced := w.told("prod-general-1")
	if len(replaced) != 2 || replaced[1] != `Gantry: cluster "prod": delete_node prod-general-1: started` {
		t.Errorf("a VM that is deleted has the events %q", replaced)
	}
	if got := w.clusterEvents(secrets)["default/Node/prod-general-1"]; len(got) != 4 {
		t.Errorf("a node that is deleted has the events %v", got)
	}
}

// TestEventsOfAFailure has a node fail: its event is a warning, and carries no more than
// the first line of why.
func TestEventsOfAFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 0))
	w.must(w.sim.AddFault(simulator.Fault{
		Kind: simulator.FailTask, Call: "PowerOnVM_Task", Fault: "InsufficientHostCapacityFault", Times: -1,
	}))
	e := w.engine()
	e.Events = true
	spec.Workers[0].Count = 1
	if _, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil {
		t.Fatal("a VM that could not be powered on is no error")
	}
	var warned []string
	for _, e := range w.clusterEvents(secrets)["default/Node/prod-general-1"] {
		if e.Type == "Warning" {
			warned = append(warned, e.Reason+" "+e.Note)
		}
	}
	const words = "CreateNodeFailed create_node prod-general-1: failed after "
	if len(warned) != 1 || !strings.HasPrefix(warned[0], words) || strings.Contains(warned[0], "\n") {
		t.Errorf("warned: %q", warned)
	}
	if got := w.told("prod-general-1"); len(got) != 1 || !strings.Contains(got[0], ": failed after ") {
		t.Errorf("the VM has the events %q", got)
	}
}

// TestEventsWithoutThePrivilege asks vCenter once, and goes on.
func TestEventsWithoutThePrivilege(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.sim.DenyPrivilege(w.sim.Username(), "Global.LogEvent")
	spec, secrets := w.spec(1, 3), newSecrets(t)
	e := w.engine()
	e.Events = true
	_, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	if calls := w.sim.Calls().SOAP["LogUserEvent"]; calls != 1 {
		t.Errorf("vCenter was asked %d times", calls)
	}
}

// TestWaitsAreReported builds a cluster whose clones and boots take long: at least as often
// as promised, each of its steps says what it waits for, until it ends.
func TestWaitsAreReported(t *testing.T) {
	t.Parallel()
	const every = 200 * time.Millisecond
	w := newWorld(t, simulator.Options{BootDelay: 2 * time.Second})
	w.sim.SetCloneDuration(2 * time.Second)
	e := w.engine()
	e.Timing.ReportEvery = every
	var mu sync.Mutex
	last := map[model.Change]time.Time{}
	longest := map[model.Change]time.Duration{}
	waits := map[string]bool{}
	e.Report = func(_ context.Context, event model.Event) {
		mu.Lock()
		defer mu.Unlock()
		if began, ok := last[event.Step]; ok && !event.Whole() {
			longest[event.Step] = max(longest[event.Step], event.Time.Sub(began))
		}
		last[event.Step] = event.Time
		if event.Ends() {
			delete(last, event.Step)
		}
		if event.Status == model.EventWaiting {
			waits[event.Message] = true
		}
	}
	_, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 1), Secrets: newSecrets(t)})
	w.must(err)
	mu.Lock()
	defer mu.Unlock()
	for step, silent := range longest {
		// The machine that runs this may be busy.
		if silent > 10*every {
			t.Errorf("%s was silent for %s", step, silent)
		}
	}
	for _, want := range []string{"^vCenter, which clones its VM$", "^its node to join: .*(its API was not reached|does not answer)"} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(waits)), regexp.MustCompile(want).MatchString) {
			t.Errorf("nothing waits for %s, but for %q", want, slices.Sorted(maps.Keys(waits)))
		}
	}
	if len(last) > 0 {
		t.Errorf("these have not ended: %v", last)
	}
}

// TestEventsHoldNothingUp has vCenter answer no event: a run that is stopped ends all the
// same, soon.
func TestEventsHoldNothingUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	w.must(w.sim.AddFault(simulator.Fault{Kind: simulator.DelayCall, Call: "LogUserEvent", Delay: 20 * time.Second, Times: -1}))
	e := w.engine()
	e.Events = true
	began := time.Now()
	_, err := e.Apply(t.Context(), engine.Request{Spec: w.spec(1, 4), Secrets: newSecrets(t)})
	w.must(err)
	if took := time.Since(began); took > 40*time.Second {
		t.Errorf("the run took %s", took)
	}
}
