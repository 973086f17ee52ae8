package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ModifyPlan adds to what every plan looks at the pool that the gateway brings
// along: what other pools it must not overlap, and what its change in place may
// not take away.
func (r *gatewayResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	r.Driver.ModifyPlan(ctx, req, resp)
	if resp.Diagnostics.HasError() || r.Conn == nil || req.Plan.Raw.IsNull() {
		return
	}
	var m, prior model
	resp.Diagnostics.Append(resp.Plan.Get(ctx, &m)...)
	if req.State.Raw.IsNull() {
		if !resp.Diagnostics.HasError() {
			resp.Diagnostics.Append(r.checkOverlap(ctx, &m, r.Conn.Leaving, r.Conn.PlanPool)...)
		}
		return
	}
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	switch {
	case resp.Diagnostics.HasError():
	case !prior.Name.Equal(m.Name):
		// Its addresses are free for its successor's.
		r.Conn.MarkLeaving(prior.IPPoolID.ValueString())
	case !resp.Plan.Raw.Equal(req.State.Raw):
		resp.Diagnostics.Append(r.changePool(ctx, &prior, &m, func(c *addresspool.Change) diag.Diagnostics {
			return c.Check(ctx, r.Conn)
		})...)
	}
}

// Update changes the pool before what lives on it.
func (r *gatewayResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var m, prior model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(r.changePool(ctx, &prior, &m, func(c *addresspool.Change) diag.Diagnostics { return c.Apply(ctx) })...)
	}
	if !resp.Diagnostics.HasError() {
		r.Driver.Update(ctx, req, resp)
	}
}

// changePool does something with a change of the gateway's own pool, if there is
// one and all of it is known.
func (r *gatewayResource) changePool(ctx context.Context, prior, m *model, do func(*addresspool.Change) diag.Diagnostics) diag.Diagnostics {
	before, diags := prior.pool(ctx)
	after, d := m.pool(ctx)
	diags.Append(d...)
	if before == nil || after == nil || diags.HasError() || prior.IPPool.Equal(m.IPPool) || !after.Known(ctx) {
		return diags
	}
	diags.Append(after.Validate(ctx, path.Root("ip_pool"))...)
	diags.Append(m.checkNetwork(after)...)
	c := &addresspool.Change{At: path.Root("ip_pool"), Name: after.Name.ValueString(), GatewayID: m.ID.ValueString(), Prior: &before.Model, Planned: &after.Model}
	if c.OtherFamily(ctx) {
		diags.AddAttributeError(c.FamilyPath(), "The address family cannot be changed",
			"The gateway's node has an address of this pool, and keeps it. Keep the addresses of its family, or make another gateway with a pool of the other one and move over.")
	}
	if diags.HasError() {
		return diags
	}
	l, err := r.Conn.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return diags
	}
	id, err2 := uuid.Parse(prior.IPPoolID.ValueString())
	if err := errors.Join(err, err2); err != nil {
		diags.Append(diagnostics.FromError("change the IP pool of", m.Thing().String(), err))
		return diags
	}
	c.Ledger, c.ID = l, id
	diags.Append(do(c)...)
	return diags
}

// checkNetwork refuses a pool of another network than the one of the gateway's
// nodes.
func (m *model) checkNetwork(pool *poolModel) diag.Diagnostics {
	if m.Placement.IsUnknown() || pool.Network.IsUnknown() {
		return nil
	}
	network, ok := m.Placement.Attributes()["network"].(types.String)
	if !ok || network.IsUnknown() || (record.IPPool{Network: pool.Network.ValueString()}).MayServe(network.ValueString()) {
		return nil
	}
	return diag.Diagnostics{diag.NewAttributeErrorDiagnostic(path.Root("ip_pool").AtName("network"), "Not the network of the gateway", fmt.Sprintf(
		"The gateway's node is on the network %q, and its IP pool would be on %q. Name the network of placement, or none.", network.ValueString(), pool.Network.ValueString()))}
}

// Create looks once more before it builds.
func (r *gatewayResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(r.checkOverlap(ctx, &m, addresspool.Never, nil)...)
	}
	if !resp.Diagnostics.HasError() {
		r.Driver.Create(ctx, req, resp)
	}
}

func (r *gatewayResource) checkOverlap(ctx context.Context, m *model, leaving func(string) bool, plan func(ledger.RegisteredIPPool) []ledger.RegisteredIPPool) diag.Diagnostics {
	pool, diags := m.pool(ctx)
	if pool == nil || diags.HasError() {
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
	diags.Append(pool.CheckOverlap(ctx, l, path.Root("ip_pool"), addresspool.Candidate{ID: id, Name: pool.Name.ValueString(), GatewayID: m.ID.ValueString(), Leaving: leaving, Plan: plan})...)
	return diags
}
