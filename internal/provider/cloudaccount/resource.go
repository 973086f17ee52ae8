// Package cloudaccount is gantry_cloud_account: a vSphere identity that clusters
// are built with.
package cloudaccount

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"

	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

var (
	_ resource.ResourceWithConfigure      = (*accountResource)(nil)
	_ resource.ResourceWithValidateConfig = (*accountResource)(nil)
	_ resource.ResourceWithModifyPlan     = (*accountResource)(nil)
	_ resource.ResourceWithImportState    = (*accountResource)(nil)
)

// typeName is the type of the resource in configurations.
const typeName = "gantry_cloud_account"

type accountResource struct {
	recordcrud.Driver[model, *model]
}

// NewResource returns the resource gantry_cloud_account.
func NewResource() resource.Resource {
	return &accountResource{recordcrud.Driver[model, *model]{
		TypeName:  typeName,
		Kind:      record.KindCloudAccount,
		NewSchema: newSchema,
		InUse:     "Clusters are built with it. Delete them first, or move them to another account",
		Hooks: recordcrud.Hooks[*model]{
			Validate:     validate,
			Plan:         plan,
			BeforeCreate: beforeCreate,
			Update:       update,
			Written:      readPrivileges,
			Refresh:      refresh,
		},
	}}
}

// plan judges the gateway of a creation, and logs in where the login is new, so that a
// wrong password stops the plan and not the apply.
func plan(ctx context.Context, p recordcrud.Planning[*model]) {
	if p.Conn.Unconfigured() {
		return
	}
	p.Response.Diagnostics.Append(planGateway(ctx, p)...)
	if !p.Planned.complete() || p.Prior != nil && p.Planned.sameLogin(p.Prior) {
		return
	}
	p.Response.Diagnostics.Append(login(ctx, p.Conn, p.Planned)...)
}

// beforeCreate refuses an account whose gateway is not fit for it, or whose login fails.
func beforeCreate(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	diags := awaitGateway(ctx, s, m)
	if !diags.HasError() {
		diags.Append(checkLogin(ctx, s, m)...)
	}
	return diags
}

func checkLogin(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	return login(ctx, s.Conn, m)
}

func update(ctx context.Context, s recordcrud.Session, prior, planned *model) diag.Diagnostics {
	if diags := checkLogin(ctx, s, planned); diags.HasError() {
		return diags
	}
	return recordcrud.Write(ctx, s, prior, planned)
}
