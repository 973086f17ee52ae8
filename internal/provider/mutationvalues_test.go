package provider_test

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov6"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// place is an attribute in a configuration. In its pattern, `*` stands for the keys of
// a map and the elements of a list.
type place struct {
	pattern string
	at      *tftypes.AttributePath
	value   tftypes.Value
}

// patterns adds all attributes of a schema that a user can write.
func patterns(attributes []*tfprotov6.SchemaAttribute, prefix string, found map[string]bool) {
	for _, a := range attributes {
		if !a.Required && !a.Optional {
			continue
		}
		found[prefix+a.Name] = true
		if a.NestedType != nil {
			patterns(a.NestedType.Attributes, prefix+a.Name+separator(a), found)
		}
	}
}

func separator(a *tfprotov6.SchemaAttribute) string {
	if a.NestedType.Nesting == tfprotov6.SchemaObjectNestingModeSingle {
		return "."
	}
	return ".*."
}

// visit visits those attributes in a configuration, also in all elements.
func visit(attributes []*tfprotov6.SchemaAttribute, object tftypes.Value, at *tftypes.AttributePath, prefix string, do func(place)) {
	for _, a := range attributes {
		if !a.Required && !a.Optional {
			continue
		}
		here := at.WithAttributeName(a.Name)
		value := get(object, root(a.Name))
		do(place{prefix + a.Name, here, value})
		if a.NestedType == nil || value.IsNull() {
			continue
		}
		inside := prefix + a.Name + separator(a)
		switch a.NestedType.Nesting {
		case tfprotov6.SchemaObjectNestingModeMap:
			for key, element := range elementsByKey(value) {
				visit(a.NestedType.Attributes, element, here.WithElementKeyString(key), inside, do)
			}
		case tfprotov6.SchemaObjectNestingModeList:
			for i, element := range elements(value) {
				visit(a.NestedType.Attributes, element, here.WithElementKeyInt(i), inside, do)
			}
		default:
			visit(a.NestedType.Attributes, value, here, inside, do)
		}
	}
}

// mutation is another value of an attribute. Valid ones are no error; where want is
// set, the error has to say it.
type mutation struct {
	name  string
	value tftypes.Value
	valid bool
	want  string
}

// mutations are what an attribute is given instead of its value.
func mutations(a place) []mutation {
	typ := a.value.Type()
	out := []mutation{
		{name: "unknown", value: tftypes.NewValue(typ, tftypes.UnknownValue), valid: true},
		{name: "null", value: tftypes.NewValue(typ, nil)},
	}
	switch t := typ.(type) {
	case tftypes.List:
		out = append(out, elementMutations(typ, t.ElementType, elements(a.value))...)
	case tftypes.Set:
		out = append(out, elementMutations(typ, t.ElementType, elements(a.value))...)
	case tftypes.Map:
		for name, element := range map[string]any{"null": nil, "unknown": tftypes.UnknownValue} {
			with := maps.Clone(elementsByKey(a.value))
			with[otherKey(a)] = tftypes.NewValue(t.ElementType, element)
			out = append(out, elementMutation(name, t.ElementType, tftypes.NewValue(typ, with)))
		}
	}
	if typ.Is(tftypes.Number) {
		tooLarge, _ := new(big.Float).SetString("1e30")
		out = append(out,
			mutation{name: "2.5", value: tftypes.NewValue(typ, 2.5), want: "must be a whole number, got 2.5"},
			mutation{name: "1e30", value: tftypes.NewValue(typ, tooLarge), want: "1000000000000000000000000000000"})
	}
	return out
}

// otherKey is a key that a map has not: where keys have a form, one of that.
func otherKey(a place) string {
	if a.pattern == "registry.mirrors" {
		return "other.example.com"
	}
	return "other"
}

