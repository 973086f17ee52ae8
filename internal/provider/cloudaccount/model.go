package cloudaccount

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/ledger"
	"github.com/gantry/terraform-provider-gantry/internal/ledger/record"
	"github.com/gantry/terraform-provider-gantry/internal/provider/attribute"
	"github.com/gantry/terraform-provider-gantry/internal/provider/crud"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
)

// model is the values of gantry_cloud_account.
type model struct {
	recordcrud.Base
	VCenterServer      types.String    `tfsdk:"vcenter_server"`
	Username           types.String    `tfsdk:"username"`
	Password           types.String    `tfsdk:"password"`
	PasswordWO         types.String    `tfsdk:"password_wo"`
	PasswordWOVersion  attribute.Int64 `tfsdk:"password_wo_version"`
	CACertificate      types.String    `tfsdk:"ca_certificate"`
	InsecureSkipVerify types.Bool      `tfsdk:"insecure_skip_verify"`
	VCenterVersion     types.String    `tfsdk:"vcenter_version"`
	InstanceUUID       types.String    `tfsdk:"instance_uuid"`
	MissingPrivileges  types.List      `tfsdk:"missing_privileges"`
	Timeouts           timeouts.Value  `tfsdk:"timeouts"`
}

var (
	_ recordcrud.Model = (*model)(nil)
	_ crud.WriteOnly   = (*model)(nil)
)

// Body implements recordcrud.Model. It is never a secret, but all that an import
// needs besides the password.
func (m *model) Body(context.Context) (any, diag.Diagnostics) {
	return record.CloudAccount{
		Incarnation:        m.Incarnation,
		Server:             m.VCenterServer.ValueString(),
		Username:           m.Username.ValueString(),
		CACertificate:      m.CACertificate.ValueString(),
		InsecureSkipVerify: m.InsecureSkipVerify.ValueBool(),
	}, nil
}

// SetBody implements recordcrud.Model.
func (m *model) SetBody(_ context.Context, r ledger.Record) error {
	body, err := r.CloudAccount()
	if err != nil {
		return err
	}
	m.Incarnation = body.Incarnation
	m.VCenterServer = types.StringValue(body.Server)
	m.Username = types.StringValue(body.Username)
	m.InsecureSkipVerify = types.BoolValue(body.InsecureSkipVerify)
	m.CACertificate = types.StringNull()
	if body.CACertificate != "" {
		m.CACertificate = types.StringValue(body.CACertificate)
	}
	return nil
}

// ReadWriteOnly implements crud.WriteOnly.
func (m *model) ReadWriteOnly(ctx context.Context, config tfsdk.Config) diag.Diagnostics {
	return config.GetAttribute(ctx, path.Root("password_wo"), &m.PasswordWO)
}

// ClearWriteOnly implements crud.WriteOnly.
func (m *model) ClearWriteOnly() { m.PasswordWO = types.StringNull() }

// secret is the password, from wherever it is configured. It is unknown while the
// configured one is, and null where the state keeps none.
func (m *model) secret() types.String {
	if m.Password.IsNull() {
		return m.PasswordWO
	}
	return m.Password
}

// complete reports whether everything that a login needs is known.
func (m *model) complete() bool {
	return !m.VCenterServer.IsUnknown() &&
		!m.Username.IsUnknown() &&
		!m.CACertificate.IsUnknown() &&
		!m.InsecureSkipVerify.IsUnknown() &&
		m.secret().ValueString() != ""
}

// sameLogin reports whether two models log in in the same way, as far as the state
// shows: of a write-only password it has the version.
func (m *model) sameLogin(other *model) bool {
	return m.VCenterServer.Equal(other.VCenterServer) &&
		m.Username.Equal(other.Username) &&
		m.Password.Equal(other.Password) &&
		m.PasswordWOVersion.Equal(other.PasswordWOVersion) &&
		m.CACertificate.Equal(other.CACertificate) &&
		m.InsecureSkipVerify.Equal(other.InsecureSkipVerify)
}

// subject names the account in messages.
func (m *model) subject() string {
	return record.Ref{Kind: record.KindCloudAccount, Name: m.Name.ValueString()}.Describe()
}
