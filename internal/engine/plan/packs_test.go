package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

func chartPack(name, version, digest string, values ...string) model.Pack {
	return model.Pack{Name: name, Layer: "addon", Chart: &model.Chart{
		Name: "demo", Repository: "https://charts.example.com", Version: version, Namespace: "apps", Values: values,
		Resolved: model.ResolvedChart{Name: "demo", Version: version, Digest: digest},
	}}
}

// applied is what a cluster holds of a pack that was applied.
func applied(k model.Pack, position int) model.AppliedPack {
	release := k.Release()
	return model.AppliedPack{
		Hash: k.Hash(), Digest: k.Chart.Resolved.Digest, Source: k.Chart.Source(), Release: &release, Position: position,
	}
}

// TestPlanOfCharts has what is done about a pack of a chart, by what the cluster holds.
func TestPlanOfCharts(t *testing.T) {
	t.Parallel()
	was := chartPack("app", "1.0.0", "sha256:1", "a: 1")
	begun := applied(was, 1)
	begun.Hash = ""
	upgraded := begun // and not to its end
	begun.Digest = ""
	elsewhere := chartPack("app", "1.0.0", "sha256:1", "a: 1")
	elsewhere.Chart.Namespace = "other"
	unresolved := chartPack("app", "1.0.0", "", "a: 1")
	unresolved.Chart.Resolved.Problem = "The repository does not answer."
	manifests := model.Pack{Name: "app", Layer: "addon", Manifests: []string{"x"}}
	mirrored := chartPack("app", "1.0.0", "sha256:1", "a: 1")
	mirrored.Chart.Repository = "https://mirror.example.com"
	had := map[string]model.AppliedPack{"app": applied(was, 1)}
	for name, c := range map[string]struct {
		want model.Pack
		have map[string]model.AppliedPack
		do   []string
	}{
		"new":                  {was, nil, []string{"install_pack app (demo 1.0.0)"}},
		"as it was":            {was, had, nil},
		"values by meaning":    {chartPack("app", "1.0.0", "sha256:1", "a: 2", "'a': 1 # so"), had, nil},
		"from a mirror":        {mirrored, had, nil},
		"not found, as it was": {unresolved, had, nil},
		"values":               {chartPack("app", "1.0.0", "sha256:1", "a: 2"), had, []string{"upgrade_pack app (demo 1.0.0)"}},
		"version":              {chartPack("app", "1.1.0", "sha256:2", "a: 1"), had, []string{"upgrade_pack app (demo 1.1.0)"}},
		"content":              {chartPack("app", "1.0.0", "sha256:2", "a: 1"), had, []string{"upgrade_pack app (demo 1.0.0)"}},
		"not installed":        {was, map[string]model.AppliedPack{"app": begun}, []string{"install_pack app (demo 1.0.0)"}},
		"taken back":           {was, map[string]model.AppliedPack{"app": upgraded}, []string{"upgrade_pack app (demo 1.0.0)"}},
		"namespace": {elsewhere, had,
			[]string{"uninstall_pack app (demo 1.0.0)", "install_pack app (demo 1.0.0)"}},
		"to manifests": {manifests, had,
			[]string{"uninstall_pack app (demo 1.0.0)", "apply_pack app"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			s.Packs = append(slices.Clone(s.Packs), c.want)
			for pack, have := range c.have {
				f.API.Packs[pack] = have
			}
			p := planned(s, f)
			if got := changes(p); !slices.Equal(got, c.do) || len(p.Problems) > 0 {
				t.Errorf("planned %v, %v", got, p.Problems)
			}
		})
	}
}

// TestPlanUninstallsTheLastFirst takes two packs out, of which one needed the other.
func TestPlanUninstallsTheLastFirst(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	f.API.Packs["a"] = applied(chartPack("a", "1.0.0", "sha256:1"), 1)
	f.API.Packs["b"] = applied(chartPack("b", "1.0.0", "sha256:1"), 2)
	p := planned(s, f)
	if got := changes(p); !slices.Equal(got, []string{"uninstall_pack b (demo 1.0.0)", "uninstall_pack a (demo 1.0.0)"}) {
		t.Errorf("planned %v", got)
	}
}

func TestPlanRefusesChartsThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	pack := chartPack("app", "1.0.0", "")
	pack.Chart.Resolved.Problem = "The repository does not answer."
	s.Packs = append(slices.Clone(s.Packs), pack)
	if p := planned(s, f); !says(on(p.Problems, model.PackField("app", model.FieldChart)), "The repository does not answer.") {
		t.Errorf("%v", p.Problems)
	}
	s.Packs[len(s.Packs)-1] = chartPack("app", "1.0.0", "sha256:1")
	f.API.Packs["app"] = model.AppliedPack{Hash: "manifests"}
	if p := planned(s, f); !says(on(p.Problems, model.PackField("app", model.FieldChart)), `"app" becomes one of a chart`) {
		t.Errorf("%v", p.Problems)
	}
}

