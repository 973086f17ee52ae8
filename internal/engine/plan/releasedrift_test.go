package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestEachChangeOfAReleaseHasItsSentence has one warning a pack, whatever has become of its release, with
// a sentence for each case and a remedy that works for it.
func TestEachChangeOfAReleaseHasItsSentence(t *testing.T) {
	t.Parallel()
	object := func(name string, d model.Drift) model.Drift {
		d.ObjectRef = model.ObjectRef{Kind: "ConfigMap", Namespace: "apps", Name: name}
		return d
	}
	changed := object("one", model.Drift{Fields: []string{".data.a"}, By: []string{"kubectl-edit"}})
	missing := object("two", model.Drift{})
	others := object("three", model.Drift{Release: "apps/other"})
	leaving := object("four", model.Drift{Leaving: []string{"example.com/stuck"}})
	copied := object("one", model.Drift{Fields: []string{".data.a"}, By: []string{"kubectl-edit"}, Held: "it may be the only copy"})
	claim, webhook := object("five", model.Drift{}), object("five", model.Drift{})
	claim.Kind = "PersistentVolumeClaim"
	webhook.Group, webhook.Kind, webhook.Namespace = "admissionregistration.k8s.io", "ValidatingWebhookConfiguration", ""
	is := model.DeployedRelease{Revision: 3, Version: "v1.0.0", ServerSide: true}
	byOlder, byHand := is, is
	byOlder.ServerSide = false
	byHand.Version = "1.2.0"
	var many []model.Drift
	for n := range 20 {
		many = append(many, object(fmt.Sprint("m-", n), changed))
	}
	const rollback = "`helm rollback app 3 -n apps"
	for name, c := range map[string]struct {
		deployed model.DeployedRelease
		found    []model.Drift
		gone     bool
		problem  string
		summary  string
		says     []string
		not      string
	}{
		"changed": {
			is, []model.Drift{changed}, false, "", "have changed",
			[]string{
				"Others have changed what its release sets: ConfigMap apps/one (.data.a, set by kubectl-edit).",
				rollback + " --force-conflicts`",
			},
			"there are missing",
		},
		"missing": {
			is, []model.Drift{missing}, false, "", "have changed",
			[]string{"there are missing: ConfigMap apps/two", rollback}, "Others",
		},
		"by an older Helm": {byOlder, []model.Drift{changed}, false, "", "have changed", []string{rollback + "`"}, "--force"},
		"a Secret's data": {
			is, []model.Drift{copied}, false, "", "have changed", []string{"the only copy"}, "rollback",
		},
		"a webhook that is missing": {
			is, []model.Drift{changed, webhook}, false, "", "have changed",
			[]string{"there are missing: ValidatingWebhookConfiguration"}, "rollback",
		},
		"a claim that is missing": {
			is, []model.Drift{claim}, false, "", "have changed", []string{"there are missing: PersistentVolumeClaim apps/five"}, "rollback",
		},
		"another release's": {
			is, append(slices.Clone(many), others), false, "", "have changed",
			[]string{"another release by now: ConfigMap apps/three (of the release apps/other)",
				"out of one of the two charts", "There are 11 more."},
			"rollback",
		},
		"leaving": {
			is, []model.Drift{leaving}, false, "", "have changed",
			[]string{"do not go: ConfigMap apps/four (waits for example.com/stuck)"}, "rollback",
		},
		"gone": {
			model.DeployedRelease{}, nil, true, "", "is gone",
			[]string{"no release apps/app", "an apply installs it again"}, "rollback",
		},
		"by hand": {byHand, nil, false, "", "changed by hand", []string{"has version 1.2.0 of its chart in revision 3"}, "rollback"},
		"all": {
			byHand, []model.Drift{changed, missing}, false, "no answer.", "have changed",
			[]string{"Others have", "missing", "version 1.2.0", "is not known: no answer. To"}, "",
		},
		"unread":  {is, nil, false, "no answer", "could not be compared", []string{"no answer."}, "rollback"},
		"nothing": {is, nil, false, "", "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			pack := chartPack("app", "1.0.0", "sha256:1", "a: 1")
			f.API.Packs["app"] = applied(pack, 1)
			s.Packs = append(slices.Clone(s.Packs), pack)
			drift := model.NewReleaseDrift(pack.Release(), c.deployed, c.found)
			drift.Gone, drift.Problem = c.gone, c.problem
			if !drift.Empty() {
				f.API.Drift = map[string]model.PackDrift{"app": drift}
			}
			p := planned(s, f.PlanInputs())
			if c.gone {
				wantSteps(t, p, "install_pack app (demo 1.0.0)")
			} else {
				wantSteps(t, p, "")
			}
			if c.summary == "" {
				wantWarnings(t, p, 0)
				return
			}
			wantWarnings(t, p, 1)
			warning := p.Warnings[0]
			if !strings.Contains(warning.Summary, c.summary) || c.not != "" && strings.Contains(warning.Detail, c.not) {
				t.Errorf("warned %+v", warning)
			}
			for _, text := range append(c.says, "drift_detection = false") {
				if !strings.Contains(warning.Detail, text) {
					t.Errorf("it does not say %q: %s", text, warning.Detail)
				}
			}
		})
	}
}
