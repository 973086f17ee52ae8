package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
)

// Rules are the rules of changes.
var Rules = rules

// AttributePath returns the attribute of a field.
var AttributePath = (&model{}).AttributePath

// SpecOf returns the spec of a state.
func SpecOf(ctx context.Context, state tfsdk.State) (enginemodel.ClusterSpec, diag.Diagnostics) {
	var m model
	if diags := state.Get(ctx, &m); diags.HasError() {
		return enginemodel.ClusterSpec{}, diags
	}
	return m.Spec(ctx)
}
