package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/enginecrud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// model is the values of gantry_vmware_cluster.
type model struct {
	enginecrud.Base
	Description            types.String    `tfsdk:"description"`
	Tags                   types.Map       `tfsdk:"tags"`
	VMTags                 types.Set       `tfsdk:"vm_tags"`
	NameTemplate           types.String    `tfsdk:"name_template"`
	CloudAccount           types.Object    `tfsdk:"cloud_account"`
	AccountPasswordWO      types.String    `tfsdk:"cloud_account_password_wo"`
	AccountPasswordVersion attribute.Int64 `tfsdk:"cloud_account_password_wo_version"`
	Profile                types.Object    `tfsdk:"profile"`
	PackOverrides          types.Map       `tfsdk:"pack_overrides"`
	OverrideConflicts      types.String    `tfsdk:"override_conflicts"`
	Datacenter             types.String    `tfsdk:"datacenter"`
	Folder                 types.String    `tfsdk:"folder"`
	ImageFolder            types.String    `tfsdk:"image_folder"`
	Network                types.Object    `tfsdk:"network"`
	LoadBalancer           types.Object    `tfsdk:"load_balancer"`
	LoadBalancerPools      types.Map       `tfsdk:"load_balancer_pools"`
	ControlPlane           types.Object    `tfsdk:"control_plane"`
	WorkerPools            types.Map       `tfsdk:"worker_pools"`
	ReplaceNodes           types.Set       `tfsdk:"replace_nodes"`
	Repair                 types.Object    `tfsdk:"repair"`
	UsageLimits            types.Object    `tfsdk:"usage_limits"`
	Services               types.Map       `tfsdk:"services"`
	EtcdSnapshot           types.Object    `tfsdk:"etcd_snapshot"`
	RestoreFromSnapshot    types.Object    `tfsdk:"restore_from_snapshot"`
	SSHAuthorizedKeys      types.List      `tfsdk:"ssh_authorized_keys"`
	NTPServers             types.List      `tfsdk:"ntp_servers"`
	Proxy                  types.Object    `tfsdk:"proxy"`
	GatewayProxy           types.Object    `tfsdk:"gateway_proxy"`
	Registry               types.Object    `tfsdk:"registry"`
	Images                 types.List      `tfsdk:"images"`
	RegistryPassword       types.String    `tfsdk:"-"` // write-only, in registry
	CloneMode              types.String    `tfsdk:"clone_mode"`
	DeletionProtection     types.Bool      `tfsdk:"deletion_protection"`
	ClientConfiguration    types.Object    `tfsdk:"kubernetes_client_configuration"`
}

var (
	_ enginecrud.Model       = (*model)(nil)
	_ enginecrud.Protector   = (*model)(nil)
	_ enginecrud.AccountUser = (*model)(nil)
	_ enginecrud.Restorer    = (*model)(nil)
	_ crud.WriteOnly         = (*model)(nil)
	_ enginecrud.Deriver     = (*model)(nil)
	_ enginecrud.Heir        = (*model)(nil)

	_ enginecrud.ServiceReporter = (*model)(nil)
	_ enginecrud.ImageLister     = (*model)(nil)
)

// accountModel is the attribute cloud_account. It is decoded only where all of it
// is known.
type accountModel struct {
	ID                 string  `tfsdk:"id"`
	Name               string  `tfsdk:"name"`
	VCenterServer      string  `tfsdk:"vcenter_server"`
	Username           string  `tfsdk:"username"`
	GatewayID          *string `tfsdk:"gateway_id"`
	Password           *string `tfsdk:"password"`
	CACertificate      *string `tfsdk:"ca_certificate"`
	InsecureSkipVerify *bool   `tfsdk:"insecure_skip_verify"`
}

// account decodes the cloud account.
func (m *model) account(ctx context.Context) (accountModel, diag.Diagnostics) {
	var account accountModel
	return account, m.CloudAccount.As(ctx, &account, nodeschema.AllKnown)
}

// Account implements enginecrud.AccountUser. The write-only password comes from the
// configuration; no plan or state holds it.
func (m *model) Account(ctx context.Context) (*enginecrud.Account, diag.Diagnostics) {
	if m.CloudAccount.IsUnknown() || m.CloudAccount.IsNull() {
		return nil, nil
	}
	account, diags := m.account(ctx)
	id, more := attribute.ParseID(types.StringValue(account.ID), path.Root("cloud_account").AtName("id"))
	diags.Append(more...)
	if diags.HasError() {
		return nil, diags
	}
	password := nodeschema.OrZero(account.Password)
	var version *int64
	if password == "" {
		password = m.AccountPasswordWO.ValueString()
		version = m.AccountPasswordVersion.ValueInt64Pointer()
	}
	return &enginecrud.Account{
		ID:              id,
		Server:          account.VCenterServer,
		Username:        account.Username,
		Password:        password,
		PasswordVersion: version,
		CACertificate:   nodeschema.OrZero(account.CACertificate),
		Insecure:        nodeschema.OrZero(account.InsecureSkipVerify),
	}, diags
}

// ref refers to the cluster, which belongs to the gateway of its account.
func (m *model) ref(ctx context.Context) (record.Ref, diag.Diagnostics) {
	account, diags := m.account(ctx)
	gateway, more := attribute.ParseID(types.StringPointerValue(account.GatewayID), path.Root("cloud_account").AtName("gateway_id"))
	diags.Append(more...)
	return record.Ref{Kind: record.KindCluster, GatewayID: gateway, Name: m.Name.ValueString()}, diags
}

// Target implements enginecrud.Model.
func (m *model) Target(ctx context.Context) (enginemodel.Target, diag.Diagnostics) {
	ref, diags := m.ref(ctx)
	id, more := attribute.ParseID(m.ID, path.Root("id"))
	diags.Append(more...)
	return enginemodel.Target{Ref: ref, ID: id, NameTemplate: m.NameTemplate.ValueString()}, diags
}

// CheckDeletion implements enginecrud.Protector.
func (m *model) CheckDeletion() diag.Diagnostics {
	if !m.DeletionProtection.ValueBool() {
		return nil
	}
	return diag.Diagnostics{diag.NewAttributeErrorDiagnostic(path.Root("deletion_protection"), "Cluster is protected from deletion",
		"Cluster "+m.Name.ValueString()+" has deletion_protection = true. Set it to false and apply before you destroy or replace the cluster.")}
}

// Restores implements enginecrud.Restorer.
func (m *model) Restores() bool {
	return !m.RestoreFromSnapshot.IsNull() && !m.RestoreFromSnapshot.IsUnknown()
}

// ReadWriteOnly implements crud.WriteOnly.
func (m *model) ReadWriteOnly(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	password, diags := nodeschema.ReadRegistryPassword(ctx, config)
	m.RegistryPassword = password
	diags.Append(config.GetAttribute(ctx, path.Root("cloud_account_password_wo"), &m.AccountPasswordWO)...)
	return diags
}

// ClearWriteOnly implements crud.WriteOnly.
func (m *model) ClearWriteOnly() {
	m.AccountPasswordWO = types.StringNull()
	m.RegistryPassword = types.String{}
}

// MarkDerivedUnknown implements enginecrud.Deriver.
func (m *model) MarkDerivedUnknown() { m.ClientConfiguration = types.ObjectUnknown(clientTypes) }

// SetDerived implements enginecrud.Deriver.
func (m *model) SetDerived(secrets *enginemodel.Secrets) (diags diag.Diagnostics) {
	m.ClientConfiguration, diags = clientConfiguration(secrets)
	return diags
}