// TestPlanOfChartsThatAreNotFound says what becomes of a plan where a chart is not what it was:
// refused where something is to be done with it, or the version of Kubernetes changes, and a
// warning, or nothing, otherwise.
func TestPlanOfChartsThatAreNotFound(t *testing.T) {
	t.Parallel()
	was := chartPack("app", "1.0.0", "sha256:1", "a: 1")
	lost := func(change func(*model.Chart)) model.Pack {
		pack := chartPack("app", "1.0.0", "", "a: 1")
		pack.Chart.Resolved = model.ResolvedChart{Problem: "It is not there."}
		change(pack.Chart)
		return pack
	}
	away := func(c *model.Chart) { c.Resolved.Unreachable = true }
	begun := applied(was, 1)
	begun.Hash = ""
	onDisk := func(c *model.Chart) { c.Repository, c.Name, c.Path = "", "", "charts/app" }
	ofDisk := applied(was, 1)
	ofDisk.Source = lost(onDisk).Chart.Source()
	unfit := chartPack("app", "1.0.0", "sha256:1", "a: 1")
	unfit.Chart.Resolved.Problem = "It is for another Kubernetes."
	for name, c := range map[string]struct {
		want          model.Pack
		have          model.AppliedPack
		silent        bool
		upgrade       bool
		refused, warn bool
	}{
		"its server is away":                {want: lost(away), have: applied(was, 1)},
		"its server has it no more":         {want: lost(func(*model.Chart) {}), have: applied(was, 1), warn: true},
		"another version is not there":      {want: lost(func(c *model.Chart) { c.Version = "2.0.0" }), have: applied(was, 1), refused: true},
		"another server is away":            {want: lost(func(c *model.Chart) { away(c); c.Name = "x" }), have: applied(was, 1), refused: true},
		"other values, and it is away":      {want: lost(func(c *model.Chart) { away(c); c.Values = nil }), have: applied(was, 1), refused: true},
		"a folder that is broken":           {want: lost(onDisk), have: ofDisk, refused: true},
		"not finished, and it is away":      {want: lost(away), have: begun, warn: true},
		"the API is silent":                 {want: lost(func(*model.Chart) {}), have: applied(was, 1), silent: true},
		"unfit, as it was":                  {want: unfit, have: applied(was, 1), warn: true},
		"unfit for a version that is to be": {want: unfit, have: applied(was, 1), upgrade: true, refused: true},
		"unfit, and the API is silent":      {want: unfit, have: applied(was, 1), silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			if c.upgrade {
				f = runningAt("1.36.3", 3, 1)
			}
			s.Packs = append(slices.Clone(s.Packs), c.want)
			f.API.Packs["app"] = c.have
			if c.silent {
				f.API = model.APIFacts{Asked: true, Error: "no route"}
			}
			p := planned(s, f)
			field := model.PackField("app", model.FieldChart)
			if refused := len(on(p.Problems, field)) > 0; refused != c.refused {
				t.Errorf("refused %v: %v", refused, p.Problems)
			}
			if warns := len(on(p.Warnings, field)) > 0; warns != c.warn {
				t.Errorf("warns %v: %v", warns, p.Warnings)
			}
			if got := changes(p); !c.refused && slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "_pack app") }) {
				t.Errorf("planned %v", got)
			}
		})
	}
}

// TestPlanOfChartsThatAreLookedForLater has charts of a server whose login the apply makes: they are
// installed and upgraded by what the configuration says of them.
func TestPlanOfChartsThatAreLookedForLater(t *testing.T) {
	t.Parallel()
	later := func(oci, version string) model.Pack {
		pack := chartPack("app", version, "", "a: 1")
		pack.Chart.Name, pack.Chart.Repository, pack.Chart.OCI = "", "", oci
		pack.Chart.Resolved = model.ResolvedChart{Later: true}
		return pack
	}
	const oci = "oci://charts.example.com/team/demo"
	was := later(oci, "1.0.0")
	was.Chart.Resolved = model.ResolvedChart{Name: "demo", Version: "1.0.0", Digest: "sha256:1"}
	had := map[string]model.AppliedPack{"app": applied(was, 1)}
	for name, c := range map[string]struct {
		want model.Pack
		have map[string]model.AppliedPack
		do   string
	}{
		"installed":       {later(oci, "1.0.0"), nil, "install_pack app (demo 1.0.0)"},
		"as it was":       {later(oci, "1.0.0"), had, ""},
		"another version": {later(oci, "2.0.0"), had, "upgrade_pack app (demo 2.0.0)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			s.Packs = append(slices.Clone(s.Packs), c.want)
			for name, pack := range c.have {
				f.API.Packs[name] = pack
			}
			p := planned(s, f)
			if got := strings.Join(changes(p), ", "); got != c.do || p.Err() != nil {
				t.Errorf("planned %v (%v)", got, p.Problems)
			}
		})
	}
}

func changes(p *model.Plan) []string {
	var list []string
	for _, c := range p.Changes() {
		list = append(list, c.String())
	}
	return list
}
