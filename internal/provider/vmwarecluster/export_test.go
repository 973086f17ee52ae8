package vmwarecluster

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"

	enginemodel "github.com/gantry/terraform-provider-gantry/internal/engine/model"
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
