// Package diagnostics turns what the layers below return, errors and findings,
// into the one diagnostic that a user reads.
package diagnostics

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Path is the attribute that a field of the engine names:
// `worker_pools["general"].placements[0].network`.
func Path(field engine.Field) (path.Path, error) {
	rest := string(field)
	name, rest := cutName(rest)
	if name == "" {
		return path.Empty(), fmt.Errorf("field %q starts with no attribute name", field)
	}
	p := path.Root(name)
	for rest != "" {
		var err error
		if p, rest, err = step(p, rest); err != nil {
			return path.Empty(), fmt.Errorf("field %q: %w", field, err)
		}
	}
	return p, nil
}

// step takes one `.name`, `[index]` or `["key"]` off rest.
func step(p path.Path, rest string) (path.Path, string, error) {
	switch {
	case strings.HasPrefix(rest, "."):
		name, rest := cutName(rest[1:])
		if name == "" {
			return p, "", fmt.Errorf("no attribute name at %q", rest)
		}
		return p.AtName(name), rest, nil
	case strings.HasPrefix(rest, `["`):
		// A key may hold any character, brackets and quotes included, so that
		// only the quoting tells where it ends.
		quoted, err := strconv.QuotedPrefix(rest[1:])
		if err != nil {
			return p, "", fmt.Errorf("key at %q: %w", rest, err)
		}
		key, err := strconv.Unquote(quoted)
		if err != nil {
			return p, "", fmt.Errorf("key at %q: %w", rest, err)
		}
		rest, ok := strings.CutPrefix(rest[1+len(quoted):], "]")
		if !ok {
			return p, "", fmt.Errorf("key %s is not closed", quoted)
		}
		return p.AtMapKey(key), rest, nil
	case strings.HasPrefix(rest, "["):
		digits, rest, ok := strings.Cut(rest[1:], "]")
		index, err := strconv.Atoi(digits)
		if !ok || err != nil || index < 0 {
			return p, "", fmt.Errorf("no list index at %q", digits)
		}
		return p.AtListIndex(index), rest, nil
	}
	return p, "", fmt.Errorf("neither attribute, index nor key at %q", rest)
}

// cutName splits an attribute name from what follows it.
func cutName(s string) (name, rest string) {
	if i := strings.IndexAny(s, ".["); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}
