package gateway

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// checkPlan checks the inline IP pool in a plan, and notes what the gateway will be for
// what is made through it.
func checkPlan(ctx context.Context, conn *connection.Connection, prior, planned *model) diag.Diagnostics {
	diags := checkPool(ctx, conn, prior, planned)
	diags.Append(noteGateway(ctx, conn, prior, planned)...)
	return diags
}

func noteGateway(ctx context.Context, conn *connection.Connection, prior, planned *model) diag.Diagnostics {
	id, diags := attribute.ParseID(planned.ID, path.Root("id"))
	if diags.HasError() || planned.ID.IsUnknown() {
		return diags
	}
	gateway := enginemodel.PlannedGateway{
		// A plan with steps does not know what comes out of them.
		Changed:      prior == nil || planned.State.IsUnknown(),
		ProxyUnknown: true,
	}
	if value, err := planned.Proxy.ToTerraformValue(ctx); err == nil && value.IsFullyKnown() {
		gateway.ProxyUnknown = false
		proxy, more := nodeschema.DecodeProxy(ctx, planned.Proxy)
		diags.Append(more...)
		gateway.Proxy = proxy.Recorded()
	}
	conn.PlanGateway(id, gateway)
	return diags
}
