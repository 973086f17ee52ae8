package plan_test

import (
	"slices"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestPlanTellsWhatHasChangedOfAChart plans nothing about objects of a release that others have
// changed, and names them; unless the release is upgraded in any case, or drift is not looked for.
func TestPlanTellsWhatHasChangedOfAChart(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	pack := chartPack("app", "1.0.0", "sha256:1", "a: 1")
	f.API.Packs["app"] = applied(pack, 1)
	ref := func(name string) model.ObjectRef {
		return model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: name}
	}
	drift := model.NewReleaseDrift(pack.Release(), model.DeployedRelease{Revision: 3, Version: "1.0.0", ServerSide: true}, []model.Drift{
		{ObjectRef: ref("one"), Fields: []string{".data.colour"}, By: []string{"kubectl-edit"}}, {ObjectRef: ref("two")},
	})
	drift.Problem = "list the widgets: no answer"
	f.API.Drift = map[string]model.PackDrift{"app": drift}
	s.Packs = append(slices.Clone(s.Packs), pack)
	p := planned(s, f.PlanInputs())
	wantSteps(t, p, "")
	wantWarnings(t, p, 1)
	warned := on(p.Warnings, model.ClusterField(model.FieldPacks))
	if !says(warned, "ConfigMap apps/one (.data.colour, set by kubectl-edit)", "ConfigMap apps/two (missing)", "The next upgrade of") ||
		!says(warned, "list the widgets: no answer") ||
		!says(warned, "`helm rollback app 3 -n apps --force-conflicts`") {
		t.Errorf("warned %v", p.Warnings)
	}

	s.Packs[len(s.Packs)-1] = chartPack("app", "1.1.0", "sha256:2", "a: 1")
	p = planned(s, f)
	wantSteps(t, p, "upgrade_pack app (demo 1.1.0)")
	wantWarnings(t, p, 0)
	s.Packs[len(s.Packs)-1] = pack
	s.Packs[len(s.Packs)-1].IgnoresDrift = true
	wantWarnings(t, planned(s, f), 0)

	s.Packs[len(s.Packs)-1].IgnoresDrift = false
	manifests := settings("other", "addon", "one")
	s.Packs = append(s.Packs, manifests)
	hasApplied(f, manifests, 2)
	f.API.Drift = map[string]model.PackDrift{"app": {Late: true}, "other": {Late: true}}
	p = planned(s, f)
	wantWarnings(t, p, 1)
	if !says(on(p.Warnings, model.ClusterField(model.FieldPacks)), "app, other") {
		t.Errorf("warned %v", p.Warnings)
	}
}
