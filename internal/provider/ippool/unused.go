package ippool

import (
	"context"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// checkUnused reports the addresses of a pool that are in use.
func checkUnused(ctx context.Context, l *ledger.Ledger, m *model) diag.Diagnostics {
	pool, diags := m.in(ctx, l)
	if diags.HasError() {
		return diags
	}
	taken, err := l.Snapshot(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("delete", m.thing(), err))
		return diags
	}
	if inUse := taken.Addresses(pool); len(inUse) > 0 {
		diags.AddError("Unable to delete "+m.thing(), fmt.Sprintf(
			"%d of its addresses are in use. Delete the clusters and gateways that hold them first: %s.",
			len(inUse), addresspool.Holders(ctx, l, pool, inUse)))
	}
	return diags
}
