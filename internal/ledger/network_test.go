package ledger_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
)

func TestMaybeSameNetwork(t *testing.T) {
	t.Parallel()
	const full = "/dc-1/network/dvpg-nodes"
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true},
		{"", full, true},
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
		if got := ledger.MaybeSameNetwork(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
		if got := ledger.MaybeSameNetwork(c.b, c.a); got != c.want {
			t.Errorf("%q and %q: %v", c.b, c.a, got)
		}
	}
}

// TestMaybeSameNetworkIsSafe has no two ways to write one network taken for two.
func TestMaybeSameNetworkIsSafe(t *testing.T) {
	t.Parallel()
	name := rapid.StringMatching(`[a-zA-Z0-9 %._-]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.SliceOfN(name, 1, 4).Draw(t, "path")
		write := func(label string) string {
			from := rapid.IntRange(0, len(path)-1).Draw(t, label)
			out := ""
			for i, p := range path[from:] {
				if i > 0 || from == 0 && rapid.Bool().Draw(t, label+" rooted") {
					out += "/"
				}
				out += p
			}
			return out
		}
		if a, b := write("a"), write("b"); !ledger.MaybeSameNetwork(a, b) {
			t.Fatalf("%q and %q are said to be different", a, b)
		}
	})
}
