package recordcrud

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// ModifyPlan implements resource.ResourceWithModifyPlan: it sets what is known
// before the apply, and refuses what a read of the ledger shows to be impossible.
func (d *Driver[T, M]) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if d.conn == nil {
		return
	}
	var prior M
	if !req.State.Raw.IsNull() {
		prior = M(new(T))
		resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
		id, diags := d.markSeen(prior) // a plan without a refresh has not read it
		resp.Diagnostics.Append(diags...)
		if req.Plan.Raw.IsNull() {
			d.conn.MarkDeleted(id)
		}
	}
	if resp.Diagnostics.HasError() {
		return
	}
	if req.Plan.Raw.IsNull() {
		resp.Diagnostics.Append(d.planDelete(ctx, req, prior)...)
		return
	}
	m := M(new(T))
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	resp.Diagnostics.Append(crud.ReadWriteOnly(ctx, m, req.Config)...)
	if resp.Diagnostics.HasError() {
		return
	}
	// Values that were not known when the configuration was validated are by now.
	resp.Diagnostics.Append(d.validate(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}

	if prior == nil {
		former, diags := crud.ReadIdentity(ctx, req.Private)
		resp.Diagnostics.Append(diags...)
		d.conn.MarkLeaving(former.ID)
		id, diags := d.planCreate(ctx, m, former.ID)
		resp.Diagnostics.Append(diags...)
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), id)...)
		m.base().ID = id
	}
	if !resp.Diagnostics.HasError() && d.Hooks.Plan != nil {
		d.Hooks.Plan(ctx, Planning[M]{Conn: d.conn, Prior: prior, Planned: m, Request: req, Response: resp})
	}
	if prior != nil && resp.Plan.Raw.Equal(req.State.Raw) {
		d.conn.MarkPlanning()
	}
}

// planCreate returns the id of a record that is about to be created, unknown while
// what it is derived from is. A record of that name is an error, unless it may be
// the former self of a resource that is being replaced: then the apply decides, whose
// plan must not fail.
func (d *Driver[T, M]) planCreate(ctx context.Context, m M, former uuid.UUID) (types.String, diag.Diagnostics) {
	unknown := types.StringUnknown()
	if m.base().Name.IsUnknown() || m.base().GatewayID.IsUnknown() {
		return unknown, nil
	}
	ref, diags := m.base().Ref(d.Kind)
	if diags.HasError() {
		return unknown, diags
	}
	l, err := d.conn.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return unknown, diags
	}
	if err != nil {
		diags.Append(diagnostics.FromError("plan", ref.Describe(), err))
		return unknown, diags
	}

	id := l.ID(ref)
	d.conn.MarkPlanned(id)
	switch _, err := l.Record(ctx, id); {
	case errors.Is(err, ledger.ErrNotFound):
	case err != nil:
		diags.Append(diagnostics.FromError("plan", ref.Describe(), err))
	case id == former || d.conn.Seen(id) || former == uuid.Nil && !d.conn.Planning():
		diags.AddAttributeWarning(path.Root("name"), diagnostics.Title(ref.Describe())+" still exists",
			"Unless the apply deletes it first, it is refused and touches nothing: the name is unique. "+
				"A replacement with create_before_destroy, also of what depends on it, does not.")
	default:
		diags.Append(d.exists(ref))
	}
	return attribute.IDValue(id), diags
}
