package attribute_test

import (
	"context"
	"testing"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
)

// everyNesting has each kind of nested attribute, inside of each other.
func everyNesting(context.Context) schema.Schema {
	text := schema.StringAttribute{Optional: true}
	inside := map[string]schema.Attribute{
		"text":   text,
		"number": schema.Int64Attribute{CustomType: attribute.Int64Type{}, Optional: true},
	}
	object := schema.NestedAttributeObject{Attributes: inside}
	return schema.Schema{Attributes: map[string]schema.Attribute{
		"text": text,
		"single": schema.SingleNestedAttribute{Optional: true, Attributes: map[string]schema.Attribute{
			"map":  schema.MapNestedAttribute{Optional: true, NestedObject: object},
			"list": schema.ListNestedAttribute{Optional: true, NestedObject: object},
			"set":  schema.SetNestedAttribute{Optional: true, NestedObject: object},
		}},
	}}
}

// TestSchemaOnce has the types that the framework derives, and makes them once.
func TestSchemaOnce(t *testing.T) {
	t.Parallel()
	made := 0
	typed := attribute.SchemaOnce(func(ctx context.Context) schema.Schema {
		made++
		return everyNesting(ctx)
	})
	derived := everyNesting(t.Context())
	if got, want := typed(t.Context()).Type(), derived.Type(); !got.Equal(want) {
		t.Errorf("the type is %s, want %s", got, want)
	}
	single := path.Root("single")
	for _, at := range []path.Path{
		single, single.AtName("map"), single.AtName("map").AtMapKey("a"), single.AtName("list").AtListIndex(0),
		single.AtName("set").AtSetValue(types.ObjectNull(nil)), single.AtName("list").AtListIndex(0).AtName("number"),
	} {
		want, diags := derived.TypeAtPath(t.Context(), at)
		got, more := typed(t.Context()).TypeAtPath(t.Context(), at)
		if diags.HasError() || more.HasError() {
			t.Fatal(diags, more)
		}
		if !got.Equal(want) {
			t.Errorf("%s is %s, want %s", at, got, want)
		}
	}
	if made != 1 {
		t.Errorf("the schema was made %d times", made)
	}
	if diags := typed(t.Context()).ValidateImplementation(t.Context()); diags.HasError() {
		t.Error(diags)
	}
}

// TestSchemaOnceDerivesNothing asks for the type of a nested attribute, as the framework
// does at each step on the way to each value.
func TestSchemaOnceDerivesNothing(t *testing.T) {
	nested := attribute.SchemaOnce(everyNesting)(t.Context()).Attributes["single"]
	if allocations := testing.AllocsPerRun(10, func() { nested.GetType() }); allocations > 0 {
		t.Errorf("the type of a nested attribute takes %.0f allocations", allocations)
	}
}
