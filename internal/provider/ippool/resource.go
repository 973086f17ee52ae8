// Package ippool is the resource gantry_ip_pool.
package ippool

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	ledgerrecord "github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

var (
	_ resource.Resource                   = (*poolResource)(nil)
	_ resource.ResourceWithConfigure      = (*poolResource)(nil)
	_ resource.ResourceWithValidateConfig = (*poolResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*poolResource)(nil)
	_ resource.ResourceWithImportState    = (*poolResource)(nil)
)

type poolResource struct {
	connection *connection.Connection
}

// typeName is how configurations call the resource.
const typeName = "gantry_ip_pool"

// NewResource answers the resource gantry_ip_pool.
func NewResource() resource.Resource { return &poolResource{} }

// Metadata names the resource.
func (r *poolResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName
}

// Configure takes the connection.
func (r *poolResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.connection = connection.FromResource(req, resp)
}

// ValidateConfig checks the arithmetic of addresses, which needs no vCenter.
func (r *poolResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(m.Validate(ctx, path.Empty())...)
}

// Create registers the pool.
func (r *poolResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	l, rec := r.prepare(ctx, "create", &m, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(checkOverlap(ctx, l, &m, addresspool.Never, nil)...)
	if resp.Diagnostics.HasError() {
		return
	}
	id, err := l.Register(ctx, rec)
	m.ID = types.StringValue(id.String())
	if errors.Is(err, ledger.ErrExists) {
		resp.Diagnostics.Append(record.Exists(m.key(), typeName))
		return
	}
	inDoubt := record.InDoubt(err)
	if err == nil {
		// Of two pools that are registered at the same time, at least one sees the
		// other now.
		if diags := checkOverlap(ctx, l, &m, addresspool.Never, nil); diags.HasError() {
			resp.Diagnostics.Append(diags...)
			err = l.Unregister(ctx, id)
			if inDoubt = err != nil; !inDoubt {
				return
			}
		}
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.thing(), err))
		if inDoubt {
			pool, _ := m.arithmetic(ctx)
			m.setUsage(pool.Total(), usage{available: pool.Total()})
			resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
		}
		return
	}
	resp.Diagnostics.Append(r.count(ctx, l, &m)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Read takes over what the ledger says.
func (r *poolResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.connection.MarkSeen(m.ID.ValueString())
	l, err := r.connection.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	id, diags := record.ParseID(l, m.key(), m.ID.ValueString())
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	rec, err := l.Record(ctx, id)
	if errors.Is(err, ledger.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	var body ledgerrecord.IPPool
	if err == nil {
		body, err = rec.IPPool()
	}
	switch {
	case err == nil:
		resp.Diagnostics.Append(m.SetBody(ctx, body)...)
	case errors.Is(err, ledger.ErrDamaged):
		resp.Diagnostics.Append(m.damaged(err))
	default:
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
	}
	resp.Diagnostics.Append(noteDamage(ctx, resp.Private, errors.Is(err, ledger.ErrDamaged))...)
	if resp.Diagnostics.HasError() {
		return
	}
	if _, _, err := m.readUsage(ctx, l); err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Update writes the record again.
func (r *poolResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var prior, m model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	l, _ := r.prepare(ctx, "update", &m, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(prior.change(l, &m).Apply(ctx)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(noteDamage(ctx, resp.Private, false)...)
	resp.Diagnostics.Append(r.count(ctx, l, &m)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Delete takes the record away unless an address of the pool is in use.
func (r *poolResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.connection.MarkSeen(m.ID.ValueString())
	l, err := r.connection.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.thing(), err))
		return
	}
	id, diags := record.ParseID(l, m.key(), m.ID.ValueString())
	resp.Diagnostics.Append(diags...)
	resp.Diagnostics.Append(checkUnused(ctx, l, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := l.Unregister(ctx, id); err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.thing(), err))
	}
}

// ImportState takes `name` or `<gateway id>/<name>`.
func (r *poolResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	record.Import(ctx, r.connection, ledgerrecord.KindIPPool, req, resp)
}
