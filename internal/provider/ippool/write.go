package ippool

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

// prepare opens the ledger and encodes the record.
func (r *poolResource) prepare(ctx context.Context, verb string, m *model, diags *diag.Diagnostics) (*ledger.Ledger, ledger.Record) {
	_, d := m.arithmetic(ctx)
	diags.Append(d...)
	body, d := m.body(ctx)
	diags.Append(d...)
	if diags.HasError() {
		return nil, ledger.Record{}
	}
	l, err := r.connection.Ledger(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError(verb, m.thing(), err))
		return nil, ledger.Record{}
	}
	rec, err := record.Encode(m.key(), body)
	if err != nil {
		diags.Append(diagnostics.FromError(verb, m.thing(), err))
	}
	return l, rec
}

// count is readUsage for a pool that has just been written. What was written
// stays written, so that a failure to count is a warning, and the next refresh
// counts again.
func (r *poolResource) count(ctx context.Context, l *ledger.Ledger, m *model) diag.Diagnostics {
	var diags diag.Diagnostics
	_, _, err := m.readUsage(ctx, l)
	if err == nil {
		return nil
	}
	pool, d := m.arithmetic(ctx)
	diags.Append(d...)
	m.setUsage(pool.Total(), usage{available: pool.Total()})
	diags.AddWarning("The addresses in use could not be counted", diagnostics.Detail(err))
	return diags
}

// change is what the resource does in place to the pool of a state. Without a
// ledger it tells what the models alone tell.
func (m *model) change(l *ledger.Ledger, plan *model) *addresspool.Change {
	c := &addresspool.Change{Ledger: l, At: path.Empty(), Name: plan.Name.ValueString(), GatewayID: plan.GatewayID.ValueString(), Prior: &m.Model, Planned: &plan.Model}
	if l != nil {
		c.ID = plan.key().ID(l)
	}
	return c
}
