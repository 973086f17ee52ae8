// Package recordcrud is the life of the resources that are a record of the ledger
// and little else, gantry_ip_pool and gantry_cloud_account: create, read, update,
// delete, plan and import. A resource adds its schema, its model and hooks.
package recordcrud

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// Driver is the life of one resource; the resource embeds it. T is its model.
type Driver[T any, M interface {
	*T
	Model
}] struct {
	TypeName  string
	Kind      record.Kind
	NewSchema func() schema.Schema
	// InUse says what to do where other records depend on one that is to be deleted.
	InUse string
	Hooks Hooks[M]

	conn *connection.Connection
}

// Metadata implements resource.Resource.
func (d *Driver[T, M]) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = d.TypeName
}

// Schema implements resource.Resource.
func (d *Driver[T, M]) Schema(_ context.Context, _ resource.SchemaRequest, resp *resource.SchemaResponse) {
	resp.Schema = d.NewSchema()
}

// Configure implements resource.ResourceWithConfigure.
func (d *Driver[T, M]) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	d.conn = connection.FromResource(req, resp)
}

// ValidateConfig implements resource.ResourceWithValidateConfig.
func (d *Driver[T, M]) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	m := M(new(T))
	resp.Diagnostics.Append(req.Config.Get(ctx, m)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(d.validate(ctx, m)...)
	}
}

func (d *Driver[T, M]) validate(ctx context.Context, m M) diag.Diagnostics {
	if d.Hooks.Validate == nil {
		return nil
	}
	return d.Hooks.Validate(ctx, m)
}

// Read implements resource.Resource. Only what vCenter proves to be gone is removed,
// or to be another creation's by now.
func (d *Driver[T, M]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	d.conn.MarkPlanning()
	m := M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	s, diags := d.open(ctx, "read", m)
	resp.Diagnostics.Append(diags...)
	own, diags := crud.ReadIdentity(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	rec, err := s.Recent().Record(ctx, s.ID)
	if errors.Is(err, ledger.ErrNotFound) {
		resp.State.RemoveResource(ctx)
		return
	}
	if err == nil {
		err = m.SetBody(ctx, rec)
	}
	if err == nil && !m.base().Incarnation.Is(own.Incarnation) {
		resp.State.RemoveResource(ctx)
		return
	}
	damaged := d.Hooks.Damaged != nil && errors.Is(err, ledger.ErrDamaged)
	switch {
	case damaged:
		resp.Diagnostics.Append(d.Hooks.Damaged(m, err))
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromRefresh(s.Ref.Describe(), err))
	}
	resp.Diagnostics.Append(noteDamage(ctx, resp.Private, damaged)...)
	if err == nil && own.Incarnation == "" { // imported
		resp.Diagnostics.Append(crud.WriteIdentity(ctx, resp.Private, crud.Identity{ID: s.ID, Incarnation: m.base().Incarnation})...)
	}
	resp.Diagnostics.Append(d.hook(ctx, d.Hooks.Refresh, s, m, resp.Diagnostics)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
	}
}

