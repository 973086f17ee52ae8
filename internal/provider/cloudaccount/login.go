package cloudaccount

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
	"github.com/gantry/terraform-provider-gantry/internal/vsphere"
)

// login logs in as the account and proves that its vCenter is the provider's.
// What goes wrong is an error on the attribute at fault. The session stays for
// the clusters of this run.
func (r *accountResource) login(ctx context.Context, m *model) (*vsphere.Client, diag.Diagnostics) {
	var diags diag.Diagnostics
	own, err := r.connection.VCenter(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("check", m.thing(), err))
		return nil, diags
	}
	account, err := r.connection.Account(ctx, m.VCenterServer.ValueString(), m.Username.ValueString(),
		m.secret().ValueString(), m.CACertificate.ValueString(), m.InsecureSkipVerify.ValueBool())
	if err != nil {
		diags.AddAttributeError(m.atFault(err), "Unable to log in as "+m.thing(), diagnostics.Detail(err))
		return nil, diags
	}
	// Neither is a call: a login answers it.
	mine, err := own.InstanceUUID(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("check", m.thing(), err))
	}
	theirs, err := account.InstanceUUID(ctx)
	if err != nil {
		diags.Append(diagnostics.FromError("check", m.thing(), err))
	}
	if diags.HasError() {
		return nil, diags
	}
	if mine != theirs {
		diags.AddAttributeError(path.Root("vcenter_server"), "Not the vCenter of the provider", fmt.Sprintf(
			"The server %s is the vCenter %s, and the provider is connected to the vCenter %s. Addresses are handed out in one vCenter, "+
				"so that an account belongs to the vCenter of its provider. Configure a provider of its own for each vCenter, with an alias.",
			m.VCenterServer.ValueString(), theirs, mine))
		return nil, diags
	}
	m.InstanceUUID = types.StringValue(theirs)
	m.VCenterVersion = types.StringValue(account.Version())
	return account, diags
}

// atFault is the attribute that a failed login is about.
func (m *model) atFault(err error) path.Path {
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

// privileges fills in what the account may not do. An account that can't be
// asked keeps what it was found to lack before, with a warning: it stands in
// the way of nothing but its own attribute.
func (m *model) privileges(ctx context.Context, account *vsphere.Client) diag.Diagnostics {
	missing, err := account.MissingPrivileges(ctx)
	if err != nil {
		return m.unasked(err)
	}
	list, diags := types.ListValueFrom(ctx, types.StringType, append([]string{}, missing...))
	m.MissingPrivileges = list
	return diags
}

func (m *model) unasked(err error) diag.Diagnostics {
	var diags diag.Diagnostics
	if m.MissingPrivileges.IsUnknown() {
		m.MissingPrivileges = types.ListNull(types.StringType)
	}
	diags.AddAttributeWarning(path.Root("missing_privileges"), "The privileges of "+m.thing()+" are not known", diagnostics.Detail(err))
	return diags
}

// refreshPrivileges asks again, where the state keeps the password.
func (r *accountResource) refreshPrivileges(ctx context.Context, m *model) diag.Diagnostics {
	if !m.complete() {
		return nil
	}
	account, err := r.connection.Account(ctx, m.VCenterServer.ValueString(), m.Username.ValueString(),
		m.secret().ValueString(), m.CACertificate.ValueString(), m.InsecureSkipVerify.ValueBool())
	if errors.Is(err, connection.ErrUnknownConfig) {
		return nil
	}
	if err != nil {
		return m.unasked(err)
	}
	return m.privileges(ctx, account)
}
