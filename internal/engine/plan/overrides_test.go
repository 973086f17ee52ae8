package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// TestPlanOfOverrides has what a plan says where the profile changes under an override, and what
// it does: the release changes where the outcome does.
func TestPlanOfOverrides(t *testing.T) {
	t.Parallel()
	made, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	secrets := &model.Secrets{Authorities: made}
	pack := func(override, profile string) model.Pack {
		k := chartPack("app", "1.0.0", "sha256:1", profile)
		k.Chart.Override = override
		return k
	}
	upgrade := []string{"upgrade_pack app (demo 1.0.0)"}
	for name, c := range map[string]struct {
		override, profile string
		refuse            bool
		do                []string
		warns, problem    []string // words of each
	}{
		"as it was":        {override: "a: 5", profile: "a: 1\nb: 1"},
		"another override": {override: "a: 6", profile: "a: 1\nb: 1", do: upgrade},
		"a key of its own": {override: "a: 5", profile: "a: 1\nb: 2", do: upgrade,
			warns: []string{`the pack "app"`, "From the profile come: b."}},
		"a conflict": {override: "a: 5", profile: "a: 2\nb: 1", warns: []string{"has changed a of the pack", "the override wins"}},
		"a conflict refused": {override: "a: 5", profile: "a: 2\nb: 1", refuse: true,
			problem: []string{"has changed a of", "override_conflicts"}},
		"both, refused": {override: "a: 5", profile: "a: 2\nb: 2", refuse: true, do: upgrade,
			warns: []string{"come: b."}, problem: []string{"has changed a of"}},
		"no conflict, refused": {override: "a: 5", profile: "a: 5\nb: 1", refuse: true, warns: []string{"come: a."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			s.Packs = append(slices.Clone(s.Packs), pack("a: 5", "a: 1\nb: 1"))
			s.SetBuiltWith(secrets)
			was := s.Packs[len(s.Packs)-1]
			have := applied(was, 1)
			have.Profile = was.ProfileValues()
			f.API.Packs["app"] = have

			s.Packs[len(s.Packs)-1] = pack(c.override, c.profile)
			s.RefuseConflicts = c.refuse
			s.SetBuiltWith(secrets)
			p := planned(s, f)
			if got := changes(p); !slices.Equal(got, c.do) {
				t.Errorf("planned %v", got)
			}
			at := model.PackField("app", model.FieldOverride)
			for _, said := range []struct {
				findings []model.Finding
				words    []string
			}{{on(p.Warnings, at), c.warns}, {on(p.Problems, at), c.problem}} {
				text := ""
				for _, finding := range said.findings {
					text += finding.String()
				}
				if (text != "") != (said.words != nil) || slices.ContainsFunc(said.words, func(w string) bool { return !strings.Contains(text, w) }) {
					t.Errorf("said %q, and not %q", text, said.words)
				}
			}
		})
	}
}
