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
		if planned, ok := valueAt(plan.Raw, at); ok && value.IsNull() && isSensitive(ctx, state, at) {
			return planned, nil
		}
		return value, nil
	})
	if err != nil {
		diags.AddError("Unable to compare the imported state with the plan", err.Error())
	}
	return value, diags
}

// valueAt is a part of a value; false where it does not have what the part is in.
func valueAt(whole tftypes.Value, at *tftypes.AttributePath) (tftypes.Value, bool) {
	found, _, err := tftypes.WalkAttributePath(whole, at)
	value, ok := found.(tftypes.Value)
	return value, ok && err == nil
}

// isSensitive reports whether the path is of a sensitive attribute; that of an element
// of a collection is of none.
func isSensitive(ctx context.Context, state tfsdk.State, at *tftypes.AttributePath) bool {
	a, err := state.Schema.AttributeAtTerraformPath(ctx, at)
	return err == nil && a.IsSensitive()
}
