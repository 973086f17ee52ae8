package ippool

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

type planning = recordcrud.Planning[*model]

// plan plans the number of addresses, and checks what other pools have and what is
// in use.
func plan(ctx context.Context, p planning) {
	diags := &p.Response.Diagnostics
	if p.Planned.Known(ctx) {
		pool, more := p.Planned.arithmetic(ctx)
		diags.Append(more...)
		p.Planned.TotalAddresses = types.Int64Value(int64(pool.Total()))
		diags.Append(p.Response.Plan.SetAttribute(ctx, path.Root("total_addresses"), p.Planned.TotalAddresses)...)
	}
	if diags.HasError() {
		return
	}
	if p.Prior == nil {
		planCreate(ctx, p)
		return
	}
	planUpdate(ctx, p)
}

func planCreate(ctx context.Context, p planning) {
	withLedger(ctx, p, func(l *ledger.Ledger, ref record.Ref) {
		id := uuid.Nil // unknown: its name may be another pool's
		if !p.Planned.ID.IsUnknown() {
			id = l.ID(ref)
		}
		p.Response.Diagnostics.Append(p.Planned.CheckOverlap(ctx, l, path.Empty(), ippoolspec.PlannedCandidate(id, ref, p.Conn))...)
	})
}

func planUpdate(ctx context.Context, p planning) {
	diags := &p.Response.Diagnostics
	damaged, more := recordcrud.IsDamaged(ctx, p.Request.Private)
	diags.Append(more...)
	prior, more := attribute.ParseID(p.Prior.ID, path.Root("id"))
	diags.Append(more...)
	switch {
	case !damaged && unchanged(ctx, p):
		return
	case damaged:
		// Counting again is what makes an apply write the record again.
		diags.Append(p.Response.Plan.SetAttribute(ctx, path.Root("allocated_addresses"), types.Int64Unknown())...)
		diags.Append(p.Response.Plan.SetAttribute(ctx, path.Root("available_addresses"), types.Int64Unknown())...)
	}
	if !p.Prior.Name.Equal(p.Planned.Name) || !p.Prior.GatewayID.Equal(p.Planned.GatewayID) {
		// Its addresses are free for its successor, which Terraform plans next.
		p.Conn.MarkLeaving(prior)
		return
	}
	p.Conn.MarkPlanned(prior) // it is there, as it will be, before what uses it
	if diags.HasError() || !p.Planned.Known(ctx) {
		return
	}

	change := ippoolspec.Change{At: path.Empty(), ID: prior, Prior: &p.Prior.Model, Planned: &p.Planned.Model}
	if change.OtherFamily(ctx) {
		p.Response.RequiresReplace = append(p.Response.RequiresReplace, change.FamilyPath())
		return
	}
	withLedger(ctx, p, func(l *ledger.Ledger, ref record.Ref) {
		change.Ledger, change.Ref = l, ref
		diags.Append(change.Check(ctx, p.Conn)...)
	})
}

// unchanged reports whether a plan differs from the state in spelling alone, and
// then plans the state: the framework has marked the counts as unknown by then.
func unchanged(ctx context.Context, p planning) bool {
	same := *p.Planned
	same.TotalAddresses = p.Prior.TotalAddresses
	same.AllocatedAddresses = p.Prior.AllocatedAddresses
	same.AvailableAddresses = p.Prior.AvailableAddresses
	same.ReservedByClusterID = p.Prior.ReservedByClusterID
	kept := tfsdk.Plan{Schema: p.Response.Plan.Schema, Raw: p.Response.Plan.Raw}
	p.Response.Diagnostics.Append(kept.Set(ctx, &same)...)
	if !kept.Raw.Equal(p.Request.State.Raw) {
		return false
	}
	p.Response.Plan = kept
	return true
}

// withLedger does something with the ledger where it can be read.
func withLedger(ctx context.Context, p planning, do func(*ledger.Ledger, record.Ref)) {
	ref, diags := p.Planned.Ref(record.KindIPPool)
	p.Response.Diagnostics.Append(diags...)
	l, err := p.Conn.Ledger(ctx)
	switch {
	case errors.Is(err, connection.ErrUnknownConfig), diags.HasError():
	case err != nil:
		p.Response.Diagnostics.Append(diagnostics.FromError("plan", p.Planned.subject(), err))
	default:
		do(l, ref)
	}
}
