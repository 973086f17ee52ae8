package engine_test

import (
	"context"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
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
