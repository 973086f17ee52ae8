package ippool

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
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

// openToAll takes away the reservation of a pool that is not restricted any
// more, so that it does not stand again once the pool is.
func (r *poolResource) openToAll(ctx context.Context, l *ledger.Ledger, m *model) diag.Diagnostics {
	var diags diag.Diagnostics
	if m.RestrictToSingleCluster.ValueBool() {
		return nil
	}
	id := m.key().ID(l)
	// Also one that was edited by hand and names nobody.
	cluster, _, err := l.Reservation(ctx, id)
	if err == nil {
		err = l.ReleaseReservation(ctx, id, cluster)
	}
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		diags.Append(diagnostics.FromError("release the reservation of", m.thing(), err))
	}
	return diags
}

// change writes a pool's record. What was free to be changed at the plan is
// looked at again, before and after: claims and pools may have been made since,
// and one that was made in between is in the way of neither look alone. Then the
// record is put back.
func (r *poolResource) change(ctx context.Context, l *ledger.Ledger, prior, m *model, rec ledger.Record) diag.Diagnostics {
	id := m.key().ID(l)
	holder, diags := checkInUse(ctx, l, prior, m)
	if moved(prior, m) {
		diags.Append(checkOverlap(ctx, l, m, never)...)
	}
	if diags.HasError() {
		return diags
	}
	if holder != "" {
		if err := l.Reserve(ctx, id, holder); err != nil {
			diags.Append(diagnostics.FromError("reserve", m.thing(), err))
			return diags
		}
	}
	if err := l.UpdateRecord(ctx, id, rec.Body); err != nil {
		diags.Append(diagnostics.FromError("update", m.thing(), err))
		return diags
	}
	later, again := checkInUse(ctx, l, prior, m)
	if moved(prior, m) {
		again.Append(checkOverlap(ctx, l, m, never)...)
	}
	if again.HasError() {
		diags.Append(again...)
		diags.Append(r.putBack(ctx, l, prior, m)...)
		return diags
	}
	if later != "" {
		if err := l.Reserve(ctx, id, later); err != nil {
			diags.Append(diagnostics.FromError("reserve", m.thing(), err))
		}
	}
	return diags
}

// putBack writes the record of the state.
func (r *poolResource) putBack(ctx context.Context, l *ledger.Ledger, prior, m *model) diag.Diagnostics {
	body, diags := prior.body(ctx)
	if diags.HasError() {
		return diags
	}
	rec, err := record.Encode(m.key(), body)
	if err == nil {
		err = l.UpdateRecord(ctx, m.key().ID(l), rec.Body)
	}
	if err != nil {
		diags.Append(diagnostics.FromError("put back the record of", m.thing(), err))
		return diags
	}
	return r.openToAll(ctx, l, prior)
}