func elementMutations(typ, element tftypes.Type, before []tftypes.Value) []mutation {
	var out []mutation
	for name, added := range map[string]any{"null": nil, "unknown": tftypes.UnknownValue} {
		with := append(slices.Clone(before), tftypes.NewValue(element, added))
		out = append(out, elementMutation(name, element, tftypes.NewValue(typ, with)))
	}
	return out
}

func elementMutation(name string, element tftypes.Type, value tftypes.Value) mutation {
	if name == "null" {
		return mutation{name: "a null element", value: value, want: "must not be null"}
	}
	// Of an object in a list or map that is unknown as a whole, the framework says that
	// its required attributes are missing.
	return mutation{name: "an unknown element", value: value, valid: !element.Is(tftypes.Object{})}
}

// excluded reports whether all that is said of an attribute that a configuration leaves out
// is that it cannot be set beside others there.
func excluded(a place, errs []*tfprotov6.Diagnostic) bool {
	return a.value.IsNull() && !slices.ContainsFunc(errs, func(d *tfprotov6.Diagnostic) bool {
		return d.Summary != "Invalid Attribute Combination"
	})
}

// blamesProvider reports whether a diagnostic is one that the framework has for
// mistakes of a provider.
func blamesProvider(d *tfprotov6.Diagnostic) bool {
	said := strings.ToLower(d.Summary + "\n" + d.Detail)
	return slices.ContainsFunc([]string{
		"error in the provider", "bug in the provider", "problem with the provider", "value conversion", "report this", "report the following",
	}, func(words string) bool { return strings.Contains(said, words) })
}

// withoutConnection leaves out that a data source cannot be read while the provider's
// configuration is not known, which Terraform never tries.
func withoutConnection(diags []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	return slices.DeleteFunc(diags, func(d *tfprotov6.Diagnostic) bool {
		return strings.Contains(d.Detail, "configuration is not known yet")
	})
}

func onlyErrors(diags []*tfprotov6.Diagnostic) []*tfprotov6.Diagnostic {
	return slices.DeleteFunc(slices.Clone(diags), func(d *tfprotov6.Diagnostic) bool {
		return d.Severity != tfprotov6.DiagnosticSeverityError
	})
}

func describe(diags []*tfprotov6.Diagnostic) string {
	lines := make([]string, len(diags))
	for i, d := range diags {
		lines[i] = fmt.Sprintf("%s: %s: %s", d.Attribute, d.Summary, d.Detail)
	}
	return strings.Join(lines, "\n")
}

func root(name string) *tftypes.AttributePath {
	return tftypes.NewAttributePath().WithAttributeName(name)
}

func get(object tftypes.Value, at *tftypes.AttributePath) tftypes.Value {
	value, _, err := tftypes.WalkAttributePath(object, at)
	if err != nil {
		panic(err)
	}
	return value.(tftypes.Value)
}

// set is a value with another one inside.
func set(value tftypes.Value, at *tftypes.AttributePath, inside tftypes.Value) tftypes.Value {
	return transform(value, func(here *tftypes.AttributePath, v tftypes.Value) tftypes.Value {
		if here.Equal(at) {
			return inside
		}
		return v
	})
}

func transform(value tftypes.Value, change func(*tftypes.AttributePath, tftypes.Value) tftypes.Value) tftypes.Value {
	changed, err := tftypes.Transform(value, func(at *tftypes.AttributePath, v tftypes.Value) (tftypes.Value, error) {
		return change(at, v), nil
	})
	if err != nil {
		panic(err)
	}
	return changed
}

// elements are those of a list or set; none of null.
func elements(value tftypes.Value) (list []tftypes.Value) {
	if err := value.As(&list); err != nil {
		panic(err)
	}
	return list
}

// elementsByKey are those of a map; none of null.
func elementsByKey(value tftypes.Value) map[string]tftypes.Value {
	values := map[string]tftypes.Value{}
	if err := value.As(&values); err != nil {
		panic(err)
	}
	if values == nil {
		return map[string]tftypes.Value{}
	}
	return values
}
