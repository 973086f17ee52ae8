package vmwarecluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/booldefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
)

const (
	// minForceAfter is what a vCenter may take to start again, and is the default.
	minForceAfter = 15 * time.Minute
	maxForceAfter = 24 * time.Hour
	// forceMargin is what a destruction takes besides, and what its last attempt does.
	forceMargin = 10 * time.Minute
)

func forceDeleteAttribute() schema.BoolAttribute {
	return schema.BoolAttribute{
		Optional: true,
		Computed: true,
		Default:  booldefault.StaticBool(false),
		MarkdownDescription: "Whether a destruction leaves VMs that cannot be deleted for as long as `force_delete_after`: " +
			"they stay with the addresses that they may use, all else of the cluster is deleted, and a warning lists what is left. " +
			"Apply it, and then destroy: a destruction takes it from the state. A change of it alone runs no step. Defaults to `false`.",
	}
}

func forceDeleteAfterAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		Computed: true,
		Default:  stringdefault.StaticString("15m"),
		MarkdownDescription: "How long a destruction has to be without any progress, by vCenter's clock, before `force_delete` takes effect, " +
			"from `15m` to `24h`. Another destruction goes on counting. `timeouts.delete` must exceed it by ten minutes. Defaults to `15m`.",
		Validators: []validator.String{forceAfter{}},
	}
}

// forceAfter validates the duration of force_delete_after.
type forceAfter struct{}

var _ validator.String = forceAfter{}

func (forceAfter) Description(context.Context) string {
	return "must be a duration from 15m to 24h, such as 30m"
}

func (f forceAfter) MarkdownDescription(ctx context.Context) string { return f.Description(ctx) }

func (f forceAfter) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	span, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || span < minForceAfter || span > maxForceAfter {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid duration",
			"The value "+f.Description(ctx)+"."))
	}
}

// ForcedAfter implements enginecrud.Forcer.
func (m *model) ForcedAfter() time.Duration {
	if !m.ForceDelete.ValueBool() {
		return 0
	}
	return m.forceAfter()
}

// checkForceDelete refuses a destruction that would end before it could be forced.
func checkForceDelete(ctx context.Context, m *model) diag.Diagnostics {
	if !m.ForceDelete.ValueBool() || m.ForceDeleteAfter.IsUnknown() || m.Timeouts.IsUnknown() ||
		unknown(m.Timeouts.Attributes()["delete"]) {
		return nil
	}
	limit, diags := m.Timeouts.Delete(ctx, enginecrud.DefaultDeleteTimeout)
	after := m.forceAfter()
	if diags.HasError() || limit >= after+forceMargin {
		return diags
	}
	at := path.Root("force_delete_after")
	if m.ForceDeleteAfter.IsNull() {
		at = path.Root("timeouts").AtName("delete")
	}
	diags.Append(diagnostics.AttributeError(at, "A destruction would end before it is forced", fmt.Sprintf(
		"force_delete takes effect after %s without progress, and timeouts.delete ends a destruction after %s. "+
			"Set timeouts.delete to at least %s.", after, limit, after+forceMargin)))
	return diags
}

// forceAfter is force_delete_after.
func (m *model) forceAfter() time.Duration {
	if span, err := time.ParseDuration(m.ForceDeleteAfter.ValueString()); err == nil {
		return max(span, minForceAfter)
	}
	return minForceAfter
}
