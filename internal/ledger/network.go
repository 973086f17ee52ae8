package ledger

import (
	"slices"
	"strings"
)

// MaybeSameNetwork tells whether two ways to write a vSphere network may mean the
// same one. An empty one means any. A name without a slash means a network of
// that name in any folder, and a path that does not begin with a slash may leave
// out its beginning; two full paths are compared whole. Case counts, as it does
// where the network of a placement is looked up.
func MaybeSameNetwork(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	x, y := networkParts(a), networkParts(b)
	if len(x) > len(y) {
		a, x, y = b, y, x
	}
	if rooted(a) && len(x) != len(y) {
		return false
	}
	return slices.Equal(x, y[len(y)-len(x):])
}

func rooted(network string) bool { return strings.HasPrefix(network, "/") }

// networkParts splits a name or a path. vCenter escapes the slashes that names
// have, and users may have written either.
func networkParts(network string) []string {
	plain := strings.NewReplacer("%25", "%", "%2f", "/", "%2F", "/", "%5c", `\`, "%5C", `\`).Replace(network)
	return strings.Split(strings.Trim(plain, "/"), "/")
}
