package enginecrud

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
)

// Rules say what a change of each attribute does to a running object. Every
// attribute that a user can write is covered by exactly one pattern of Replace,
// InPlace and Refused. A pattern is an attribute path with dots; `*` stands for
// any key of a map and any index of a list. It covers what lies below it.
type Rules struct {
	// Replace lists the attributes of which a change destroys the object and creates
	// it again.
	Replace []string
	// InPlace lists those of which a change is applied to the running object.
	InPlace []string
	// Flags lists those of InPlace that say only how later runs behave: where nothing else
	// changes, no step is planned, not even a repair, and nothing is asked.
	Flags []string
	// Refused are those of which a change is an error.
	Refused []Refusal
	// Optional lists the objects that are added and removed in place, as far as the rules of
	// their parts allow it: of one that is missing all parts are null.
	Optional []string
	// Keyed lists the maps whose elements are added and removed in place, and the lists:
	// only of these lists are elements compared, by their index. Others are compared as a whole.
	Keyed []string
	// Datacenter is the attribute that names the datacenter. Another datacenter replaces
	// the object, and another name of the same one does not: only vCenter knows.
	Datacenter string
	// Same says of attributes when two spellings mean the same.
	Same map[string]func(a, b string) bool
}

// Refusal is why some attributes cannot change.
type Refusal struct {
	Reason     string // a sentence
	Attributes []string
}

// whole is the reason of an attribute of which only the parts have rules.
const whole = "It cannot be added or removed as a whole."

// Check compares a state with a plan. It reports whether the change replaces the
// object, and refuses what cannot change, each on its top-level attribute. Attributes in
// skip are not compared; an unknown value is compared once it is known.
func (r Rules) Check(kind record.Kind, state, plan tftypes.Value, skip map[string]bool) (replaces bool, diags diag.Diagnostics) {
	for _, at := range r.changed(state, plan, nil, skip) {
		switch {
		case at.String() == r.Datacenter:
		case covers(r.Replace, at):
			return true, nil
		case covers(r.InPlace, at), r.element(at): // of the latter, what is added or removed
		default:
			diags.AddAttributeError(path.Root(at[0].name), "In-place change not supported", fmt.Sprintf(
				"A change of %s on a running %s is not supported. %s\n\n"+
					"Gantry does not destroy and re-create a %s unless you ask for it. "+
					"Revert the change, or create another %s with the new value and migrate to it.",
				at.path(), kind, r.reason(at), kind, kind))
		}
	}
	return false, diags
}

// flagsOnly reports whether a plan differs from the state in flags, and in nothing else
// that users write.
func (r Rules) flagsOnly(state, plan tftypes.Value, skip map[string]bool) bool {
	if state.IsNull() || plan.IsNull() {
		return false
	}
	changed := r.changed(state, plan, nil, skip)
	return len(changed) > 0 && !slices.ContainsFunc(changed, func(at location) bool { return !covers(r.Flags, at) })
}

// element reports whether a location is an element of a collection whose elements are added
// and removed in place.
func (r Rules) element(at location) bool {
	return len(at) > 1 && slices.Contains(r.Keyed, at[:len(at)-1].String())
}

func (r Rules) reason(at location) string {
	for _, refusal := range r.Refused {
		if covers(refusal.Attributes, at) {
			return refusal.Reason
		}
	}
	return whole
}

// location is where two values differ.
type location []locationStep

type locationStep struct {
	name string
	of   stepOf
}

// stepOf is what a step of a location leads into.
type stepOf int

const (
	stepOfObject stepOf = iota
	stepOfMap
	stepOfList
)

// String is the location with dots, as patterns are written.
func (l location) String() string {
	names := make([]string, len(l))
	for i, step := range l {
		names[i] = step.name
	}
	return strings.Join(names, ".")
}

func (l location) path() path.Path {
	at := path.Root(l[0].name)
	for _, step := range l[1:] {
		switch step.of {
		case stepOfMap:
			at = at.AtMapKey(step.name)
		case stepOfList:
			i, _ := strconv.Atoi(step.name) // which was one
			at = at.AtListIndex(i)
		default:
			at = at.AtName(step.name)
		}
	}
	return at
}

// covers reports whether one of the patterns covers a location.
func covers(patterns []string, at location) bool {
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

// changed lists the locations where two values differ, as deep as objects and maps
// go.
func (r Rules) changed(before, after tftypes.Value, at location, skip map[string]bool) []location {
	if slices.Contains(r.Optional, at.String()) {
		before = withNulls(before)
		after = withNulls(after)
	}
	if !after.IsKnown() || before.Equal(after) || r.same(at, before, after) {
		return nil
	}
	of := stepOfObject
	switch {
	case after.Type().Is(tftypes.Map{}): // a null one is an empty one: neither has elements
		of = stepOfMap
	case after.Type().Is(tftypes.List{}) && slices.Contains(r.Keyed, at.String()):
		of = stepOfList
	case before.IsNull() || after.IsNull() || !after.Type().Is(tftypes.Object{}):
		return []location{at}
	}
	old, ok := parts(before, of)
	planned, known := parts(after, of)
	if !ok || !known {
		return []location{at}
	}

	var out []location
	for _, name := range keys(old, planned) {
		here := append(slices.Clone(at), locationStep{name: name, of: of})
		was, had := old[name]
		is, has := planned[name]
		switch {
		case len(at) == 0 && skip[name]:
		case had && has:
			out = append(out, r.changed(was, is, here, skip)...)
		default:
			out = append(out, here)
		}
	}
	return out
}

// parts are the elements of a map, an object, or a list, by their keys, names or indices.
func parts(value tftypes.Value, of stepOf) (map[string]tftypes.Value, bool) {
	var named map[string]tftypes.Value
	if of != stepOfList {
		err := value.As(&named)
		return named, err == nil
	}
	var elements []tftypes.Value
	if value.As(&elements) != nil {
		return nil, false
	}
	named = map[string]tftypes.Value{}
	for i, element := range elements {
		named[strconv.Itoa(i)] = element
	}
	return named, true
}

// withNulls is an object that is missing as one all of whose parts are.
func withNulls(value tftypes.Value) tftypes.Value {
	object, ok := value.Type().(tftypes.Object)
	if !ok || !value.IsNull() {
		return value
	}
	parts := map[string]tftypes.Value{}
	for name, typ := range object.AttributeTypes {
		parts[name] = tftypes.NewValue(typ, nil)
	}
	return tftypes.NewValue(object, parts)
}

// same reports whether two values at a location are two spellings of one.
func (r Rules) same(at location, before, after tftypes.Value) bool {
	same, ok := r.Same[at.String()]
	var was, is string
	return ok && !before.IsNull() && !after.IsNull() && before.As(&was) == nil && after.As(&is) == nil && same(was, is)
}

// keys are the keys of both maps, sorted.
func keys(a, b map[string]tftypes.Value) []string {
	var all []string
	for _, m := range []map[string]tftypes.Value{a, b} {
		for key := range m {
			all = append(all, key)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}
