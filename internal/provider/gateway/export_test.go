package gateway

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
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

// SpecOf returns the spec of a state.
func SpecOf(ctx context.Context, state tfsdk.State) (enginemodel.ClusterSpec, diag.Diagnostics) {
	var m model
	if diags := state.Get(ctx, &m); diags.HasError() {
		return enginemodel.ClusterSpec{}, diags
	}
	return m.Spec(ctx)
}
