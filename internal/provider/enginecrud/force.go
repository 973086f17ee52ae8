package enginecrud

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

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

const (
	// minForceAfter is what a vCenter may take to start again, and is the default.
	minForceAfter = 15 * time.Minute
	maxForceAfter = 24 * time.Hour
	// forceMargin is what a destruction takes besides, and what its last attempt does.
	forceMargin = 10 * time.Minute
)

// forceAttributes are the schema of what says that a destruction may be forced.
func forceAttributes(kind string) map[string]schema.Attribute {
	all := "all else of the " + kind
	if kind == "gateway" {
		all += " but its record and its inline IP pool"
	}
	return map[string]schema.Attribute{
		"force_delete": schema.BoolAttribute{
			Optional: true,
			Computed: true,
			Default:  booldefault.StaticBool(false),
			MarkdownDescription: "Whether a destruction leaves VMs that cannot be deleted for as long as `force_delete_after`: " +
				"they stay with the addresses that they may use, " + all + " is deleted, and a warning lists what is left. " +
				"Apply it, and then destroy: a destruction takes it from the state. A change of it alone runs no step. Defaults to `false`.",
		},
		"force_delete_after": schema.StringAttribute{
			Optional: true,
			Computed: true,
			Default:  stringdefault.StaticString("15m"),
			MarkdownDescription: "How long a destruction has to be without any progress, by vCenter's clock, before `force_delete` takes effect, " +
				"from `15m` to `24h`. Another destruction goes on counting. `timeouts.delete` must exceed it by ten minutes. Defaults to `15m`.",
			Validators: []validator.String{forceSpan{}},
		},
	}
}

// forceSpan validates the duration of force_delete_after.
type forceSpan struct{}

var _ validator.String = forceSpan{}

func (forceSpan) Description(context.Context) string {
	return "must be a duration from 15m to 24h, such as 30m"
}

func (f forceSpan) MarkdownDescription(ctx context.Context) string { return f.Description(ctx) }

func (f forceSpan) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	span, err := time.ParseDuration(req.ConfigValue.ValueString())
	if err != nil || span < minForceAfter || span > maxForceAfter {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid duration",
			"The value "+f.Description(ctx)+"."))
	}
}

// forcedAfter is after what time without progress a destruction is forced; 0: it is not.
func (b *Base) forcedAfter() time.Duration {
	if !b.ForceDelete.ValueBool() {
		return 0
	}
	return b.forceAfter()
}

// forceAfter is force_delete_after.
func (b *Base) forceAfter() time.Duration {
	if span, err := time.ParseDuration(b.ForceDeleteAfter.ValueString()); err == nil {
		return max(span, minForceAfter)
	}
	return minForceAfter
}

// CheckForceDelete refuses a destruction that would end before it could be forced.
func (b *Base) CheckForceDelete(ctx context.Context) diag.Diagnostics {
	limit, known := b.Timeouts.Attributes()["delete"]
	if !b.ForceDelete.ValueBool() || b.ForceDeleteAfter.IsUnknown() || b.Timeouts.IsUnknown() || known && limit.IsUnknown() {
		return nil
	}
	ends, diags := b.Timeouts.Delete(ctx, DefaultDeleteTimeout)
	after := b.forceAfter()
	if diags.HasError() || ends >= after+forceMargin {
		return diags
	}
	at := path.Root("force_delete_after")
	if b.ForceDeleteAfter.IsNull() {
		at = path.Root("timeouts").AtName("delete")
	}
	diags.Append(diagnostics.AttributeError(at, "A destruction would end before it is forced", fmt.Sprintf(
		"force_delete takes effect after %s without progress, and timeouts.delete ends a destruction after %s. "+
			"Set timeouts.delete to at least %s.", after, ends, after+forceMargin)))
	return diags
}

// destroy destroys, and where that is forced warns of what it has left.
func (d *Driver[T, M]) destroy(ctx context.Context, eng *engine.Engine, target model.Target, m M, diags *diag.Diagnostics) error {
	after := m.base().forcedAfter()
	if after == 0 {
		return eng.Destroy(ctx, target)
	}
	left, err := eng.ForceDestroy(ctx, target, after)
	if err == nil && left != "" {
		diags.AddWarning(fmt.Sprintf("The deletion of %s was forced", d.subject(m)), left)
	}
	return err
}
