package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
)

// checkPool checks the inline IP pool in a plan: what other pools it must not
// overlap, and what its change in place may not remove.
func checkPool(ctx context.Context, conn *connection.Connection, prior, planned *model) diag.Diagnostics {
	if prior == nil {
		if pool, _ := planned.inlinePool(ctx); pool != nil {
			id, _ := attribute.ParseID(planned.IPPoolID, path.Root("ip_pool_id"))
			conn.MarkPlanned(id)
		}
		return checkOverlap(ctx, conn, planned, func(id uuid.UUID, ref record.Ref) ippoolspec.Candidate {
			return ippoolspec.PlannedCandidate(id, ref, conn)
		})
	}
	if !prior.Name.Equal(planned.Name) {
		// Its addresses are free for its successor's.
		id, diags := attribute.ParseID(prior.IPPoolID, path.Root("ip_pool_id"))
		conn.MarkLeaving(id)
		return diags
	}
	diags := changePool(ctx, conn, prior, planned, func(c *ippoolspec.Change) diag.Diagnostics { return c.Check(ctx, conn) })
	if !diags.HasError() {
		diags.Append(notePool(ctx, conn, prior, planned)...)
	}
	return diags
}

// notePool notes what the inline IP pool of a gateway that is there will be. Its record
// is written again where it is lost.
func notePool(ctx context.Context, conn *connection.Connection, prior, planned *model) diag.Diagnostics {
	pool, diags := planned.inlinePool(ctx)
	gateway, more := attribute.ParseID(planned.ID, path.Root("id"))
	diags.Append(more...)
	id, more := attribute.ParseID(prior.IPPoolID, path.Root("ip_pool_id"))
	diags.Append(more...)
	if pool == nil || diags.HasError() {
		return diags
	}
	if !prior.IPPool.Equal(planned.IPPool) {
		conn.MarkPlanned(id)
	}
	diags.Append(pool.Note(ctx, id, pool.poolRef(gateway), conn)...)
	return diags
}

// applyPool changes the inline IP pool before what lives on it, and in a creation
// checks it once more.
func applyPool(ctx context.Context, conn *connection.Connection, prior, planned *model) diag.Diagnostics {
	if prior == nil {
		return checkOverlap(ctx, conn, planned, ippoolspec.AppliedCandidate)
	}
	return changePool(ctx, conn, prior, planned, func(c *ippoolspec.Change) diag.Diagnostics { return c.Apply(ctx) })
}

// changePool does something with a change of the inline IP pool, if there is one
// and all of it is known.
func changePool(
	ctx context.Context, conn *connection.Connection, prior, planned *model, do func(*ippoolspec.Change) diag.Diagnostics,
) diag.Diagnostics {
	before, diags := prior.inlinePool(ctx)
	after, more := planned.inlinePool(ctx)
	diags.Append(more...)
	if before == nil || after == nil || diags.HasError() || prior.IPPool.Equal(planned.IPPool) || !after.Known(ctx) {
		return diags
	}
	gateway, more := attribute.ParseID(planned.ID, path.Root("id"))
	diags.Append(more...)
	id, more := attribute.ParseID(prior.IPPoolID, path.Root("ip_pool_id"))
	diags.Append(more...)
	change := &ippoolspec.Change{
		At:      path.Root("ip_pool"),
		ID:      id,
		Ref:     after.poolRef(gateway),
		Prior:   &before.Model,
		Planned: &after.Model,
	}
	diags.Append(after.Validate(ctx, change.At)...)
	diags.Append(checkPoolNetwork(planned, after)...)
	if change.OtherFamily(ctx) {
		diags.Append(diagnostics.AttributeError(change.FamilyPath(), "Address family change not supported",
			"The gateway's node has an address of this pool, and keeps it. "+
				"Keep addresses of its family, or create another gateway with a pool of the other one and migrate to it."))
	}
	if diags.HasError() {
		return diags
	}

	ledger, err := conn.Ledger(ctx)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig):
	case err != nil:
		diags.Append(diagnostics.FromError("change the IP pool of", planned.subject(), err))
	default:
		change.Ledger = ledger
		diags.Append(do(change)...)
	}
	return diags
}

// checkPoolNetwork refuses an inline IP pool of another network than that of the
// gateway's nodes.
func checkPoolNetwork(m *model, pool *inlinePool) diag.Diagnostics {
	if m.Placement.IsUnknown() || pool.Network.IsUnknown() {
		return nil
	}
	network, ok := m.Placement.Attributes()["network"].(types.String)
	serves := record.IPPool{Network: pool.Network.ValueString()}
	if !ok || network.IsUnknown() || serves.MayServe(network.ValueString()) {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeError(path.Root("ip_pool").AtName("network"), "Not the network of the gateway", fmt.Sprintf(
		"The gateway's node is on the network %q, and its IP pool would be on %q. Use the network of placement, or leave it out.",
		network.ValueString(), pool.Network.ValueString()))}
}

// checkOverlap compares a new inline IP pool with all other pools, in a plan or in
// an apply.
func checkOverlap(
	ctx context.Context, conn *connection.Connection, m *model, candidate func(uuid.UUID, record.Ref) ippoolspec.Candidate,
) diag.Diagnostics {
	pool, diags := m.inlinePool(ctx)
	if pool == nil || diags.HasError() {
		return diags
	}
	gateway, more := attribute.ParseID(m.ID, path.Root("id"))
	diags.Append(more...)
	id, more := attribute.ParseID(m.IPPoolID, path.Root("ip_pool_id"))
	diags.Append(more...)
	ledger, err := conn.Ledger(ctx)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig):
	case err != nil:
		diags.Append(diagnostics.FromError("plan", m.subject(), err))
	default:
		diags.Append(pool.CheckOverlap(ctx, ledger, path.Root("ip_pool"), candidate(id, pool.poolRef(gateway)))...)
	}
	return diags
}
