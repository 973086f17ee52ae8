package gateway

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ModifyPlan adds to what every plan looks at the pools that the gateway's own
// pool must not overlap. That pool changes with a new gateway alone.
func (r *gatewayResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.Driver.ModifyPlan(ctx, req, resp)
	if resp.Diagnostics.HasError() || r.Conn == nil || req.Plan.Raw.IsNull() {
		return
	}
	if !req.State.Raw.IsNull() {
		r.markLeaving(ctx, req, resp)
		return
	}
	var m model
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &m)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(r.checkOverlap(ctx, &m, r.Conn.Leaving)...)
	}
}

// Create looks once more before it builds.
func (r *gatewayResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(r.checkOverlap(ctx, &m, func(string) bool { return false })...)
	}
	if !resp.Diagnostics.HasError() {
		r.Driver.Create(ctx, req, resp)
	}
}

// markLeaving notes the pool of a gateway that gets another name: its addresses
// are free for its successor's.
func (r *gatewayResource) markLeaving(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	var was, is, pool types.String
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("name"), &was)...)
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root("name"), &is)...)
	resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("ip_pool_id"), &pool)...)
	if !was.Equal(is) {
		r.Conn.MarkLeaving(pool.ValueString())
	}
}

func (r *gatewayResource) checkOverlap(ctx context.Context, m *model, leaving func(string) bool) diag.Diagnostics {
	pool, diags := m.pool(ctx)
	if pool == nil || diags.HasError() || !pool.Known(ctx) || pool.Network.IsUnknown() {
		return diags
	}
	l, err := r.Conn.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return diags
	}
	if err != nil {
		diags.Append(diagnostics.FromError("plan", m.Thing().String(), err))
		return diags
	}
	id, _ := uuid.Parse(m.IPPoolID.ValueString()) // not known: no pool that there is
	diags.Append(pool.CheckOverlap(ctx, l, path.Root("ip_pool"), addresspool.Candidate{ID: id, Name: pool.Name.ValueString(), Leaving: leaving})...)
	return diags
}
