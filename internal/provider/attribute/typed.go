package attribute

import (
	"context"
	"sync"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// SchemaOnce makes a schema once in a process, with the types of its nested attributes.
// The framework asks for these at each step on the way to each value of each request, and
// otherwise derives them anew every time from all that is nested in them.
func SchemaOnce(newSchema func(context.Context) schema.Schema) func(context.Context) schema.Schema {
	typed := sync.OnceValue(func() schema.Schema {
		s := newSchema(context.Background())
		s.Attributes = withTypes(s.Attributes)
		return s
	})
	return func(context.Context) schema.Schema { return typed() }
}

// withTypes returns the attributes with the types of those that are nested, from the
// inside out. A type that an attribute says itself stays.
func withTypes(attributes map[string]schema.Attribute) map[string]schema.Attribute {
	out := make(map[string]schema.Attribute, len(attributes))
	for name, a := range attributes {
		out[name] = withType(a)
	}
	return out
}

func withType(a schema.Attribute) schema.Attribute {
	switch nested := a.(type) {
	case schema.SingleNestedAttribute:
		if nested.CustomType == nil {
			nested.Attributes = withTypes(nested.Attributes)
			nested.CustomType = objectType(nested.Attributes)
		}
		return nested
	case schema.MapNestedAttribute:
		if nested.CustomType == nil {
			nested.NestedObject = withElementType(nested.NestedObject)
			nested.CustomType = types.MapType{ElemType: nested.NestedObject.Type()}
		}
		return nested
	case schema.ListNestedAttribute:
		if nested.CustomType == nil {
			nested.NestedObject = withElementType(nested.NestedObject)
			nested.CustomType = types.ListType{ElemType: nested.NestedObject.Type()}
		}
		return nested
	case schema.SetNestedAttribute:
		if nested.CustomType == nil {
			nested.NestedObject = withElementType(nested.NestedObject)
			nested.CustomType = types.SetType{ElemType: nested.NestedObject.Type()}
		}
		return nested
	}
	return a
}

func withElementType(object schema.NestedAttributeObject) schema.NestedAttributeObject {
	if object.CustomType == nil {
		object.Attributes = withTypes(object.Attributes)
		object.CustomType = objectType(object.Attributes)
	}
	return object
}

func objectType(attributes map[string]schema.Attribute) types.ObjectType {
	inside := make(map[string]attr.Type, len(attributes))
	for name, a := range attributes {
		inside[name] = a.GetType()
	}
	return types.ObjectType{AttrTypes: inside}
}
