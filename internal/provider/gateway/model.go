package gateway

import (
	"context"
	"errors"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	ledgerrecord "github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/addresspool"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

// model is gantry_gateway as Terraform holds it.
type model struct {
	lifecycle.Computed
	Name                 types.String   `tfsdk:"name"`
	NodeCount            types.Int64    `tfsdk:"node_count"`
	Image                types.Object   `tfsdk:"image"`
	KubernetesVersion    types.String   `tfsdk:"kubernetes_version"`
	CPU                  types.Int64    `tfsdk:"cpu"`
	MemoryGB             types.Int64    `tfsdk:"memory_gb"`
	DiskGB               types.Int64    `tfsdk:"disk_gb"`
	Placement            types.Object   `tfsdk:"placement"`
	Network              types.Object   `tfsdk:"network"`
	IPPool               types.Object   `tfsdk:"ip_pool"`
	IPPoolID             types.String   `tfsdk:"ip_pool_id"`
	Proxy                types.Object   `tfsdk:"proxy"`
	ConsoleEndpoint      types.String   `tfsdk:"console_endpoint"`
	PairingCode          types.String   `tfsdk:"pairing_code"`
	PairingCodeWO        types.String   `tfsdk:"pairing_code_wo"`
	PairingCodeWOVersion types.Int64    `tfsdk:"pairing_code_wo_version"`
	AgentImage           types.String   `tfsdk:"agent_image"`
	RegistrationTimeout  types.String   `tfsdk:"registration_timeout"`
	SSHAuthorizedKeys    types.List     `tfsdk:"ssh_authorized_keys"`
	NTPServers           types.List     `tfsdk:"ntp_servers"`
	CloneMode            types.String   `tfsdk:"clone_mode"`
	IncompleteCreate     types.String   `tfsdk:"incomplete_create"`
	DefaultCloudAccount  types.Object   `tfsdk:"default_cloud_account"`
	Timeouts             timeouts.Value `tfsdk:"timeouts"`
}

// poolModel is the attribute ip_pool.
type poolModel struct {
	addresspool.Model
	Name types.String `tfsdk:"name"`
}

var _ lifecycle.Model = (*model)(nil)

func (m *model) Base() *lifecycle.Computed { return &m.Computed }

func (m *model) Thing() lifecycle.Thing {
	return lifecycle.Thing{Kind: "gateway", Name: m.Name.ValueString()}
}

func (m *model) Times() timeouts.Value { return m.Timeouts }

func (m *model) Strict() bool {
	return m.IncompleteCreate.ValueString() == lifecycle.IncompleteError
}

// Protected refuses nothing: what belongs to the gateway protects it.
func (m *model) Protected() diag.Diagnostics { return nil }

func (m *model) ReadConfig(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	return config.GetAttribute(ctx, path.Root("pairing_code_wo"), &m.PairingCodeWO)
}

// Unfinish marks nothing: beside the kubeconfig, nothing follows from secrets.
func (m *model) Unfinish() {}

func (m *model) Forget() { m.PairingCodeWO = types.StringNull() }

// Known looks at what users write. The id of the gateway's own pool is none of
// that, and what a write-only token is does not matter before the apply.
func (m *model) Known(plan tfsdk.Plan) bool {
	computed := map[string]bool{"ip_pool_id": !m.IPPool.IsNull()}
	for name := range filled {
		computed[name] = true
	}
	return lifecycle.Known(plan, computed) && !m.ID.IsUnknown() && !m.IPPoolID.IsUnknown()
}

// pool decodes the pool that the gateway brings along; nil where it brings none,
// or where that is not known yet.
func (m *model) pool(ctx context.Context) (*poolModel, diag.Diagnostics) {
	if m.IPPool.IsNull() || m.IPPool.IsUnknown() {
		return nil, nil
	}
	var p poolModel
	diags := m.IPPool.As(ctx, &p, lifecycle.Strict)
	return &p, diags
}

// Identify derives the ids of the gateway, its own pool and its account from
// vCenter and names.
func (m *model) Identify(ctx context.Context, conn *connection.Connection) diag.Diagnostics {
	if m.Name.IsUnknown() {
		return nil
	}
	book, err := conn.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return nil
	}
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("plan", m.Thing().String(), err)}
	}
	key := record.Key{Kind: ledgerrecord.KindGateway, Name: m.Name.ValueString()}
	if m.ID.IsNull() || m.ID.IsUnknown() {
		m.ID = types.StringValue(key.ID(book).String())
	}
	id, diags := record.ParseID(book, key, m.ID.ValueString())
	if diags.HasError() {
		return diags
	}
	pool, more := m.pool(ctx)
	diags.Append(more...)
	if pool != nil && !pool.Name.IsUnknown() {
		m.IPPoolID = types.StringValue(book.ID(ledgerrecord.Ref{Kind: ledgerrecord.KindIPPool, GatewayID: id, Name: pool.Name.ValueString()}).String())
		conn.MarkPlanned(m.IPPoolID.ValueString())
	}
	m.DefaultCloudAccount, more = account(conn.Login(), id.String(), book.ID(ledgerrecord.Ref{Kind: ledgerrecord.KindCloudAccount, GatewayID: id, Name: defaultAccount}).String())
	diags.Append(more...)
	return diags
}

// defaultAccount is the name of the account that every gateway has. It is the
// provider's own identity and stands in no record.
const defaultAccount = "default"

func account(login connection.Login, gateway, id string) (types.Object, diag.Diagnostics) {
	certificate := types.StringNull()
	if login.CACertificate != "" {
		certificate = types.StringValue(login.CACertificate)
	}
	return types.ObjectValue(map[string]attr.Type{
		"id": types.StringType, "name": types.StringType, "gateway_id": types.StringType, "vcenter_server": types.StringType,
		"username": types.StringType, "password": types.StringType, "ca_certificate": types.StringType, "insecure_skip_verify": types.BoolType,
	}, map[string]attr.Value{
		"id": types.StringValue(id), "name": types.StringValue(defaultAccount), "gateway_id": types.StringValue(gateway),
		"vcenter_server": types.StringValue(login.Server), "username": types.StringValue(login.Username), "password": types.StringNull(),
		"ca_certificate": certificate, "insecure_skip_verify": types.BoolValue(login.Insecure),
	})
}

// Account is none: a gateway is built by the provider itself.
func (m *model) Account(context.Context) (*lifecycle.Identity, []string, diag.Diagnostics) {
	return nil, nil, nil
}

func (m *model) Target(ctx context.Context) (engine.Target, diag.Diagnostics) {
	t := engine.Target{Kind: engine.KindGateway, ID: m.ID.ValueString(), Name: m.Name.ValueString()}
	pool, diags := m.pool(ctx)
	if pool != nil {
		t.OwnPool = pool.Name.ValueString()
	}
	return t, diags
}

// Finish has nothing to fill in.
func (m *model) Finish(context.Context, *engine.Secrets) diag.Diagnostics {
	return nil
}
