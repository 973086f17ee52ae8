package inventoryname_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/inventoryname"
)

func TestUnescape(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]string{
		"":       "",
		"plain":  "plain",
		"a%2fb":  "a/b",
		"a%2Fb":  "a/b",
		"a%5cb":  `a\b`,
		"a%5Cb":  `a\b`,
		"50%25":  "50%",
		"%252f":  "%2f",
		"100%":   "100%",
		"%20ab%": "%20ab%",
	} {
		if got := inventoryname.Unescape(stored); got != want {
			t.Errorf("%q is unescaped as %q, want %q", stored, got, want)
		}
	}
}

func TestBase(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"":                         "",
		"/":                        "",
		"dvpg":                     "dvpg",
		"/dc-1/network/dvpg":       "dvpg",
		"/dc-1/network/dvpg/":      "dvpg",
		"network/a%2fb":            "a/b",
		"/dc-1/host/prod/50%25 up": "50% up",
	} {
		if got := inventoryname.Base(path); got != want {
			t.Errorf("the base of %q is %q, want %q", path, got, want)
		}
	}
}

func TestMayMatch(t *testing.T) {
	t.Parallel()
	const full = "/dc-1/network/dvpg-nodes"
	for _, c := range []struct {
		a, b string
		want bool
	}{
		// An empty spelling matches none.
		{"", "", false},
		{"", full, false},
		{"/", "/", false},
		{"dvpg-nodes", "dvpg-nodes", true},
		{"dvpg-nodes", "dvpg-b", false},
		{"dvpg-nodes", "DVPG-nodes", false},
		// A name is that of any folder, and of no other name's end.
		{"dvpg-nodes", full, true},
		{"dvpg-nodes", "/dc-1/network/prod/dvpg-nodes", true},
		{"nodes", full, false},
		// Of two paths each part counts.
		{full, full, true},
		{full, full + "/", true},
		{full, "/dc-2/network/dvpg-nodes", false},
		{full, "/dc-1/network/prod/dvpg-nodes", false},
		{full, "/DC-1/network/dvpg-nodes", false},
		// A path may leave out its beginning.
		{full, "network/dvpg-nodes", true},
		{full, "dc-1/network/dvpg-nodes", true},
		{full, "prod/dvpg-nodes", false},
		{"dc-1/network/dvpg-nodes", "dc-2/network/dvpg-nodes", false},
		{full, "x/dc-1/network/dvpg-nodes", false},
		// vCenter escapes slashes in names.
		{"a%2fb", "/dc-1/network/a%2Fb", true},
		{"a/b", "/dc-1/network/a%2fb", true},
		{"50%25", "/dc-1/network/50%25", true},
	} {
		if got := inventoryname.MayMatch(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
		if got := inventoryname.MayMatch(c.b, c.a); got != c.want {
			t.Errorf("%q and %q: %v", c.b, c.a, got)
		}
	}
}

func TestSameFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", "/", true},
		{"", "/dc-1/vm", true},
		{"", "k8s", false},
		{"k8s/prod", "k8s/prod/", true},
		{"k8s/prod", "/k8s/prod", true},
		{"k8s/prod", "k8s//prod", true},
		{"k8s/prod", "K8s/prod", false},
		{"k8s/prod", "prod", false},
		{"k8s/prod", "k8s", false},
		// A full inventory path, also of a datacenter in a folder, or under its new name.
		{"k8s/prod", "/dc-1/vm/k8s/prod", true},
		{"/dc-1/vm/k8s/prod", "/europe/dc-2/vm/k8s/prod/", true},
		{"k8s/vm/prod", "/dc-1/vm/k8s/vm/prod", true},
		{"vm/prod", "prod", false},
		// An escaped slash belongs to a name.
		{"a%2fb", "a%2Fb", true},
		{"a%2fb", "a/b", false},
		{"50%25", "50%", true},
	} {
		if got := inventoryname.SameFolder(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
		if got := inventoryname.SameFolder(c.b, c.a); got != c.want {
			t.Errorf("%q and %q: %v", c.b, c.a, got)
		}
	}
}

func TestHoldsFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		above, folder string
		want          bool
	}{
		{"k8s", "k8s/prod", true},
		{"k8s/prod", "k8s/prod", true},
		{"k8s/prod", "/dc-1/vm/k8s/prod", true},
		{"", "k8s", true},
		{"k8s/prod", "k8s", false},
		{"k8s/pro", "k8s/prod", false},
		{"teams", "k8s", false},
	} {
		if got := inventoryname.HoldsFolder(c.above, c.folder); got != c.want {
			t.Errorf("%q holds %q: %v", c.above, c.folder, got)
		}
	}
}

func TestSplitFolder(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][2]string{
		"":                            {},
		"k8s/prod":                    {"", "k8s/prod"},
		"/k8s/prod/":                  {"", "k8s/prod"},
		"/dc-1/vm/k8s/a%2fb":          {"dc-1/vm", "k8s/a%2fb"},
		"/europe/dc-1/vm":             {"europe/dc-1/vm", ""},
		"/europe/dc-1/vm/k8s/vm/prod": {"europe/dc-1/vm", "k8s/vm/prod"},
		"vm/k8s":                      {"", "vm/k8s"},
		"/vm/k8s":                     {"", "vm/k8s"},
	} {
		above, below := inventoryname.SplitFolder(path)
		if got := [2]string{strings.Join(above, "/"), strings.Join(below, "/")}; got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}

// TestSpellingsOfOneObjectMatch has no two spellings of one object taken for two.
func TestSpellingsOfOneObjectMatch(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-zA-Z0-9 ._-]{1,7}%?`)
	escape := strings.NewReplacer("%", "%25", "/", "%2f", `\`, "%5c")
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SliceOfN(name, 1, 4).Draw(t, "path")
		spell := func(label string) string {
			from := rapid.IntRange(0, len(path)-1).Draw(t, label)
			parts := path[from:]
			if rapid.Bool().Draw(t, label+" escaped") {
				parts = strings.Split(escape.Replace(strings.Join(parts, "\n")), "\n")
			}
			spelling := strings.Join(parts, "/")
			if from == 0 && rapid.Bool().Draw(t, label+" rooted") {
				spelling = "/" + spelling
			}
			return spelling
		}
		if a, b := spell("a"), spell("b"); !inventoryname.MayMatch(a, b) {
			t.Fatalf("%q and %q are said to be different", a, b)
		}
	})
}
