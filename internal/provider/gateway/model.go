package gateway

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/ippoolspec"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// model is the values of gantry_gateway.
type model struct {
	enginecrud.Base
	NodeCount            attribute.Int64 `tfsdk:"node_count"`
	Image                types.Object    `tfsdk:"image"`
	KubernetesVersion    types.String    `tfsdk:"kubernetes_version"`
	CPU                  attribute.Int64 `tfsdk:"cpu"`
	MemoryGB             attribute.Int64 `tfsdk:"memory_gb"`
	DiskGB               attribute.Int64 `tfsdk:"disk_gb"`
	Placement            types.Object    `tfsdk:"placement"`
	Network              types.Object    `tfsdk:"network"`
	LoadBalancer         types.Object    `tfsdk:"load_balancer"`
	IPPool               types.Object    `tfsdk:"ip_pool"`
	IPPoolID             types.String    `tfsdk:"ip_pool_id"`
	Proxy                types.Object    `tfsdk:"proxy"`
	Registry             types.Object    `tfsdk:"registry"`
	RegistryPassword     types.String    `tfsdk:"-"` // write-only, in registry
	ConsoleEndpoint      types.String    `tfsdk:"console_endpoint"`
	PairingCode          types.String    `tfsdk:"pairing_code"`
	PairingCodeWO        types.String    `tfsdk:"pairing_code_wo"`
	PairingCodeWOVersion attribute.Int64 `tfsdk:"pairing_code_wo_version"`
	AgentImage           types.String    `tfsdk:"agent_image"`
	RegistrationTimeout  types.String    `tfsdk:"registration_timeout"`
	ResetTrigger         types.String    `tfsdk:"reset_trigger"`
	SSHAuthorizedKeys    types.List      `tfsdk:"ssh_authorized_keys"`
	NTPServers           types.List      `tfsdk:"ntp_servers"`
	VMTags               types.Set       `tfsdk:"vm_tags"`
	CloneMode            types.String    `tfsdk:"clone_mode"`
	EtcdSnapshot         types.Object    `tfsdk:"etcd_snapshot"`
	ReplaceNodes         types.Set       `tfsdk:"replace_nodes"`
	DefaultCloudAccount  types.Object    `tfsdk:"default_cloud_account"`
}

// inlinePool is the attribute ip_pool.
type inlinePool struct {
	ippoolspec.Model
	Name types.String `tfsdk:"name"`
}

var (
	_ enginecrud.Model      = (*model)(nil)
	_ enginecrud.Identifier = (*model)(nil)
	_ crud.WriteOnly        = (*model)(nil)
)

// subject names the gateway in messages.
func (m *model) subject() string { return m.ref().Describe() }

func (m *model) ref() record.Ref {
	return record.Ref{Kind: record.KindGateway, Name: m.Name.ValueString()}
}

// ReadWriteOnly implements crud.WriteOnly.
func (m *model) ReadWriteOnly(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	password, diags := nodeschema.ReadRegistryPassword(ctx, config)
	m.RegistryPassword = password
	diags.Append(config.GetAttribute(ctx, path.Root("pairing_code_wo"), &m.PairingCodeWO)...)
	return diags
}

// ClearWriteOnly implements crud.WriteOnly.
func (m *model) ClearWriteOnly() {
	m.PairingCodeWO = types.StringNull()
	m.RegistryPassword = types.String{}
}

// Target implements enginecrud.Model.
func (m *model) Target(ctx context.Context) (enginemodel.Target, diag.Diagnostics) {
	id, diags := attribute.ParseID(m.ID, path.Root("id"))
	target := enginemodel.Target{Ref: m.ref(), ID: id}
	pool, more := m.inlinePool(ctx)
	diags.Append(more...)
	if pool != nil {
		target.OwnIPPool = pool.Name.ValueString()
	}
	return target, diags
}

// inlinePool decodes ip_pool; nil where there is none, or where it is not known
// yet.
func (m *model) inlinePool(ctx context.Context) (*inlinePool, diag.Diagnostics) {
	if m.IPPool.IsNull() || m.IPPool.IsUnknown() {
		return nil, nil
	}
	var pool inlinePool
	diags := m.IPPool.As(ctx, &pool, nodeschema.AllKnown)
	return &pool, diags
}

// poolRef refers to an inline IP pool of the gateway with the id.
func (p *inlinePool) poolRef(gateway uuid.UUID) record.Ref {
	return record.Ref{Kind: record.KindIPPool, GatewayID: gateway, Name: p.Name.ValueString()}
}

// Identify implements enginecrud.Identifier: the ids of the gateway, its inline
// pool and its account are derived from vCenter and names.
func (m *model) Identify(ctx context.Context, conn *connection.Connection) diag.Diagnostics {
	if m.Name.IsUnknown() {
		return nil
	}
	ledger, err := conn.Ledger(ctx)
	if errors.Is(err, connection.ErrUnknownConfig) {
		return nil
	}
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("plan", m.subject(), err)}
	}
	if m.ID.IsNull() || m.ID.IsUnknown() {
		m.ID = attribute.IDValue(ledger.ID(m.ref()))
	}
	id, diags := attribute.ParseID(m.ID, path.Root("id"))
	if diags.HasError() {
		return diags
	}
	if err := connection.CheckID(ledger, m.ref(), id); err != nil {
		return diag.Diagnostics{diagnostics.FromError("read", m.subject(), err)}
	}

	pool, more := m.inlinePool(ctx)
	diags.Append(more...)
	if pool != nil && !pool.Name.IsUnknown() {
		poolID := ledger.ID(pool.poolRef(id))
		m.IPPoolID = attribute.IDValue(poolID)
	}
	if nodeschema.Allocation(m.Network) == enginemodel.AllocationDHCP && m.IPPoolID.IsUnknown() {
		m.IPPoolID = types.StringNull() // its nodes take leases
	}
	account := record.Ref{Kind: record.KindCloudAccount, GatewayID: id, Name: defaultAccount}
	m.DefaultCloudAccount, more = accountValue(conn.Login(), id, ledger.ID(account))
	diags.Append(more...)
	return diags
}

// defaultAccount is the name of the account that every gateway has. It is the
// provider's own identity and has no record.
const defaultAccount = "default"

// accountTypes are the types of default_cloud_account.
var accountTypes = map[string]attr.Type{
	"id":                   types.StringType,
	"name":                 types.StringType,
	"gateway_id":           types.StringType,
	"vcenter_server":       types.StringType,
	"username":             types.StringType,
	"password":             types.StringType,
	"ca_certificate":       types.StringType,
	"insecure_skip_verify": types.BoolType,
}

func accountValue(login connection.Login, gateway, id uuid.UUID) (types.Object, diag.Diagnostics) {
	certificate := types.StringNull()
	if login.CACertificate != "" {
		certificate = types.StringValue(login.CACertificate)
	}
	return types.ObjectValue(accountTypes, map[string]attr.Value{
		"id":                   attribute.IDValue(id),
		"name":                 types.StringValue(defaultAccount),
		"gateway_id":           attribute.IDValue(gateway),
		"vcenter_server":       types.StringValue(login.Server),
		"username":             types.StringValue(login.Username),
		"password":             types.StringNull(),
		"ca_certificate":       certificate,
		"insecure_skip_verify": types.BoolValue(login.Insecure),
	})
}
