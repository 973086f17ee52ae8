// Package ippool is the resource gantry_ip_pool.
package ippool

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
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
	id, err := l.Register(ctx, rec)
	m.ID = types.StringValue(id.String())
	if errors.Is(err, ledger.ErrExists) {
		resp.Diagnostics.Append(record.Exists(m.key(), typeName))
		return
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.thing(), err))
		if record.InDoubt(err) {
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
	var body ledger.PoolBody
	found, diags := record.Read(ctx, l, m.key(), m.ID.ValueString(), &body)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !found {
		resp.State.RemoveResource(ctx)
		return
	}
	resp.Diagnostics.Append(m.SetBody(ctx, body)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := m.readUsage(ctx, l); err != nil {
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
	l, rec := r.prepare(ctx, "update", &m, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	// Once more, because claims may have been made since the plan.
	resp.Diagnostics.Append(checkInUse(ctx, l, &prior, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	if err := l.UpdateRecord(ctx, m.key().ID(l), rec.Body); err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("update", m.thing(), err))
		return
	}
	resp.Diagnostics.Append(r.openToAll(ctx, l, &m)...)
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
	record.Import(ctx, r.connection, ledger.KindPool, req, resp)
}

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
	err := m.readUsage(ctx, l)
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
	cluster, _, err := l.Reservation(ctx, id)
	if err == nil {
		err = l.ReleaseReservation(ctx, id, cluster)
	}
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		diags.Append(diagnostics.FromError("release the reservation of", m.thing(), err))
	}
	return diags
}

// thing names the pool in messages.
func (m *model) thing() string { return fmt.Sprintf("IP pool %q", m.Name.ValueString()) }

// key is what the pool's id is derived from.
func (m *model) key() record.Key {
	return record.Key{Kind: ledger.KindPool, GatewayID: m.GatewayID.ValueString(), Name: m.Name.ValueString()}
}
