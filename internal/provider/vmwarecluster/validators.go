package vmwarecluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/kube"
)

// duration validates a time span.
type duration struct{}

var _ validator.String = duration{}

func (duration) Description(context.Context) string {
	return "must be a duration from 1s to 24h, such as 10m"
}

func (d duration) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

func (d duration) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	span, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || span < time.Second || span > 24*time.Hour {
		resp.Diagnostics.AddAttributeError(req.Path, "Not a duration",
			fmt.Sprintf("%q %s.", req.ConfigValue.ValueString(), d.Description(ctx)))
	}
}

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
		resp.Diagnostics.AddAttributeError(req.Path, "Not a Kubernetes manifest", fmt.Sprintf("The text cannot be applied: %s.", err))
	}
}
