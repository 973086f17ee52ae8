package vmwarecluster

import (
	"context"
	"regexp"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// form validates the form of a text, which its error does not repeat.
type form struct {
	of   *regexp.Regexp
	word string
}

var _ validator.String = form{}

// Description implements validator.String.
func (f form) Description(context.Context) string { return "must be " + f.word }

// MarkdownDescription implements validator.String.
func (f form) MarkdownDescription(ctx context.Context) string { return f.Description(ctx) }

// ValidateString implements validator.String.
func (f form) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() || f.of.MatchString(req.ConfigValue.ValueString()) {
		return
	}
	resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid pack", "The value must be "+f.word+"."))
}

// valuesText validates that a text is YAML of one mapping.
type valuesText struct{}

var _ validator.String = valuesText{}

// Description implements validator.String.
func (valuesText) Description(context.Context) string { return "must be YAML of one mapping" }

// MarkdownDescription implements validator.String.
func (v valuesText) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (valuesText) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if _, err := chartvalues.Merge([]string{req.ConfigValue.ValueString()}); err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid values",
			"The text is not YAML of one mapping, such as `yamlencode({ replicas = 2 })` writes."))
	}
}
