package cloudaccount

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/privileges"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/provider/recordcrud"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// connect opens the session of an account, which stays for the clusters of this
// run.
func connect(ctx context.Context, conn *connection.Connection, m *model) (*vsphere.Client, error) {
	return conn.Account(ctx, m.VCenterServer.ValueString(), m.Username.ValueString(),
		m.secret().ValueString(), m.CACertificate.ValueString(), m.InsecureSkipVerify.ValueBool())
}

// login logs in as the account and proves that its vCenter is the provider's. A
// failure is an error on the attribute that caused it.
func login(ctx context.Context, conn *connection.Connection, m *model) diag.Diagnostics {
	own, err := conn.VCenter(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("check", m.subject(), err)}
	}
	account, err := connect(ctx, conn, m)
	if err != nil {
		return diag.Diagnostics{
			diagnostics.AttributeError(m.causeOf(err), "Unable to log in as "+m.subject(), diagnostics.Detail(err)),
		}
	}

	// Neither is a call: the login has read it.
	mine, err := own.InstanceUUID(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("check", m.subject(), err)}
	}
	theirs, err := account.InstanceUUID(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.FromError("check", m.subject(), err)}
	}
	if mine != theirs {
		return diag.Diagnostics{diagnostics.AttributeError(path.Root("vcenter_server"), "Not the provider's vCenter", fmt.Sprintf(
			"The server %s is the vCenter %s, and the provider is connected to the vCenter %s. Addresses are issued per vCenter, "+
				"so that an account belongs to the vCenter of its provider. Configure a provider of its own for each vCenter, with an alias.",
			m.VCenterServer.ValueString(), theirs, mine))}
	}
	m.InstanceUUID = types.StringValue(theirs)
	m.VCenterVersion = types.StringValue(account.Version())
	return nil
}

// causeOf is the attribute that caused a login to fail.
func (m *model) causeOf(err error) path.Path {
	var certificate *vsphere.CertificateError
	switch {
	case errors.As(err, &certificate):
		return path.Root("ca_certificate")
	case !errors.Is(err, vsphere.ErrLogin):
		return path.Root("vcenter_server")
	case m.Password.IsNull():
		return path.Root("password_wo")
	}
	return path.Root("password")
}

// refresh reads the version of vCenter, and what the account may not do.
func refresh(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	vcenter, err := s.Conn.VCenter(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.FromRefresh(m.subject(), err)}
	}
	instance, err := vcenter.InstanceUUID(ctx)
	if err != nil {
		return diag.Diagnostics{diagnostics.FromRefresh(m.subject(), err)}
	}
	m.InstanceUUID = types.StringValue(instance)
	m.VCenterVersion = types.StringValue(vcenter.Version())
	return readPrivileges(ctx, s, m)
}

// readPrivileges sets what the account may not do, which the provider's own user asks
// vCenter: no password is needed. Where that cannot be read, it stays what it was, with a
// warning: it is in the way of nothing but its own attribute.
func readPrivileges(ctx context.Context, s recordcrud.Session, m *model) diag.Diagnostics {
	missing, known, err := missingPrivileges(ctx, s.Conn, m.Username.ValueString())
	if err == nil && known {
		var diags diag.Diagnostics
		m.MissingPrivileges, diags = types.ListValueFrom(ctx, types.StringType, append([]string{}, missing...))
		return diags
	}
	if m.MissingPrivileges.IsUnknown() {
		m.MissingPrivileges = types.ListNull(types.StringType)
	}
	detail := "vCenter does not know the privileges of " + m.Username.ValueString() + ". " +
		"It finds those of a user who is named with the domain, such as team-a@vsphere.local."
	if err != nil {
		detail = diagnostics.Detail(err)
	}
	return diag.Diagnostics{diagnostics.AttributeWarning(path.Root("missing_privileges"),
		"Unable to read the privileges of "+m.subject(), detail)}
}

// missingPrivileges are the root-level privileges that a user lacks; known is false where
// vCenter does not say.
func missingPrivileges(ctx context.Context, conn *connection.Connection, user string) (missing []string, known bool, err error) {
	vcenter, err := conn.VCenter(ctx)
	if err != nil {
		return nil, false, err
	}
	if conn.IsProvider(user) {
		user = ""
	}
	root := vcenter.RootFolder()
	lacks, err := vcenter.Lacks(ctx, enginemodel.PrivilegeRequest{User: user, Objects: map[string][]string{
		root: privileges.Needed(privileges.RootLevel, privileges.Root, privileges.Everything()),
	}})
	missing, known = lacks[root]
	return missing, known, err
}
