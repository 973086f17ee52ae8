package engine_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestCreationInAnOldVCenter has a vCenter say which version it has: nothing is created in one
// that is too old, and of one out of support a creation warns, and no later plan.
func TestCreationInAnOldVCenter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Version: "6.5"})
	spec := w.spec(1, 0)
	const tooOld = "This vCenter has version 6.5.0 of its API"
	p, err := w.engine().PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	if p.Err() == nil || !strings.Contains(p.Err().Error(), tooOld) {
		t.Errorf("the plan says %v", p.Err())
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: newSecrets(t)}); err == nil ||
		!strings.Contains(err.Error(), tooOld) {
		t.Errorf("the apply says %v", err)
	}
	w.untouched(spec)

	w = newWorld(t, simulator.Options{Version: "6.7.3"})
	warned := func(p *model.Plan) bool {
		return slices.ContainsFunc(p.Warnings, func(f model.Finding) bool {
			return f.Summary == "vCenter is no longer supported" && strings.Contains(f.Detail, "6.7.3.0")
		})
	}
	p, err = w.engine().PlanCreation(t.Context(), spec, unknownFormer)
	w.must(err)
	if p.Err() != nil || !warned(p) {
		t.Errorf("the plan of a creation says %v and %v", p.Err(), p.Warnings)
	}
	spec = w.spec(1, 0)
	spec, secrets, _ := w.applied(spec)
	spec.ControlPlane.Count = 3
	if p := w.plan(spec, secrets); p.Err() != nil || warned(p) {
		t.Errorf("a later plan says %v and %v", p.Err(), p.Warnings)
	}
}
