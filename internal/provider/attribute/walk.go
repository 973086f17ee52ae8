package attribute

import (
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
)

// Walk visits the attributes of a schema and, where enter returns true, those
// inside of them. A pattern is the attribute's path with dots; `*` stands for the
// keys of a map and the elements of a list or set.
func Walk(attributes map[string]schema.Attribute, enter func(pattern string, a schema.Attribute) bool) {
	walk("", attributes, enter)
}

func walk(prefix string, attributes map[string]schema.Attribute, enter func(string, schema.Attribute) bool) {
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		if !enter(prefix+name, a) {
			continue
		}
		inside, repeated := Inside(a)
		separator := "."
		if repeated {
			separator = ".*."
		}
		walk(prefix+name+separator, inside, enter)
	}
}

// Inside returns the attributes inside of a nested attribute, and whether it has
// elements that each have them; none for an attribute that is not nested.
func Inside(a schema.Attribute) (attributes map[string]schema.Attribute, repeated bool) {
	switch nested := a.(type) {
	case schema.SingleNestedAttribute:
		return nested.Attributes, false
	case schema.MapNestedAttribute:
		return nested.NestedObject.Attributes, true
	case schema.ListNestedAttribute:
		return nested.NestedObject.Attributes, true
	case schema.SetNestedAttribute:
		return nested.NestedObject.Attributes, true
	}
	return nil, false
}

// ComputedOnly reports whether no user can write an attribute.
func ComputedOnly(a schema.Attribute) bool {
	return a.IsComputed() && !a.IsOptional() && !a.IsRequired()
}
