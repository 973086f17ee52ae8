package attribute

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// NoNulls refuses a collection with an element that is null. The framework allows
// them in every collection, and no text or object can be made of them.
type NoNulls struct{}

var (
	_ validator.List = NoNulls{}
	_ validator.Map  = NoNulls{}
	_ validator.Set  = NoNulls{}
)

// Description implements validator.Describer.
func (NoNulls) Description(context.Context) string { return "must not contain null" }

// MarkdownDescription implements validator.Describer.
func (v NoNulls) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateList implements validator.List.
func (NoNulls) ValidateList(_ context.Context, req validator.ListRequest, resp *validator.ListResponse) {
	for i, element := range req.ConfigValue.Elements() {
		if element.IsNull() {
			resp.Diagnostics.Append(nullElement(req.Path.AtListIndex(i)))
		}
	}
}

// ValidateMap implements validator.Map.
func (NoNulls) ValidateMap(_ context.Context, req validator.MapRequest, resp *validator.MapResponse) {
	for key, element := range req.ConfigValue.Elements() {
		if element.IsNull() {
			resp.Diagnostics.Append(nullElement(req.Path.AtMapKey(key)))
		}
	}
}

// ValidateSet implements validator.Set.
func (NoNulls) ValidateSet(_ context.Context, req validator.SetRequest, resp *validator.SetResponse) {
	for _, element := range req.ConfigValue.Elements() {
		if element.IsNull() {
			resp.Diagnostics.Append(nullElement(req.Path.AtSetValue(element)))
		}
	}
}

func nullElement(at path.Path) diag.Diagnostic {
	return diagnostics.AttributeError(at, "Missing value", "An element must not be null. Set it, or leave it out.")
}
