package engine_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/simulator"
)

// TestDescriptionChangesInPlace shows that description and tags are in the record
// and the VMs' notes, change in both, and leave alone what others have written.
func TestDescriptionChangesInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	spec := w.spec(1, 1)
	spec.Description = "Shop\n\nCall the team before you touch it."
	spec.Tags = map[string]string{"team": "shop"}
	spec, secrets, _ := w.applied(spec)
	w.describes(spec, "Call the team before you touch it.", "team = shop")

	e := w.engine()
	for vm, notes := range w.notes(spec) {
		task, err := e.Reader.SetNotes(t.Context(), vm, notes+"\n\nBacked up on Monday.")
		if err != nil {
			t.Fatal(err)
		}
		w.until("the notes are written", func(ctx context.Context) bool {
			res, err := e.Reader.Poll(ctx, model.PollRequest{Tasks: []string{task}})
			return err == nil && res.Tasks[task].Done
		})
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Fatalf("what others write is not a change: %v", actions(p))
	}

	spec.Description = "Shop of the south"
	spec.Tags = nil
	if got := actions(w.plan(spec, secrets)); !slices.Equal(got, []string{"update_description prod"}) {
		t.Fatalf("planned %v", got)
	}
	if _, err := w.engine().Apply(t.Context(), engine.Request{Spec: spec, Secrets: secrets}); err != nil {
		t.Fatal(err)
	}
	w.describes(spec, "Shop of the south", "Backed up on Monday.")
	for _, notes := range w.notes(spec) {
		if strings.Contains(notes, "Call the team") || strings.Contains(notes, "team = shop") {
			t.Errorf("the old description is left: %s", notes)
		}
	}
	if p := w.plan(spec, secrets); !p.Empty() {
		t.Errorf("then planned %v", actions(p))
	}
}

// notes are the notes of the cluster's VMs, by reference.
func (w *world) notes(spec model.ClusterSpec) map[string]string {
	w.t.Helper()
	survey, err := w.engine().Reader.Survey(w.t.Context(), model.SurveyRequest{Cluster: spec.ID})
	if err != nil || len(survey.Notes) == 0 {
		w.t.Fatalf("no notes: %v", err)
	}
	return survey.Notes
}

// describes fails where the record or the notes of a VM do not have the description,
// or the notes not all of the words.
func (w *world) describes(spec model.ClusterSpec, words ...string) {
	w.t.Helper()
	if got := w.record(); got.Description != spec.Description || len(got.Tags) != len(spec.Tags) {
		w.t.Errorf("the record has %q and %v", got.Description, got.Tags)
	}
	for vm, notes := range w.notes(spec) {
		for _, word := range words {
			if !strings.Contains(notes, word) {
				w.t.Errorf("the notes of %s do not say %q: %s", vm, word, notes)
			}
		}
	}
}
