package ippool

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
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
	// Values that were not known when the configuration was validated are by now.
	resp.Diagnostics.Append(plan.Validate(ctx, path.Empty())...)
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
	damaged := isDamaged(ctx, req.Private, &resp.Diagnostics)
	if !damaged && r.planNothing(ctx, &state, &plan, req, resp) {
		return
	}
	if damaged {
		r.connection.MarkPlanned(state.ID.ValueString()) // it is there before what uses it
		// Counting again is what makes an apply write the record again.
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("allocated_addresses"), types.Int64Unknown())...)
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("available_addresses"), types.Int64Unknown())...)
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
	if !resp.Diagnostics.HasError() {
		r.withLedger(ctx, plan, resp, func(l *ledger.Ledger) {
			resp.Diagnostics.Append(checkOverlap(ctx, l, plan, r.connection.Leaving, r.connection.PlanPool)...)
		})
	}
}

// planNothing keeps the state where nothing but spelling differs: the framework
// has marked the counts as unknown by then. It answers whether that is so.
func (r *poolResource) planNothing(ctx context.Context, state, plan *model, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) bool {
	same := *plan
	same.TotalAddresses, same.AllocatedAddresses, same.AvailableAddresses, same.ReservedByClusterID =
		state.TotalAddresses, state.AllocatedAddresses, state.AvailableAddresses, state.ReservedByClusterID
	kept := tfsdk.Plan{Schema: resp.Plan.Schema, Raw: resp.Plan.Raw}
	resp.Diagnostics.Append(kept.Set(ctx, &same)...)
	if !kept.Raw.Equal(req.State.Raw) {
		return false
	}
	resp.Plan = kept
	return true
}

func (r *poolResource) planUpdate(ctx context.Context, state, plan *model, resp *resource.ModifyPlanResponse) {
	if !state.Name.Equal(plan.Name) || !state.GatewayID.Equal(plan.GatewayID) {
		// Its addresses are free for its successor, which Terraform plans next.
		r.connection.MarkLeaving(state.ID.ValueString())
		return
	}
	if !plan.Known(ctx) {
		return
	}
	if change := state.change(nil, plan); change.OtherFamily(ctx) {
		resp.RequiresReplace = append(resp.RequiresReplace, change.FamilyPath())
		return
	}
	r.withLedger(ctx, plan, resp, func(l *ledger.Ledger) {
		resp.Diagnostics.Append(state.change(l, plan).Check(ctx, r.connection)...)
	})
}

// withLedger asks the ledger where it can be asked.
func (r *poolResource) withLedger(ctx context.Context, plan *model, resp *resource.ModifyPlanResponse, ask func(*ledger.Ledger)) {
	l, err := r.connection.Ledger(ctx)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig):
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("plan", plan.thing(), err))
	default:
		ask(l)
	}
}

// checkOverlap compares with all other pools of the vCenter, once everything
// that is compared is known.
func checkOverlap(ctx context.Context, l *ledger.Ledger, m *model, leaving func(string) bool, plan func(ledger.RegisteredIPPool) []ledger.RegisteredIPPool) diag.Diagnostics {
	own := uuid.Nil
	if !m.Name.IsUnknown() && !m.GatewayID.IsUnknown() {
		own = m.key().ID(l)
	}
	return m.CheckOverlap(ctx, l, path.Empty(), addresspool.Candidate{ID: own, Name: m.Name.ValueString(), GatewayID: m.GatewayID.ValueString(), Leaving: leaving, Plan: plan})
}
