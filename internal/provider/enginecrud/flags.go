package enginecrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// planFlags plans a change of flags alone, which is one of the state and of nothing else.
func (d *Driver[T, M]) planFlags(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) bool {
	computed := ComputedAttributes(d.NewSchema(ctx))
	if !d.Rules.flagsOnly(req.State.Raw, req.Plan.Raw, computed) {
		return false
	}
	var before, after map[string]tftypes.Value
	if req.State.Raw.As(&before) != nil || req.Plan.Raw.As(&after) != nil {
		return false
	}
	for name, value := range after {
		if !computed[name] {
			before[name] = value
		}
	}
	resp.Plan.Raw = tftypes.NewValue(req.Plan.Raw.Type(), before)
	return true
}
