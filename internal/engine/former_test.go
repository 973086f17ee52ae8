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
		e := w.engine()
		e.Kube = kube.New(kube.Options{ProxyURL: "http://127.0.0.1:1", Timeout: time.Second, Interval: 20 * time.Millisecond})
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
	// Off it reports nothing, as after its host has failed: that it has joined was recorded.
	w.powerOff("prod-cp-2")
	if _, err := away().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err == nil ||
		!strings.Contains(err.Error(), "Node \"prod-cp-2\" of \"prod\" has joined") {
		t.Errorf("applied with %v", err)
	}
	w.must(w.sim.PowerOnVM("prod-cp-2"))
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
