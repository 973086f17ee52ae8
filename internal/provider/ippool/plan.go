package ippool

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

// ModifyPlan sets what can be known before the apply, and reports what a
// read-only look at the ledger shows to be impossible. A destroy is never
// refused here: what uses the pool may be destroyed in the same run.
func (r *poolResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if !req.State.Raw.IsNull() {
		r.seen(ctx, req, resp)
	}
	if req.Plan.Raw.IsNull() || r.connection == nil {
		return
	}
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if plan.Known(ctx) {
		pool, diags := plan.arithmetic(ctx)
		resp.Diagnostics.Append(diags...)
		if resp.Diagnostics.HasError() {
			return
		}
		plan.TotalAddresses = types.Int64Value(int64(pool.Total()))
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("total_addresses"), plan.TotalAddresses)...)
	}
	if req.State.Raw.IsNull() {
		r.planCreate(ctx, &plan, resp)
		return
	}
	var state model
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.planUpdate(ctx, &state, &plan, resp)
}

// seen notes the id of the state, which a plan without a refresh has not read.
func (r *poolResource) seen(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var id types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("id"), &id)...)
	if r.connection != nil {
		r.connection.MarkSeen(id.ValueString())
	}
}

func (r *poolResource) planCreate(ctx context.Context, plan *model, resp *resource.ModifyPlanResponse) {
	id, diags := record.PlanCreate(ctx, r.connection, plan.key(), plan.Name, plan.GatewayID, typeName)
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), id)...)
}

func (r *poolResource) planUpdate(ctx context.Context, state, plan *model, resp *resource.ModifyPlanResponse) {
	if !plan.Known(ctx) || !state.Name.Equal(plan.Name) || !state.GatewayID.Equal(plan.GatewayID) {
		return
	}
	if familyChange(ctx, state, plan) {
		resp.RequiresReplace = append(resp.RequiresReplace, path.Root("range").AtName("start"))
		return
	}
	if plan.SameAddresses(&state.Model) && plan.RestrictToSingleCluster.Equal(state.RestrictToSingleCluster) {
		return
	}
	l, err := r.connection.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("plan", plan.thing(), err))
		return
	}
	resp.Diagnostics.Append(checkInUse(ctx, l, state, plan)...)
}

// familyChange tells whether a pool goes from IPv4 to IPv6 or back.
func familyChange(ctx context.Context, state, plan *model) bool {
	before, diags := state.arithmetic(ctx)
	after, d := plan.arithmetic(ctx)
	diags.Append(d...)
	return !diags.HasError() && before.Start.Is4() != after.Start.Is4()
}
