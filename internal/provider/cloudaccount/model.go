package cloudaccount

import (
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/types"

	ledgerrecord "github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/record"
)

// model is gantry_cloud_account as Terraform knows it.
type model struct {
	ID                 types.String `tfsdk:"id"`
	Name               types.String `tfsdk:"name"`
	GatewayID          types.String `tfsdk:"gateway_id"`
	VCenterServer      types.String `tfsdk:"vcenter_server"`
	Username           types.String `tfsdk:"username"`
	Password           types.String `tfsdk:"password"`
	PasswordWO         types.String `tfsdk:"password_wo"`
	PasswordWOVersion  types.Int64  `tfsdk:"password_wo_version"`
	CACertificate      types.String `tfsdk:"ca_certificate"`
	InsecureSkipVerify types.Bool   `tfsdk:"insecure_skip_verify"`
	VCenterVersion     types.String `tfsdk:"vcenter_version"`
	InstanceUUID       types.String `tfsdk:"instance_uuid"`
	MissingPrivileges  types.List   `tfsdk:"missing_privileges"`
}

// body is the record of a model whose configured values are known.
func (m *model) body() ledgerrecord.CloudAccount {
	return ledgerrecord.CloudAccount{
		Server:             m.VCenterServer.ValueString(),
		Username:           m.Username.ValueString(),
		CACertificate:      m.CACertificate.ValueString(),
		InsecureSkipVerify: m.InsecureSkipVerify.ValueBool(),
	}
}

// setBody takes over what a record says.
func (m *model) setBody(b ledgerrecord.CloudAccount) {
	m.VCenterServer = types.StringValue(b.Server)
	m.Username = types.StringValue(b.Username)
	m.InsecureSkipVerify = types.BoolValue(b.InsecureSkipVerify)
	m.CACertificate = types.StringNull()
	if b.CACertificate != "" {
		m.CACertificate = types.StringValue(b.CACertificate)
	}
}

// secret is the password, from wherever it is configured. It is unknown while
// the configured one is, and null where the state keeps none.
func (m *model) secret() types.String {
	if m.Password.IsNull() {
		return m.PasswordWO
	}
	return m.Password
}

// complete tells whether everything that a login needs is known.
func (m *model) complete() bool {
	return !m.VCenterServer.IsUnknown() && !m.Username.IsUnknown() && !m.CACertificate.IsUnknown() &&
		!m.InsecureSkipVerify.IsUnknown() && m.secret().ValueString() != ""
}

// sameLogin tells whether two models log in in the same way, as far as the
// state can tell: of a write-only password it knows the version.
func (m *model) sameLogin(other *model) bool {
	return m.VCenterServer.Equal(other.VCenterServer) && m.Username.Equal(other.Username) &&
		m.Password.Equal(other.Password) && m.PasswordWOVersion.Equal(other.PasswordWOVersion) &&
		m.CACertificate.Equal(other.CACertificate) && m.InsecureSkipVerify.Equal(other.InsecureSkipVerify)
}

// thing names the account in messages.
func (m *model) thing() string { return fmt.Sprintf("cloud account %q", m.Name.ValueString()) }

// key is what the account's id is derived from.
func (m *model) key() record.Key {
	return record.Key{Kind: ledgerrecord.KindCloudAccount, GatewayID: m.GatewayID.ValueString(), Name: m.Name.ValueString()}
}
