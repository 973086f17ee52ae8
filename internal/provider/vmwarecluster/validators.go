package vmwarecluster

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// yamlText validates that a text is YAML, before anything is built.
type yamlText struct{}

var _ validator.String = yamlText{}

func (yamlText) Description(context.Context) string { return "must be YAML" }

func (y yamlText) MarkdownDescription(ctx context.Context) string { return y.Description(ctx) }

func (yamlText) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := kube.Validate(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid Kubernetes manifest",
			fmt.Sprintf("The text cannot be applied: %s.", err)))
	}
}
