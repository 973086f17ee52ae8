package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

var _ lifecycle.Model = (*model)(nil)

func (m *model) Base() *lifecycle.Computed { return &m.Computed }

func (m *model) Thing() lifecycle.Thing {
	return lifecycle.Thing{Kind: "cluster", Name: m.Name.ValueString()}
}

func (m *model) Times() timeouts.Value { return m.Timeouts }

func (m *model) Strict() bool {
	return m.IncompleteCreate.ValueString() == lifecycle.IncompleteError
}

// Protected refuses a destruction that the configuration protects from.
func (m *model) Protected() diag.Diagnostics {
	var diags diag.Diagnostics
	if m.DeletionProtection.ValueBool() {
		diags.AddAttributeError(path.Root("deletion_protection"), "The cluster is protected from deletion",
			"Cluster "+m.Name.ValueString()+" has deletion_protection = true. Set it to false and apply before you destroy or replace the cluster.")
	}
	return diags
}

func (m *model) ReadConfig(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	return config.GetAttribute(ctx, path.Root("cloud_account_password_wo"), &m.AccountPasswordWO)
}

func (m *model) Forget() { m.AccountPasswordWO = types.StringNull() }

func (m *model) Known(plan tfsdk.Plan) bool {
	return lifecycle.Known(plan, filled) && !m.AccountPasswordWO.IsUnknown()
}

// Identify fills in nothing: the id of a cluster is random.
func (m *model) Identify(context.Context, *connection.Connection) diag.Diagnostics { return nil }

// Account is the cloud account that builds, and that is not deleted as long as
// the cluster is there.
func (m *model) Account(ctx context.Context) (*lifecycle.Identity, []string, diag.Diagnostics) {
	if m.CloudAccount.IsUnknown() || m.CloudAccount.IsNull() {
		return nil, nil, nil
	}
	account, diags := m.account(ctx)
	return account.identity(m.AccountPasswordWO), []string{account.ID}, diags
}

func (m *model) Target(ctx context.Context) (engine.Target, diag.Diagnostics) {
	account, diags := m.account(ctx)
	return engine.Target{
		Kind: engine.KindCluster, ID: m.ID.ValueString(), GatewayID: value(account.GatewayID), Name: m.Name.ValueString(),
	}, diags
}

// Field is the attribute itself: the engine's words for a cluster are those of
// its schema.
func (m *model) Field(f engine.Field) engine.Field { return f }

func (m *model) Unfinish() { m.ClientConfiguration = lifecycle.UnknownClientConfiguration() }

func (m *model) Finish(ctx context.Context, secrets *engine.Secrets) (diags diag.Diagnostics) {
	m.ClientConfiguration, diags = lifecycle.ClientConfiguration(ctx, secrets)
	return diags
}
