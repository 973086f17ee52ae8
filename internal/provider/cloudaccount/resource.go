// Package cloudaccount is the resource gantry_cloud_account.
package cloudaccount

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	ledgerrecord "github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

var (
	_ resource.Resource                   = (*accountResource)(nil)
	_ resource.ResourceWithConfigure      = (*accountResource)(nil)
	_ resource.ResourceWithValidateConfig = (*accountResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*accountResource)(nil)
	_ resource.ResourceWithImportState    = (*accountResource)(nil)
)

type accountResource struct {
	connection *connection.Connection
}

// typeName is how configurations call the resource.
const typeName = "gantry_cloud_account"

// NewResource answers the resource gantry_cloud_account.
func NewResource() resource.Resource { return &accountResource{} }

// Metadata names the resource.
func (r *accountResource) Metadata(_ context.Context, _ resource.MetadataRequest, resp *resource.MetadataResponse) {
	resp.TypeName = typeName
}

// Configure takes the connection.
func (r *accountResource) Configure(_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse) {
	r.connection = connection.FromResource(req, resp)
}

// ValidateConfig checks what needs no vCenter.
func (r *accountResource) ValidateConfig(ctx context.Context, req resource.ValidateConfigRequest, resp *resource.ValidateConfigResponse) {
	var m model
	resp.Diagnostics.Append(req.Config.Get(ctx, &m)...)
	if !resp.Diagnostics.HasError() {
		resp.Diagnostics.Append(m.validate()...)
	}
}

// ModifyPlan sets the id, which is known in the first plan, and logs in where
// the login is new, so that a wrong password stops the plan and not the apply.
func (r *accountResource) ModifyPlan(ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse) {
	if r.connection == nil {
		return
	}
	var state *model
	if !req.State.Raw.IsNull() {
		state = &model{}
		resp.Diagnostics.Append(req.State.Get(ctx, state)...)
		r.connection.MarkSeen(state.ID.ValueString())
	}
	if req.Plan.Raw.IsNull() {
		return
	}
	var plan model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo"), &plan.PasswordWO)...)
	if resp.Diagnostics.HasError() || r.connection.Unconfigured() {
		return
	}
	if state == nil {
		id, diags := record.PlanCreate(ctx, r.connection, plan.key(), plan.Name, plan.GatewayID, typeName)
		resp.Diagnostics.Append(diags...)
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("id"), id)...)
	}
	if !resp.Diagnostics.HasError() && plan.complete() && (state == nil || !plan.sameLogin(state)) {
		_, diags := r.login(ctx, &plan)
		resp.Diagnostics.Append(diags...)
	}
}

// Create logs in as the account and registers it.
func (r *accountResource) Create(ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse) {
	var m model
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo"), &m.PasswordWO)...)
	if resp.Diagnostics.HasError() {
		return
	}
	account, diags := r.login(ctx, &m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	l, err := r.connection.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.thing(), err))
		return
	}
	rec, err := record.Encode(m.key(), m.body())
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.thing(), err))
		return
	}
	id, err := l.Register(ctx, rec)
	m.ID = types.StringValue(id.String())
	m.PasswordWO = types.StringNull()
	if errors.Is(err, ledger.ErrExists) {
		resp.Diagnostics.Append(record.Exists(m.key(), typeName))
		return
	}
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("create", m.thing(), err))
		if record.InDoubt(err) {
			m.MissingPrivileges = types.ListNull(types.StringType)
			resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
		}
		return
	}
	resp.Diagnostics.Append(m.privileges(ctx, account)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Read takes over what the ledger says.
func (r *accountResource) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var m model
	resp.Diagnostics.Append(req.State.Get(ctx, &m)...)
	if resp.Diagnostics.HasError() {
		return
	}
	r.connection.MarkSeen(m.ID.ValueString())
	vcenter, err := r.connection.VCenter(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	l, err := r.connection.Ledger(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	var b ledgerrecord.CloudAccount
	found, diags := record.Read(ctx, l, m.key(), m.ID.ValueString(), &b)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	if !found {
		resp.State.RemoveResource(ctx)
		return
	}
	m.setBody(b)
	uuid, err := vcenter.InstanceUUID(ctx)
	if err != nil {
		resp.Diagnostics.Append(diagnostics.FromError("read", m.thing(), err))
		return
	}
	m.InstanceUUID, m.VCenterVersion = types.StringValue(uuid), types.StringValue(vcenter.Version())
	resp.Diagnostics.Append(r.refreshPrivileges(ctx, &m)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Update logs in where the login is new, and writes the record again.
func (r *accountResource) Update(ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse) {
	var prior, m model
	resp.Diagnostics.Append(req.State.Get(ctx, &prior)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &m)...)
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("password_wo"), &m.PasswordWO)...)
	if resp.Diagnostics.HasError() {
		return
	}
	account, diags := r.login(ctx, &m)
	resp.Diagnostics.Append(diags...)
	if resp.Diagnostics.HasError() {
		return
	}
	m.PasswordWO = types.StringNull()
	if m.body() != prior.body() {
		l, err := r.connection.Ledger(ctx)
		if err != nil {
			resp.Diagnostics.Append(diagnostics.FromError("update", m.thing(), err))
			return
		}
		rec, err := record.Encode(m.key(), m.body())
		if err == nil {
			err = l.UpdateRecord(ctx, m.key().ID(l), rec.Body)
		}
		if err != nil {
			resp.Diagnostics.Append(diagnostics.FromError("update", m.thing(), err))
			return
		}
	}
	resp.Diagnostics.Append(m.privileges(ctx, account)...)
	resp.Diagnostics.Append(resp.State.Set(ctx, &m)...)
}

// Delete takes the record away unless a cluster uses the account.
func (r *accountResource) Delete(ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse) {
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
	if resp.Diagnostics.HasError() {
		return
	}
	err = l.Unregister(ctx, id)
	var inUse *ledger.InUseError
	switch {
	case errors.As(err, &inUse):
		resp.Diagnostics.AddError("Unable to delete "+m.thing(), fmt.Sprintf(
			"Clusters are built with it. Delete them first, or move them to another account: %s.", strings.Join(inUse.Dependents(), ", ")))
	case err != nil:
		resp.Diagnostics.Append(diagnostics.FromError("delete", m.thing(), err))
	}
}

// ImportState takes `name` or `<gateway id>/<name>`.
func (r *accountResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	record.Import(ctx, r.connection, ledgerrecord.KindCloudAccount, req, resp)
}
