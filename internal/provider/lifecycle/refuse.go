package lifecycle

import (
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Rules tell what may become of an attribute of something that runs. A pattern
// is an attribute path with dots; `*` stands for any key of a map. It covers
// what lies below it.
type Rules struct {
	Replace []string // a change builds it anew
	InPlace []string // a change is carried out on what runs
	Keyed   []string // maps whose elements may come and go
}

// Judge compares what is with what is planned. It answers whether the change
// replaces, and otherwise refuses every change that no rule allows, each on its
// attribute. Attributes in skip are not compared; a value that is unknown is
// judged when it is known.
func (r Rules) Judge(state, plan tftypes.Value, skip map[string]bool) (replaces bool, diags diag.Diagnostics) {
	for _, at := range r.changed(state, plan, nil, skip) {
		switch {
		case matches(r.Replace, at):
			return true, nil
		case !matches(r.InPlace, at):
			diags.AddAttributeError(at.path(), "This cannot be changed in place yet",
				"A change of "+at.String()+" on something that runs does not work yet, and Gantry does not destroy and build again what you have not asked it to. "+
					"Undo the change, or create another one with the new value and move over.")
		}
	}
	return false, diags
}

type step struct {
	name string
	key  bool
}

type place []step

func (p place) String() string {
	names := make([]string, len(p))
	for i, s := range p {
		names[i] = s.name
	}
	return strings.Join(names, ".")
}

func (p place) path() path.Path {
	out := path.Root(p[0].name)
	for _, s := range p[1:] {
		if s.key {
			out = out.AtMapKey(s.name)
		} else {
			out = out.AtName(s.name)
		}
	}
	return out
}

func matches(patterns []string, at place) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		parts := strings.Split(pattern, ".")
		if len(parts) > len(at) {
			return false
		}
		for i, part := range parts {
			if part != "*" && part != at[i].name {
				return false
			}
		}
		return true
	})
}

// changed lists the places where the two differ, as deep as objects and maps go.
func (r Rules) changed(a, b tftypes.Value, at place, skip map[string]bool) []place {
	if !b.IsKnown() || a.Equal(b) {
		return nil
	}
	isMap := b.Type().Is(tftypes.Map{})
	if !isMap && (a.IsNull() || b.IsNull() || !b.Type().Is(tftypes.Object{})) {
		return []place{at}
	}
	var before, after map[string]tftypes.Value
	// A null map is an empty one: both have no elements.
	if a.As(&before) != nil || b.As(&after) != nil {
		return []place{at}
	}
	var out []place
	for _, name := range keys(before, after) {
		here := append(slices.Clone(at), step{name: name, key: isMap})
		x, was := before[name]
		y, is := after[name]
		switch {
		case len(at) == 0 && skip[name]:
		case was && is:
			out = append(out, r.changed(x, y, here, skip)...)
		case !slices.Contains(r.Keyed, at.String()):
			out = append(out, here)
		}
	}
	return out
}

func keys(maps ...map[string]tftypes.Value) []string {
	var out []string
	for _, m := range maps {
		for k := range m {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
