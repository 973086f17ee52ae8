package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestPlanSetsBackWhatHasChanged applies those objects of a pack that have changed, and says which,
// unless drift is not looked for, or the pack is applied again in any case.
func TestPlanSetsBackWhatHasChanged(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	pack := settings("app", "addon", "one", "two")
	hasApplied(f, pack, 1)
	two := model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: "two"}
	f.API.Drift = map[string]model.PackDrift{"app": model.NewPackDrift([]model.Drift{
		{ObjectRef: two, Fields: []string{".data.colour"}, By: []string{"kubectl-edit"}},
	})}
	s.Packs = append(slices.Clone(s.Packs), pack)
	p := planned(s, f)
	wantSteps(t, p, "apply_pack app (sets back 1 object)")
	step, _ := p.Steps()[0].(model.ApplyPack)
	if !slices.Equal(step.SetsBack, []model.ObjectRef{two}) {
		t.Errorf("sets back %v", step.SetsBack)
	}
	warned := on(p.Warnings, model.ClusterField(model.FieldPacks))
	if !says(warned, "ConfigMap apps/two (.data.colour, set by kubectl-edit)", "drift_detection = false") || warned[0].Summary !=
		`Objects of the pack "app" have changed` {
		t.Errorf("warned %v", p.Warnings)
	}
	s.ShownRepairs(nil) // what has changed since a plan waits for the next one
	wantSteps(t, planned(s, f), "")
	s.ShownRepairs([]model.Change{{Action: model.ActionApplyPack, Target: "app"}}) // another run has applied it meanwhile
	wantSteps(t, planned(s, f), "")
	s.ShownRepairs([]model.Change{{Action: model.ActionApplyPack, Target: "app (prunes 1 object, sets back 2 objects)"}})
	wantSteps(t, planned(s, f), "apply_pack app (sets back 1 object)")
	s.SetsBack = nil

	s.Packs[len(s.Packs)-1] = settings("app", "addon", "one")
	p = planned(s, f)
	wantSteps(t, p, "apply_pack app (prunes 1 object)")
	wantWarnings(t, p, 0) // the one that has changed leaves
	s.Packs[len(s.Packs)-1] = pack
	s.Packs[len(s.Packs)-1].IgnoresDrift = true
	p = planned(s, f)
	wantSteps(t, p, "")
	wantWarnings(t, p, 0)
}

// TestPlanTellsWhatStaysChanged plans nothing about objects that cannot be set back, or that change
// again each time, nor about what could not be looked at, and says so of each pack.
func TestPlanTellsWhatStaysChanged(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	app, other := settings("app", "addon", "one"), settings("other", "addon", "two")
	hasApplied(f, app, 1)
	hasApplied(f, other, 2)
	held := model.Drift{ObjectRef: f.API.Inventories["app"][1], Fields: []string{".data"}, By: []string{"certgen"}, Held: "the API refuses it"}
	f.API.Drift = map[string]model.PackDrift{"app": model.NewPackDrift([]model.Drift{held}), "other": {Problem: "list the widgets: no answer"}}
	s.Packs = append(slices.Clone(s.Packs), app, other)
	p := planned(s, f)
	wantSteps(t, p, "")
	wantWarnings(t, p, 2)
	warned := on(p.Warnings, model.ClusterField(model.FieldPacks))
	if !says(warned, "ConfigMap apps/one (.data, set by certgen: the API refuses it)") || !says(warned, "list the widgets: no answer") ||
		warned[0].Summary == warned[1].Summary {
		t.Errorf("warned %v", p.Warnings)
	}
}

// TestPlanTellsOnceWhatTheTimeWasNotEnoughFor names all packs that were not compared in one warning.
func TestPlanTellsOnceWhatTheTimeWasNotEnoughFor(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	f.API.Drift = map[string]model.PackDrift{}
	for i, name := range []string{"one", "two", "three"} {
		pack := settings(name, "addon", name)
		hasApplied(f, pack, i+1)
		f.API.Drift[name] = model.PackDrift{Late: name != "two"}
		s.Packs = append(slices.Clone(s.Packs), pack)
	}
	p := planned(s, f.PlanInputs())
	wantSteps(t, p, "")
	wantWarnings(t, p, 1)
	if !says(on(p.Warnings, model.ClusterField(model.FieldPacks)), "of the packs one, three") {
		t.Errorf("warned %v", p.Warnings)
	}
}

// TestRememberedDriftIsBounded has a refresh remember some of many objects, and how many they are.
func TestRememberedDriftIsBounded(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	pack := settings("app", "addon", "one")
	hasApplied(f, pack, 1)
	f.API.Drift = map[string]model.PackDrift{"app": model.NewPackDrift(make([]model.Drift, 1000))}
	f = f.PlanInputs()
	if got := len(f.API.Drift["app"].Back); got > 10 {
		t.Errorf("remembers %d objects", got)
	}
	s.Packs = append(slices.Clone(s.Packs), pack)
	wantSteps(t, planned(s, f), "apply_pack app (sets back 1000 objects)")
}