// Update implements resource.Resource.
func (d *Driver[T, M]) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	d.conn.MarkApplying()
	prior, m := M(new(T)), M(new(T))
	resp.Diagnostics.Append(req.State.Get(ctx, prior)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, m)...)
	resp.Diagnostics.Append(crud.ReadWriteOnly(ctx, m, req.Config)...)
	own, diags := crud.ReadIdentity(ctx, req.Private)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	prior.base().Incarnation = own.Incarnation
	m.base().Incarnation = own.Incarnation
	s, _, diags := d.prepare(ctx, "update", m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	update := d.Hooks.Update
	if update == nil {
		update = Write[M]
	}
	resp.Diagnostics.Append(update(ctx, s, prior, m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	resp.Diagnostics.Append(noteDamage(ctx, resp.Private, false)...)
	resp.Diagnostics.Append(d.hook(ctx, d.Hooks.Written, s, m, nil)...)
	crud.ClearWriteOnly(m)
	resp.Diagnostics.Append(resp.State.Set(ctx, m)...)
}

// Write writes the record of a plan where it is another one than the prior state's.
func Write[M Model](ctx context.Context, s Session, prior, planned M) diag.Diagnostics {
	was, diags := prior.Body(ctx)
	is, more := planned.Body(ctx)
	diags.Append(more...)
	if diags.HasError() || reflect.DeepEqual(was, is) {
		return diags
	}
	raw, err := json.Marshal(is)
	if err == nil {
		err = crud.Again(ctx, func(ctx context.Context) error { return s.Ledger.UpdateRecord(ctx, s.ID, raw) })
	}
	if err != nil {
		diags.Append(diagnostics.FromError("update", s.Ref.Describe(), err))
	}
	return diags
}

// ImportState implements resource.ResourceWithImportState. The read that follows
// does the rest.
func (d *Driver[T, M]) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	ref, err := attribute.ParseImportID(d.Kind, req.ID)
	var l *ledger.Ledger
	if err == nil {
		l, err = d.conn.Ledger(ctx)
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("import", ref.Describe(), err))
		return
	}
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("id"), attribute.IDValue(l.ID(ref)))...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("name"), ref.Name)...)
	resp.Diagnostics.Append(resp.State.SetAttribute(ctx, path.Root("gateway_id"), attribute.IDValue(ref.GatewayID))...)
}

// open opens the ledger for a record that a state holds.
func (d *Driver[T, M]) open(ctx context.Context, verb string, m M) (Session, diag.Diagnostics) {
	s := Session{Conn: d.conn}
	id, diags := d.markSeen(m)
	ref, more := m.base().Ref(d.Kind)
	diags.Append(more...)
	if diags.HasError() {
		return s, diags
	}
	l, err := d.conn.Ledger(ctx)
	if err == nil {
		err = connection.CheckID(l, ref, id)
	}
	switch {
	case err == nil:
	case verb == "read":
		diags.Append(diagnostics.FromRefresh(ref.Describe(), err))
	default:
		diags.Append(diagnostics.FromError(verb, ref.Describe(), err))
	}
	s.Ledger, s.Ref, s.ID = l, ref, id
	return s, diags
}

// prepare opens the ledger for a record that is about to be written.
func (d *Driver[T, M]) prepare(ctx context.Context, verb string, m M) (Session, ledger.Record, diag.Diagnostics) {
	s := Session{Conn: d.conn}
	diags := d.validate(ctx, m)
	body, more := m.Body(ctx)
	diags.Append(more...)
	ref, more := m.base().Ref(d.Kind)
	diags.Append(more...)
	if diags.HasError() {
		return s, ledger.Record{}, diags
	}
	l, err := d.conn.Ledger(ctx)
	var rec ledger.Record
	if err == nil {
		rec, err = ledger.NewRecord(ref, body)
	}
	if err != nil {
		diags.Append(diagnostics.FromError(verb, ref.Describe(), err))
		return s, rec, diags
	}
	s.Ledger, s.Ref, s.ID = l, ref, l.ID(ref)
	return s, rec, diags
}

// describe names the object of a model in messages.
func (d *Driver[T, M]) describe(m M) string {
	return record.Ref{Kind: d.Kind, Name: m.base().Name.ValueString()}.Describe()
}

// hook runs a hook unless there is none or what came before it failed.
func (d *Driver[T, M]) hook(
	ctx context.Context, run func(context.Context, Session, M) diag.Diagnostics, s Session, m M, before diag.Diagnostics,
) diag.Diagnostics {
	if run == nil || before.HasError() {
		return nil
	}
	return run(ctx, s, m)
}

// markSeen notes that the id of a state was read in this run, and returns it.
func (d *Driver[T, M]) markSeen(m M) (uuid.UUID, diag.Diagnostics) {
	id, diags := attribute.ParseID(m.base().ID, path.Root("id"))
	d.conn.MarkSeen(id)
	return id, diags
}
