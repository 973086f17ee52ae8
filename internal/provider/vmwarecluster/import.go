package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
	"github.com/gantry/terraform-provider-gantry/internal/provider/lifecycle"
)

// secretAttributes are not kept in the cluster, at any depth.
var secretAttributes = map[string]bool{"password": true, "cloud_account_password_wo": true}

// keep renders the configuration for the Secret that import reads.
func keep(ctx context.Context, m *model) (map[string][]byte, diag.Diagnostics) {
	schema := resource.SchemaResponse{}
	NewResource().Schema(ctx, resource.SchemaRequest{}, &schema)
	state := tfsdk.State{Schema: schema.Schema, Raw: lifecycle.NullValue(ctx, schema.Schema)}
	copied := *m
	copied.AccountPasswordWO = copied.AccountPasswordWO // the plan holds none
	diags := state.Set(ctx, &copied)
	if diags.HasError() {
		return nil, diags
	}
	raw, err := lifecycle.Keep(state.Raw, filled, secretAttributes)
	if err != nil {
		diags.AddError("Unable to keep the configuration for import", err.Error())
	}
	return map[string][]byte{lifecycle.KeepConfig: raw}, diags
}

// ImportState reads a cluster back from itself: what it was built from and its
// certificate authorities are kept in Secrets of its kube-system namespace.
func (r *clusterResource) ImportState(ctx context.Context, req resource.ImportStateRequest, resp *resource.ImportStateResponse) {
	lifecycle.Import(ctx, engine.KindCluster, req.ID, r.conn, resp)
}
