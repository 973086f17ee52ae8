package enginecrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// withoutOmitted is the state that a plan is compared with. In one that was imported,
// secrets are missing, since no cluster stores them: there they are as planned, so that
// a secret which cannot change on a running cluster can be given again.
func withoutOmitted(ctx context.Context, req resource.ModifyPlanRequest) (tftypes.Value, diag.Diagnostics) {
	imported, diags := req.Private.GetKey(ctx, privateImported)
	if len(imported) == 0 || diags.HasError() {
		return req.State.Raw, diags
	}
	state, err := tftypes.Transform(req.State.Raw, func(at *tftypes.AttributePath, value tftypes.Value) (tftypes.Value, error) {
		if !value.IsNull() {
			return value, nil
		}
		a, err := req.State.Schema.AttributeAtTerraformPath(ctx, at)
		if err != nil || !a.IsSensitive() {
			return value, nil //nolint:nilerr // an element of a collection is no attribute
		}
		planned, _, err := tftypes.WalkAttributePath(req.Plan.Raw, at)
		if v, ok := planned.(tftypes.Value); ok && err == nil {
			return v, nil
		}
		return value, nil //nolint:nilerr // the plan does not have what it is in
	})
	if err != nil {
		diags.AddError("Unable to compare the imported state with the plan", err.Error())
	}
	return state, diags
}
