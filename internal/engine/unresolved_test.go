package engine_test

import (
	"context"
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestRecordLostAfterTemplateWasDeleted registers a running cluster again whose
// template is gone: nothing is built from it.
func TestRecordLostAfterTemplateWasDeleted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec, secrets, _ := w.applied(w.spec(1, 1))
	w.deleteTemplate(spec)
	tags := w.engine().Ledger
	if err := tags.Unregister(t.Context(), tags.ID(spec.Ref)); err != nil {
		t.Fatal(err)
	}

	p := w.plan(spec, secrets)
	if got := actions(p); !slices.Equal(got, []string{"create_record prod"}) || p.Err() != nil {
		t.Fatalf("planned %v (%v)", got, p.Err())
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	rec := w.record()
	if rec.ID != spec.ID || rec.Datacenter == "" || !rec.APIReached {
		t.Errorf("the record is %+v", rec)
	}
	if p := w.plan(spec, secrets); !p.Empty() || p.Err() != nil {
		t.Errorf("then planned %v (%v)", actions(p), p.Err())
	}

	// What is built from it is refused, on the template alone.
	spec.Workers[0].Count = 2
	p = w.plan(spec, secrets)
	if len(p.Problems) != 1 || p.Problems[0].Fields[0] != model.ClusterField(model.FieldTemplate) {
		t.Errorf("problems %v", p.Problems)
	}
}

// deleteTemplate deletes the template that a spec names.
func (w *world) deleteTemplate(spec model.ClusterSpec) {
	w.t.Helper()
	vc := w.engine().Reader
	survey, err := vc.Survey(w.t.Context(), model.SurveyRequest{Names: spec.Names()})
	if err != nil {
		w.t.Fatal(err)
	}
	task, err := vc.Destroy(w.t.Context(), survey.Site.Template.Ref)
	if err != nil {
		w.t.Fatal(err)
	}
	w.until("the template is gone", func(ctx context.Context) bool {
		res, err := vc.Poll(ctx, model.PollRequest{Tasks: []string{task}})
		return err == nil && res.Tasks[task].Done
	})
}
