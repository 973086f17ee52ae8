package enginecrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// comparedState is the state that a plan is compared with.
func comparedState(ctx context.Context, req resource.ModifyPlanRequest) (tftypes.Value, diag.Diagnostics) {
	imported, diags := req.Private.GetKey(ctx, privateImported)
	if len(imported) == 0 || diags.HasError() {
		return req.State.Raw, diags
	}
	return withoutOmitted(ctx, req.State, req.Plan)
}

// withoutOmitted is an imported state, in which secrets are missing, since no cluster
// stores them, with those as planned: a secret that cannot change on a running cluster
// can be given again.
func withoutOmitted(ctx context.Context, state tfsdk.State, plan tfsdk.Plan) (tftypes.Value, diag.Diagnostics) {
	var diags diag.Diagnostics
	value, err := tftypes.Transform(state.Raw, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if !value.IsNull() {
			return value, nil
		}
		a, err := state.Schema.AttributeAtTerraformPath(ctx, at)
		if err != nil || !a.IsSensitive() {
			return value, nil //nolint:nilerr // an element of a collection is no attribute
		}
		planned, _, err := tftypes.WalkAttributePath(plan.Raw, at)
		if v, ok := planned.(tftypes.Value); ok && err == nil {
			return v, nil
		}
		return value, nil //nolint:nilerr // the plan does not have what it is in
	})
	if err != nil {
		diags.AddError("Unable to compare the imported state with the plan", err.Error())
	}
	return value, diags
}
