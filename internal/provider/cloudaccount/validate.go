package cloudaccount

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"

	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// validate refuses what the configuration alone shows to be wrong.
func validate(_ context.Context, m *model) diag.Diagnostics {
	var diags diag.Diagnostics
	if server := m.VCenterServer.ValueString(); server != "" {
		if _, err := connection.ParseServer(server); err != nil {
			diags.AddAttributeError(path.Root("vcenter_server"), "Invalid vCenter server", diagnostics.Sentence(err.Error()))
		}
	}
	if m.CACertificate.IsNull() || m.CACertificate.IsUnknown() {
		return diags
	}
	if m.InsecureSkipVerify.ValueBool() {
		diags.AddAttributeError(path.Root("insecure_skip_verify"), "Conflicting attributes",
			"With insecure_skip_verify = true nothing is verified against ca_certificate. Keep one of the two.")
	}
	return diags
}

// serverMoved replaces the account only where its server has another name, not
// where the same name is spelled otherwise.
func serverMoved(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
	resp.RequiresReplace = !connection.SameServer(req.StateValue.ValueString(), req.PlanValue.ValueString())
}
