package chartvalues

import (
	"encoding/json"
	"strings"
)

// Keys are all keys of values, at any depth, by their paths: those of mappings, too. A path
// joins keys with dots, as `helm --set` writes it; a dot of a key is `\.`.
func Keys(values map[string]any) map[string]any {
	all := map[string]any{}
	collect(values, "", all, func(any) bool { return true })
	return all
}

// Leaves are the keys of values that have no others below, by their paths: of texts and
// numbers, of lists, which Helm replaces as a whole, and of mappings without keys.
func Leaves(values map[string]any) map[string]any {
	all := map[string]any{}
	collect(values, "", all, func(value any) bool {
		inner, isMap := value.(map[string]any)
		return !isMap || len(inner) == 0
	})
	return all
}

var escaper = strings.NewReplacer(`\`, `\\`, `.`, `\.`)

func collect(values map[string]any, prefix string, into map[string]any, wanted func(any) bool) {
	for key, value := range values {
		at := prefix + escaper.Replace(key)
		if wanted(value) {
			into[at] = value
		}
		if inner, isMap := value.(map[string]any); isMap {
			collect(inner, at+".", into, wanted)
		}
	}
}

// Below reports whether a path is of a key inside of what another one is the path of.
func Below(path, of string) bool { return strings.HasPrefix(path, of+".") }

// Top is the path of the outermost key that a path leads through.
func Top(path string) string {
	escaped := false
	for i, r := range path {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '.':
			return path[:i]
		}
	}
	return path
}

// Encoded is a value in its one spelling.
func Encoded(value any) string {
	raw, _ := json.Marshal(value) // of what was read as JSON; in the order of its keys
	return string(raw)
}
