package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// without is a vCenter that does not have a VM in its inventory, as while its datastore is
// away and it was unregistered.
type without struct {
	model.VCenter
	node string
}

func (v without) Survey(ctx context.Context, request model.SurveyRequest) (*model.Survey, error) {
	survey, err := v.VCenter.Survey(ctx, request)
	if err != nil {
		return nil, err
	}
	partial := *survey
	partial.Machines = slices.DeleteFunc(slices.Clone(survey.Machines), func(m model.Machine) bool { return m.Marker.Node == v.node })
	return &partial, nil
}

// TestFormerControlPlaneVMThatComesBackIsDeleted has the VM of a control plane that was
// restored meanwhile: it is never powered on beside the new one.
func TestFormerControlPlaneVMThatComesBackIsDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	from := w.snapshot(secrets)
	w.powerOff("prod-cp-1")
	spec = restores(spec, from)
	e := w.engine()
	e.Reader = without{e.Reader, "prod-cp-1"}
	out, err := e.Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	w.must(err)
	spec = kept(spec, out)

	if p := w.plan(spec, secrets); !slices.Equal(actions(p), []string{"delete_node prod-cp-1"}) || p.Err() != nil {
		t.Fatalf("planned %v (%v)", actions(p), p.Problems)
	}
	spec = kept(spec, w.applies(spec, secrets))
	w.restored(spec, secrets, 4)
}

// TestRestoreThatIsGivenUp has a restore, to more nodes than there were, that failed while the
// VM of the control plane was not in the inventory. It is back: the cluster goes on with it,
// and what was written after the snapshot is there.
func TestRestoreThatIsGivenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	from := w.snapshot(secrets)
	w.writes(secrets, "after")
	w.powerOff("prod-cp-1")
	from.SHA256 = strings.Repeat("a", 64) // not that of the file
	e := w.engine()
	e.Reader = without{e.Reader, "prod-cp-1"}
	grown := restores(spec, from)
	grown.ControlPlane.Count = 3
	out, err := e.Apply(t.Context(), engine.Request{Spec: grown, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "sha256") {
		t.Fatalf("applied with %v", err)
	}
	spec = kept(spec, out)
	grown = kept(grown, out)

	if p := w.plan(grown, secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "former control plane are there") {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	w.must(w.sim.PowerOnVM("prod-cp-1"))
	w.eventually(func() bool {
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && facts.API.Answered()
	})
	if p := w.plan(restores(spec, from), secrets); p.Err() == nil || !strings.Contains(p.Err().Error(), "Remove restore_from_snapshot") {
		t.Errorf("planned %v (%v)", actions(p), p.Problems)
	}
	spec = kept(spec, w.applies(spec, secrets))
	if !w.remembers(secrets, "after") {
		t.Error("the cluster does not go on with what it had")
	}
	w.restored(spec, secrets, 4)
}

// TestRestoreThatIsNotReached has a restored control plane that serves, and that the machine
// which runs Terraform has no route to: it is not restored over, and goes on once it is
// reached.
func TestRestoreThatIsNotReached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	spec = restores(spec, w.snapshot(secrets))
	w.must(w.sim.DeleteVM("prod-cp-1"))
	away := func() *engine.Engine {
		e := w.withoutRoute()
		e.Timing.APITimeout = 200 * time.Millisecond
		return e
	}
	out, err := away().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || !strings.Contains(err.Error(), "prod-cp-2 reports that it has joined") {
		t.Fatalf("applied with %v", err)
	}
	spec = kept(spec, out)
	w.writes(secrets, "since")
	if _, err := away().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), "Node \"prod-cp-2\" of \"prod\" has joined") {
		t.Errorf("applied with %v", err)
	}
	// Off it reports nothing, as after its host has failed: that it has joined was recorded, and
	// it is powered on.
	w.powerOff("prod-cp-2")
	if _, err := away().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), "power_on_node prod-cp-2") || !strings.Contains(err.Error(), "delete its VM") {
		t.Errorf("applied with %v", err)
	}
	w.eventually(func() bool {
		_, facts, err := w.engine().Status(t.Context(), spec, secrets)
		return err == nil && facts.API.Answered()
	})
	spec = kept(spec, w.applies(spec, secrets))
	if !w.remembers(secrets, "since") {
		t.Error("it was restored over")
	}
	w.restored(spec, secrets, 4)
}

// withoutRoute is an engine that reaches vCenter, and no cluster.
func (w *world) withoutRoute() *engine.Engine {
	w.t.Helper()
	e := w.engine()
	e.Kube = kube.New(kube.Options{ProxyURL: "http://127.0.0.1:1", Timeout: time.Second, Interval: 20 * time.Millisecond})
	return e
}

// TestRestoreWhoseFirstNodeLosesItsPowerUnseen has a run that ends when the first node has
// joined, and before that was recorded; workers write to it, and its host fails. It goes on
// with what it has, and is not restored over.
func TestRestoreWhoseFirstNodeLosesItsPowerUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.withNetwork(1, 1))
	spec = restores(spec, w.snapshot(secrets))
	spec.ControlPlane.Count = 3
	w.must(w.sim.DeleteVM("prod-cp-1"))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		defer cancel()
		w.until("the first node has joined", func(ctx context.Context) bool {
			_, facts, err := w.engine().Status(ctx, spec, secrets)
			return err == nil && slices.ContainsFunc(facts.Machines, func(m model.Machine) bool {
				return m.Marker.Node == "prod-cp-2" && m.Phase == model.PhaseJoined
			})
		})
	}()
	out, err := w.withoutRoute().Apply(ctx, engine.Request{Spec: spec, Secrets: secrets})
	if err == nil || w.record().APIReached || len(w.record().Pending[model.ControlPlanePool]) != 3 {
		t.Fatalf("applied with %v, and recorded %+v", err, w.record())
	}
	spec = kept(spec, out)
	w.writes(secrets, "since")
	w.powerOff("prod-cp-2")

	p := w.plan(spec, secrets)
	steps := actions(p)
	if !slices.Contains(steps, "power_on_node prod-cp-2") || slices.Contains(steps, "delete_node prod-cp-2") || p.Err() != nil {
		t.Errorf("planned %v (%v)", steps, p.Problems)
	}
	inits := len(w.sim.History().Inits)
	spec = kept(spec, w.applies(spec, secrets))
	if !w.remembers(secrets, "since") || len(w.sim.History().Inits) != inits {
		t.Errorf("it was restored over: %v", w.sim.History().Inits)
	}
	w.restored(spec, secrets, 6)
}
