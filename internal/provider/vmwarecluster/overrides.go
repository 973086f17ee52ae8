package vmwarecluster

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework-validators/mapvalidator"
	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/chartvalues"
	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// The values of override_conflicts.
const (
	conflictsWarning = "warning"
	conflictsError   = "error"
)

func packOverridesAttribute() schema.MapAttribute {
	return schema.MapAttribute{
		Optional:    true,
		ElementType: types.StringType,
		MarkdownDescription: "What the cluster sets otherwise than its profile, by the names of packs of charts: YAML texts, such as of " +
			"`yamlencode`, that are merged deeply over the pack's `values`. Lists are replaced as a whole, and `null` takes a key out, " +
			"the chart's default, too. Comments, the order of keys and quoting are no change. Where the profile changes values of a pack under an " +
			"override, the plan warns and says which keys come from where. Defaults to none.",
		Validators: []validator.Map{
			attribute.NoNulls{},
			mapvalidator.ValueStringsAre(overrideText{}),
		},
		PlanModifiers: []planmodifier.Map{sameOverrides{}},
	}
}

func overrideConflictsAttribute() schema.StringAttribute {
	return schema.StringAttribute{
		Optional: true,
		Computed: true,
		Default:  stringdefault.StaticString(conflictsWarning),
		MarkdownDescription: "What a plan does where the profile has changed a key that `pack_overrides` sets to something else: " +
			"`warning` (the default) names the key and the override wins; `error` refuses the plan.",
		Validators: []validator.String{stringvalidator.OneOf(conflictsWarning, conflictsError)},
	}
}

func overridePath(pack string) path.Path { return path.Root("pack_overrides").AtMapKey(pack) }

// setOverrides sets the overrides of packs of a profile.
func (m *model) setOverrides(ctx context.Context, profile map[string]packModel, packs []enginemodel.Pack) diag.Diagnostics {
	overrides := map[string]string{}
	diags := m.PackOverrides.ElementsAs(ctx, &overrides, false)
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		switch pack, exists := profile[name]; {
		case !exists:
			diags.Append(diagnostics.AttributeError(overridePath(name), "No such pack",
				fmt.Sprintf("The profile has no pack %q, but: %s. Take the override out, or give it the name of a pack.",
					name, cmp.Or(enginemodel.Listed(slices.Sorted(maps.Keys(profile))), "none"))))
		case pack.Chart == nil:
			diags.Append(diagnostics.AttributeError(overridePath(name), "Override of manifests",
				fmt.Sprintf("The pack %q has manifests, which have no values to override. Take the override out.", name)))
		}
	}
	for i := range packs {
		if packs[i].Chart != nil {
			packs[i].Chart.Override = overrides[packs[i].Name]
		}
	}
	return diags
}

// overrideText validates that a text is what an override is.
type overrideText struct{}

var _ validator.String = overrideText{}

// Description implements validator.Describer.
func (overrideText) Description(context.Context) string {
	return "must be YAML of one mapping, with each key once"
}

// MarkdownDescription implements validator.Describer.
func (v overrideText) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString implements validator.String.
func (v overrideText) ValidateString(ctx context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	if err := chartvalues.Check(req.ConfigValue.ValueString()); err != nil {
		resp.Diagnostics.Append(diagnostics.AttributeError(req.Path, "Invalid override",
			fmt.Sprintf("The text %s, such as `yamlencode({ replicas = 2 })` writes: %s.", v.Description(ctx), err)))
	}
}

// sameOverrides keeps the state's spelling of overrides that mean the same. Terraform takes, for
// what a configuration sets, the configuration or the state, each as a whole: where one override
// is another one, all of them are shown as they are configured.
type sameOverrides struct{}

var _ planmodifier.Map = sameOverrides{}

// Description implements planmodifier.Describer.
func (sameOverrides) Description(context.Context) string {
	return "Comments, the order of keys and quoting are no change."
}

// MarkdownDescription implements planmodifier.Describer.
func (s sameOverrides) MarkdownDescription(ctx context.Context) string { return s.Description(ctx) }

// PlanModifyMap implements planmodifier.Map.
func (sameOverrides) PlanModifyMap(_ context.Context, req planmodifier.MapRequest, resp *planmodifier.MapResponse) {
	before, after := req.StateValue.Elements(), req.PlanValue.Elements()
	if req.StateValue.IsNull() || req.PlanValue.IsNull() || req.PlanValue.IsUnknown() || len(before) != len(after) {
		return
	}
	for name, value := range after {
		was, had := before[name].(types.String)
		is, _ := value.(types.String)
		if !had || is.IsUnknown() || !chartvalues.Same(was.ValueString(), is.ValueString()) {
			return
		}
	}
	resp.PlanValue = req.StateValue
}
