package gateway

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// Rules are the rules of changes.
var Rules = rules

// AttributePath returns the attribute of a field, of a gateway with an inline IP pool
// or without.
func AttributePath(inline bool) func(enginemodel.Field) path.Path {
	m := &model{IPPool: types.ObjectNull(nil)}
	if inline {
		m.IPPool = types.ObjectUnknown(nil)
	}
	return m.AttributePath
}

// Note notes what a state plans a gateway to be, and returns what others learn of it.
func Note(ctx context.Context, conn *connection.Connection, prior, planned *tfsdk.State) (enginemodel.PlannedGateway, diag.Diagnostics) {
	var before, after model
	diags := planned.Get(ctx, &after)
	old := &before
	if prior == nil {
		old = nil
	} else {
		diags.Append(prior.Get(ctx, old)...)
	}
	diags.Append(noteGateway(ctx, conn, old, &after)...)
	id, more := attribute.ParseID(after.ID, path.Root("id"))
	diags.Append(more...)
	return conn.PlannedGateway(id), diags
}

// SpecOf returns the spec of a state.
func SpecOf(ctx context.Context, state tfsdk.State) (enginemodel.ClusterSpec, diag.Diagnostics) {
	var m model
	if diags := state.Get(ctx, &m); diags.HasError() {
		return enginemodel.ClusterSpec{}, diags
	}
	return m.Spec(ctx)
}
