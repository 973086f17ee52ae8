package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
	"github.com/gantry/terraform-provider-gantry/internal/provider/connection"
)

// Rules are the rules of changes.
var Rules = rules

// AttributePath returns the attribute of a field.
var AttributePath = (&model{}).AttributePath

// SpecOf returns the spec of a state.
func SpecOf(ctx context.Context, state tfsdk.State) (enginemodel.ClusterSpec, diag.Diagnostics) {
	var m model
	if diags := state.Get(ctx, &m); diags.HasError() {
		return enginemodel.ClusterSpec{}, diags
	}
	return m.Spec(ctx)
}

// CheckPlan is what the plan of a cluster that stays as the state has it says, or that of its
// creation.
func CheckPlan(ctx context.Context, conn *connection.Connection, state tfsdk.State, creation bool) diag.Diagnostics {
	var m model
	if diags := state.Get(ctx, &m); diags.HasError() {
		return diags
	}
	prior := &m
	if creation {
		prior = nil
	}
	return checkPlan(ctx, conn, prior, &m)
}

// Inherits is what the plan of a creation with the values of a state takes from its
// gateway: "null" for nothing, "unknown" for what shows in the apply.
func Inherits(ctx context.Context, state tfsdk.State) (string, enginemodel.ClusterSpec) {
	var m model
	_ = state.Get(ctx, &m)
	m.GatewayProxy = types.ObjectUnknown(gatewayProxyTypes)
	m.PlanInherited()
	spec, _ := m.Spec(ctx)
	if m.GatewayProxy.IsUnknown() {
		return "unknown", spec
	}
	return "null", spec
}

// VMTagSize is how many bytes a tag of vm_tags takes of them.
const VMTagSize = vmTagSize

// MaxNotes is how many bytes description and tags may take together.
const MaxNotes = maxNotes

// CheckNotes checks the description and the tags of a cluster.
func CheckNotes(description string, tags map[string]string) diag.Diagnostics {
	values := map[string]attr.Value{}
	for key, value := range tags {
		values[key] = types.StringValue(value)
	}
	return checkNotes(&model{Description: types.StringValue(description), Tags: types.MapValueMust(types.StringType, values)})
}

// NewSchema is the schema of the resource.
var NewSchema = newSchema
