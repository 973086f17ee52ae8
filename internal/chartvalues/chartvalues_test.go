package chartvalues_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
)

// TestMerge merges as `helm -f` does.
func TestMerge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		texts []string
		want  string
	}{
		"nothing":                 {nil, `{}`},
		"deeply":                  {[]string{"a: {b: 1, c: 2}", "a: {c: 3}"}, `{"a":{"b":1,"c":3}}`},
		"a list":                  {[]string{"a: [1, 2]", "a: [3]"}, `{"a":[3]}`},
		"null, for the chart":     {[]string{"a: {b: 1}", "a: null"}, `{"a":null}`},
		"a mapping over a text":   {[]string{"a: x", "a: {b: 1}"}, `{"a":{"b":1}}`},
		"no keys over a mapping":  {[]string{"a: {b: 1}", "a: {}"}, `{"a":{"b":1}}`},
		"several documents":       {[]string{"a: 1\n---\nb: 2\n"}, `{"a":1,"b":2}`},
		"comments alone":          {[]string{"a: 1", "# a: 2\n"}, `{"a":1}`},
		"order, quotes, comments": {[]string{"'b': \"x\" # so\na: 1\n"}, `{"a":1,"b":"x"}`},
	} {
		got, err := chartvalues.Merge(c.texts)
		if err != nil || chartvalues.Encoded(got) != c.want {
			t.Errorf("%s: got %s, %v", name, chartvalues.Encoded(got), err)
		}
	}
	if _, err := chartvalues.Merge([]string{"a: 1", "- hunter2"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}

func TestMergeLeavesItsTextsApart(t *testing.T) {
	t.Parallel()
	texts := []string{"a: {b: {c: 1}}", "a: {b: {d: 2}}"}
	first, _ := chartvalues.Merge(texts[:1])
	if _, err := chartvalues.Merge(texts); err != nil || chartvalues.Encoded(first) != `{"a":{"b":{"c":1}}}` {
		t.Errorf("%v, %v", first, err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		"a: 1\nb: {a: 2}":              nil,
		"":                             nil,
		"# nothing yet\n":              nil,
		"---\na: 1\n":                  nil,
		"{\"a\": 1}":                   nil,
		"- hunter2":                    chartvalues.ErrNoMapping,
		"hunter2":                      chartvalues.ErrNoMapping,
		"a: [hunter2":                  chartvalues.ErrNoMapping,
		"a: hunter2\na: 2":             chartvalues.ErrDuplicates,
		"b: {a: hunter2, c: 1, a: 2}":  chartvalues.ErrDuplicates,
		"a: 1\n---\nb: 1\nb: 2\n":      chartvalues.ErrDuplicates,
		"a: hunter2\n---\nb: hunter2 ": chartvalues.ErrDocuments,
	} {
		err := chartvalues.Check(text)
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q: got %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("it repeats the value: %v", err)
		}
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a: 1\nb: x", "'b': \"x\" # so\na: 1\n", true},
		{"a: 1", "{\"a\": 1}", true},
		{"a: 1", "a: '1'", false},
		{"a: [1, 2]", "a: [2, 1]", false},
		{"a: null", "{}", false}, // null takes the chart's default out
		{"[", "[", true},
		{"[", "a: 1", false},
	} {
		if got := chartvalues.Same(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	values, err := chartvalues.Merge([]string{`{a: {b: 1, "c.d": {e: [1, {f: 2}]}}, "g\\": {h: null}, i: {}}`})
	if err != nil {
		t.Fatal(err)
	}
	all := []string{"a", "a.b", `a.c\.d`, `a.c\.d.e`, `g\\`, `g\\.h`, "i"}
	if got := slices.Sorted(maps.Keys(chartvalues.Keys(values))); !slices.Equal(got, all) {
		t.Errorf("keys %q", got)
	}
	leaves := []string{"a.b", `a.c\.d.e`, `g\\.h`, "i"}
	if got := slices.Sorted(maps.Keys(chartvalues.Leaves(values))); !slices.Equal(got, leaves) {
		t.Errorf("leaves %q", got)
	}
	for path, top := range map[string]string{"a": "a", "a.b.c": "a", `x\.y.z`: `x\.y`, `g\\.h`: `g\\`} {
		if got := chartvalues.Top(path); got != top {
			t.Errorf("the outermost key of %s is %s", path, got)
		}
	}
	if !chartvalues.Below("a.b", "a") || chartvalues.Below("a", "a") || chartvalues.Below("ab", "a") || chartvalues.Below(`x\.y`, "x") {
		t.Error("what is inside of what is wrong")
	}
}
