package enginecrud

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// ImageEngine is the engine for images that are no cluster's, which the provider itself makes.
func ImageEngine(ctx context.Context, conn *connection.Connection) (*engine.Engine, error) {
	eng, err := newEngine(ctx, conn, nil)
	if err == nil {
		eng.PlannedIPPool = conn.PlannedIPPool
	}
	return eng, err
}

// InputsKnown reports whether everything that the configuration says is known.
func InputsKnown(config tfsdk.Config) bool { return inputsKnown(config, nil) }

// ShowImage is what is to be said of the plan of such an image.
func ShowImage(plan *model.Plan, conn *connection.Connection, attribute func(model.Field) path.Path) diag.Diagnostics {
	view := PlanView{Plan: plan, AttributePath: attribute, Run: conn}
	diags := showFindings(view)
	diags.Append(showMissingIPPools(view)...)
	return diags
}
