package model_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// overridden is a pack of a chart whose override is derived with secrets.
func overridden(secrets *model.Secrets, override string, values ...string) model.Pack {
	original := []model.Pack{{Name: "app", Chart: &model.Chart{Namespace: "apps", Values: values, Override: override}}}
	s := model.ClusterSpec{Packs: original}
	s.SetBuiltWith(secrets)
	return s.Packs[0]
}

// TestProfileChanges has what is said where a profile changes under an override: the keys, those
// in conflict with an exclamation mark.
func TestProfileChanges(t *testing.T) {
	t.Parallel()
	secrets := authorities(t)
	const profile = "replicas: 2\nimage: {tag: a, pull: Always}\nargs: [x]\nlimits: {cpu: 1, memory: 2}\n"
	for name, c := range map[string]struct {
		override, now string
		want          []string
	}{
		"nothing": {"replicas: 3", profile, nil},
		"the spelling": {"replicas: 3", "'image': {pull: \"Always\", tag: a} # so\nargs: [x]\n" +
			"limits: {memory: 2, cpu: 1}\nreplicas: 2", nil},
		"another key":           {"replicas: 3", profile + "extra: 1", []string{"extra"}},
		"what is overridden":    {"replicas: 3", strings.Replace(profile, "2", "4", 1), []string{"replicas!"}},
		"to what the other has": {"replicas: 3", strings.Replace(profile, "2", "3", 1), []string{"replicas"}},
		"beside the override":   {"image: {tag: b}", strings.Replace(profile, "Always", "Never", 1), []string{"image.pull"}},
		"both": {"image: {tag: b}", strings.Replace(profile, "tag: a, pull: Always", "tag: c, pull: Never", 1),
			[]string{"image.pull", "image.tag!"}},
		"a key is removed":         {"replicas: 3", strings.Replace(profile, "replicas: 2\n", "", 1), []string{"replicas!"}},
		"a key is added":           {"extra: {a: 1}", profile + "extra: {a: 2}", []string{"extra.a!"}},
		"another is added":         {"extra: {a: 1}", profile + "extra: {b: 2}", []string{"extra.b"}},
		"a list":                   {"args: [y]", strings.Replace(profile, "[x]", "[z]", 1), []string{"args!"}},
		"what is taken out":        {"limits: null", strings.Replace(profile, "cpu: 1", "cpu: 4", 1), []string{"limits!", "limits.cpu!"}},
		"a text becomes a mapping": {"replicas: {a: 1}", strings.Replace(profile, "2", "{b: 1}", 1), []string{"replicas"}},
		"a mapping becomes a text": {"limits: {cpu: 3}", strings.Replace(profile, "{cpu: 1, memory: 2}", "none", 1),
			[]string{"limits!", "limits.cpu!", "limits.memory"}},
		"an override without keys": {"image: {}", strings.Replace(profile, "Always", "Never", 1), []string{"image", "image.pull"}},
		"no override":              {"# none", profile + "extra: 1", nil},
	} {
		have := model.AppliedPack{Profile: overridden(secrets, c.override, profile).ProfileValues()}
		var got []string
		for _, change := range overridden(secrets, c.override, c.now).ProfileChanges(have) {
			mark := ""
			if change.Conflict {
				mark = "!"
			}
			got = append(got, change.Key+mark)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// TestProfileChangesAreKnown only where the profile was remembered and the secrets are at hand.
func TestProfileChangesAreKnown(t *testing.T) {
	t.Parallel()
	secrets := authorities(t)
	had := model.AppliedPack{Profile: overridden(secrets, "a: 1", "a: 2").ProfileValues()}
	for name, c := range map[string]struct {
		pack model.Pack
		have model.AppliedPack
	}{
		"never applied":    {overridden(secrets, "a: 1", "a: 3"), model.AppliedPack{}},
		"without secrets":  {overridden(nil, "a: 1", "a: 3"), had},
		"without override": {overridden(secrets, "", "a: 3"), had},
	} {
		if got := c.pack.ProfileChanges(c.have); len(got) > 0 {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// TestProfileValuesTellNothing has no value in what a cluster keeps, nor a hash that is the same in
// another cluster or of another key, and no more than fits.
func TestProfileValuesTellNothing(t *testing.T) {
	t.Parallel()
	secrets := authorities(t)
	kept := overridden(secrets, "c: hunter3", "a: hunter2\nb: hunter2").ProfileValues()
	raw, err := json.Marshal(model.AppliedPack{Profile: kept})
	if err != nil || strings.Contains(string(raw), "hunter") || len(kept.Keys) != 3 || kept.Keys["a"] == kept.Keys["b"] {
		t.Errorf("it keeps %s, %v", raw, err)
	}
	if other := overridden(authorities(t), "c: hunter3", "a: hunter2").ProfileValues(); other.Keys["a"] == kept.Keys["a"] {
		t.Error("another cluster has the same hash")
	}
	var again model.AppliedPack
	if err := json.Unmarshal(raw, &again); err != nil || again.Profile.Keys["a"] != kept.Keys["a"] {
		t.Errorf("read %+v, %v", again.Profile, err)
	}
}

// TestProfileValuesOfManyKeys names at least the outermost keys, and what the override sets.
func TestProfileValuesOfManyKeys(t *testing.T) {
	t.Parallel()
	secrets := authorities(t)
	many := func(depth string) string {
		var text strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&text, depth, i, i)
		}
		return text.String()
	}
	deep := "replicas: 1\nrules:\n" + many("  a-rule-that-has-a-long-name-%d: %d\n")
	flat := many("a-rule-that-has-a-long-name-%d: %d\n")
	for name, c := range map[string]struct {
		profile, from, to string
		part              bool
		want              []string
	}{
		"inside":         {deep, "name-7: 7", "name-7: 8", false, []string{"rules"}},
		"the overridden": {deep, "name-5: 5", "name-5: 6", false, []string{"rules", "rules.a-rule-that-has-a-long-name-5!"}},
		"outside":        {deep, "replicas: 1", "replicas: 2", false, []string{"replicas"}},
		"not one fits":   {flat, "name-999: 999", "name-999: 1000", true, nil},
	} {
		const override = "rules: {a-rule-that-has-a-long-name-5: 55}"
		kept := overridden(secrets, override, c.profile).ProfileValues()
		raw, _ := json.Marshal(kept)
		if len(raw) > 10<<10 || kept.Part != c.part {
			t.Errorf("%s: it takes %d bytes, in part %v", name, len(raw), kept.Part)
		}
		var got []string
		for _, change := range overridden(secrets, override, strings.Replace(c.profile, c.from, c.to, 1)).
			ProfileChanges(model.AppliedPack{Profile: kept}) {
			got = append(got, change.Key+map[bool]string{true: "!"}[change.Conflict])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// TestOverrideIsAValue compares by what values and the override come to.
func TestOverrideIsAValue(t *testing.T) {
	t.Parallel()
	hash := func(override string, values ...string) string {
		return model.Pack{Chart: &model.Chart{Namespace: "apps", Values: values, Override: override}}.Hash()
	}
	was := hash("a: {b: 2}", "a: {b: 1, c: [1]}")
	for name, c := range map[string]struct {
		hash string
		same bool
	}{
		"spelled otherwise":    {hash("# so\n'a': {\"b\": 2}\n", "{a: {c: [1], b: 1}}"), true},
		"by the profile alone": {hash("", "a: {b: 2, c: [1]}"), true},
		"another profile":      {hash("a: {b: 2}", "a: {b: 7, c: [1]}"), true},
		"another override":     {hash("a: {b: 3}", "a: {b: 1, c: [1]}"), false},
		"null":                 {hash("a: {b: null}", "a: {b: 1, c: [1]}"), false},
		"another list":         {hash("a: {b: 2, c: [2]}", "a: {b: 1, c: [1]}"), false},
		"no override":          {hash("", "a: {b: 1, c: [1]}"), false},
		"a second document":    {hash("a: {b: 2}", "a: {b: 1, c: [1]}\n---\nd: 1"), false},
	} {
		if (c.hash == was) != c.same {
			t.Errorf("%s: the same is %v", name, !c.same)
		}
	}
}
