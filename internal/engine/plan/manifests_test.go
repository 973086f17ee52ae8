package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// settings is a pack of ConfigMaps in a namespace of its own.
func settings(name, layer string, objects ...string) model.Pack {
	manifest := "apiVersion: v1\nkind: Namespace\nmetadata: {name: apps}\n"
	for _, object := range objects {
		manifest += fmt.Sprintf("---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: apps}\n", object)
	}
	return model.Pack{Name: name, Layer: layer, Manifests: []string{manifest}}
}

// hasApplied has the cluster hold a pack of manifests as it was applied.
func hasApplied(f *model.Facts, k model.Pack, position int) {
	f.API.Packs[k.Name] = model.AppliedPack{
		Hash: k.Hash(), Inventory: true, KeepObjects: k.KeepObjects, Layer: k.Layer, Position: position,
	}
	if f.API.Inventories == nil {
		f.API.Inventories = map[string][]model.ObjectRef{}
	}
	f.API.Inventories[k.Name] = k.Objects()
}

func keepsObjects(k model.Pack) model.Pack {
	k.KeepObjects = true
	return k
}

// TestPlanOfManifests has what is done about a pack of manifests that was applied, by what is
// to be there.
func TestPlanOfManifests(t *testing.T) {
	t.Parallel()
	was := settings("app", "addon", "one", "two", "three")
	became := chartPack("app", "1.0.0", "sha256:1")
	for name, c := range map[string]struct {
		want []model.Pack
		have model.Pack
		but  func(*model.Facts)
		do   []string
	}{
		"as it was": {want: []model.Pack{was}, have: was},
		"an object leaves": {
			want: []model.Pack{settings("app", "addon", "one", "three")}, have: was, do: []string{"apply_pack app (prunes 1 object)"},
		},
		"two of them leave": {
			want: []model.Pack{settings("app", "addon", "one")}, have: was, do: []string{"apply_pack app (prunes 2 objects)"},
		},
		"one that leaves stays": {want: []model.Pack{keepsObjects(settings("app", "addon"))}, have: was, do: []string{"apply_pack app"}},
		"objects are to stay":   {want: []model.Pack{keepsObjects(was)}, have: was, do: []string{"apply_pack app"}},
		"another pack has it": {
			want: []model.Pack{settings("app", "addon", "one", "two"), settings("other", "addon", "three")}, have: was,
			do: []string{"apply_pack app", "apply_pack other"},
		},
		"taken out":                {have: was, do: []string{"uninstall_pack app (3 objects)"}},
		"taken out, and they stay": {have: keepsObjects(was), do: []string{"uninstall_pack app (objects stay)"}},
		"taken out, another has it": {
			want: []model.Pack{settings("other", "addon", "one")}, have: was,
			do: []string{"uninstall_pack app (2 objects)", "apply_pack other"},
		},
		"taken out half way": {
			have: was, do: []string{"uninstall_pack app (3 objects)"},
			but: func(f *model.Facts) { f.API.Packs["app"] = model.AppliedPack{Inventory: true} },
		},
		"becomes a chart": {want: []model.Pack{became}, have: was,
			do: []string{"uninstall_pack app (3 objects)", "install_pack app (demo 1.0.0)"}},
		"the list is lost": {
			want: []model.Pack{was}, have: was, do: []string{"apply_pack app"},
			but: func(f *model.Facts) { f.API.Inventories = nil },
		},
		"the network moves on": {
			want: []model.Pack{settings("new", model.LayerCNI, "one")}, have: settings("app", model.LayerCNI, "one"),
			do: []string{"uninstall_pack app (0 objects)", "apply_pack new"},
		},
		"the network stays": {
			have: keepsObjects(settings("app", model.LayerCNI, "one")), do: []string{"uninstall_pack app (objects stay)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			s.Packs = append(slices.Clone(s.Packs), c.want...)
			hasApplied(f, c.have, 1)
			if c.but != nil {
				c.but(f)
			}
			p := planned(s, f)
			if got := changes(p); !slices.Equal(got, c.do) || len(p.Problems) > 0 {
				t.Errorf("planned %v, %v", got, p.Problems)
			}
		})
	}
}

// TestPlanTakesManifestsOutInTheirOrder takes out packs of both kinds, the last one first.
func TestPlanTakesManifestsOutInTheirOrder(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	hasApplied(f, settings("a", "addon", "one"), 3)
	f.API.Packs["b"] = applied(chartPack("b", "1.0.0", "sha256:1"), 2)
	hasApplied(f, settings("c", "addon", "two"), 1)
	wantSteps(t, planned(s, f), "uninstall_pack a (1 object), uninstall_pack b (demo 1.0.0), uninstall_pack c (1 object)")
	wantSteps(t, planned(s, unreachable(f)), "")
}

// TestPlanRefusesToTakeManifestsOut has what cannot go: those whose objects are not known, and
// what nodes do not work without.
func TestPlanRefusesToTakeManifestsOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		have  model.Pack
		to    []model.Pack
		but   func(*model.Facts)
		at    model.Field
		words string
	}{
		"of an older Gantry": {
			have: settings("app", "addon", "one"), at: model.ClusterField(model.FieldPacks), words: "an older Gantry has applied it",
			but: func(f *model.Facts) { f.API.Packs["app"] = model.AppliedPack{Hash: "x"} },
		},
		"without its list": {
			have: settings("app", "addon", "one"), at: model.ClusterField(model.FieldPacks), words: "kube-system/gantry-pack-app",
			but: func(f *model.Facts) { f.API.Inventories = nil },
		},
		"a network": {
			have: settings("app", model.LayerCNI, "one"), at: model.ClusterField(model.FieldPacks), words: "prune = false",
		},
		"a network that becomes a chart": {
			have: settings("app", model.LayerCNI, "one"), to: []model.Pack{chartPack("app", "1.0.0", "sha256:1")},
			at: model.PackField("app", model.FieldChart), words: "has the layer cni",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			s.Packs = append(slices.Clone(s.Packs), c.to...)
			hasApplied(f, c.have, 1)
			if c.but != nil {
				c.but(f)
			}
			if p := planned(s, f); !says(on(p.Problems, c.at), `"app"`, c.words) {
				t.Errorf("%v", p.Problems)
			}
		})
	}
}

// TestPlanOfManifestsNamesNoNamespaces counts what certainly stays as what stays.
func TestPlanOfManifestsNamesNoNamespaces(t *testing.T) {
	t.Parallel()
	s, f := small(3, 1), running(3, 1)
	hasApplied(f, settings("app", "addon"), 1)
	if got := changes(planned(s, f)); len(got) != 1 || !strings.Contains(got[0], "(0 objects)") {
		t.Errorf("planned %v", got)
	}
}

// TestPlanCountsNamespacesThatAskToGo has one leave its pack, and one whose pack is taken out: both
// are counted, and that all in them goes is told.
func TestPlanCountsNamespacesThatAskToGo(t *testing.T) {
	t.Parallel()
	namespace := model.ObjectRef{Kind: "Namespace", Name: "apps"}
	was, less := settings("app", "addon", "one"), settings("app", "addon")
	less.Manifests = []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one, namespace: apps}\n"}
	for name, c := range map[string]struct {
		want   []model.Pack
		do     string
		warned int
	}{
		"it leaves":             {[]model.Pack{less}, "apply_pack app (prunes 1 object)", 1},
		"all of it goes":        {nil, "uninstall_pack app (2 objects)", 1},
		"it is there as it was": {[]model.Pack{was}, "", 0},
		"all of it stays":       {[]model.Pack{keepsObjects(less)}, "apply_pack app", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, f := small(3, 1), running(3, 1)
			hasApplied(f, was, 1)
			f.API.AskingToGo = map[string][]model.ObjectRef{"app": {namespace}}
			s.Packs = append(slices.Clone(s.Packs), c.want...)
			p := planned(s, f.PlanInputs())
			wantSteps(t, p, c.do)
			wantWarnings(t, p, c.warned)
			if c.warned > 0 && !says(on(p.Warnings, model.ClusterField(model.FieldPacks)), "Namespace apps") {
				t.Errorf("warned %v", p.Warnings)
			}
		})
	}
}

// TestPlanTakesBackWhatTwoPacksHaveHad has a pack that stays get back the marks of an object that
// another one has had, too.
func TestPlanTakesBackWhatTwoPacksHaveHad(t *testing.T) {
	t.Parallel()
	app, other := settings("app", "addon", "one"), settings("other", "addon", "two")
	moved := other
	moved.Manifests = []string{"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two, namespace: apps}\n"}
	unknown := other
	unknown.Digest, unknown.Manifests = other.Hash(), nil
	for name, c := range map[string]struct {
		packs []model.Pack
		steps []string
	}{
		"both stay":                {[]model.Pack{app, other}, nil},
		"the other one goes":       {[]model.Pack{app}, []string{"uninstall_pack other (1 object)", "apply_pack app"}},
		"the other one has less":   {[]model.Pack{app, moved}, []string{"apply_pack app", "apply_pack other"}},
		"what it has is not known": {[]model.Pack{app, unknown}, nil},
	} {
		s, f := small(3, 1), running(3, 1)
		hasApplied(f, app, 1)
		hasApplied(f, other, 2)
		s.Packs = append(slices.Clone(s.Packs), c.packs...)
		if got := changes(planned(s, f)); !slices.Equal(got, c.steps) {
			t.Errorf("%s: planned %q", name, got)
		}
	}
}

// TestPlanSaysThatWhatLeavesIsNotKnown warns where an older Gantry has applied a pack whose
// manifests change, and where the list of its objects is lost.
func TestPlanSaysThatWhatLeavesIsNotKnown(t *testing.T) {
	t.Parallel()
	was, now := settings("app", "addon", "one", "two"), settings("app", "addon", "one")
	for name, c := range map[string]struct {
		want  model.Pack
		but   func(*model.Facts)
		warns bool
	}{
		"it is known":          {now, func(*model.Facts) {}, false},
		"an older Gantry":      {now, func(f *model.Facts) { f.API.Packs["app"] = model.AppliedPack{Hash: was.Hash()} }, true},
		"nothing changes":      {was, func(f *model.Facts) { f.API.Packs["app"] = model.AppliedPack{Hash: was.Hash()} }, false},
		"the list is lost":     {now, func(f *model.Facts) { f.API.Inventories = nil }, true},
		"all of it is to stay": {keepsObjects(now), func(f *model.Facts) { f.API.Inventories = nil }, false},
	} {
		s, f := small(3, 1), running(3, 1)
		s.Packs = append(slices.Clone(s.Packs), c.want)
		hasApplied(f, was, 1)
		c.but(f)
		p := planned(s, f)
		warned := says(on(p.Warnings, model.ClusterField(model.FieldPacks)), `"app"`, "stays in the cluster", model.InventorySecret("app"))
		if warned != c.warns || len(p.Problems) > 0 {
			t.Errorf("%s: warned %v, %v", name, p.Warnings, p.Problems)
		}
	}
}
