package gateway

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/agent"
	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/provider/nodeschema"
)

// defaultAgentImage plans the image of the agent where the configuration names none: it follows
// from the image repository.
type defaultAgentImage struct{}

var _ planmodifier.String = defaultAgentImage{}

func (defaultAgentImage) Description(context.Context) string {
	return "Defaults to an image of the image repository."
}

func (d defaultAgentImage) MarkdownDescription(ctx context.Context) string { return d.Description(ctx) }

func (defaultAgentImage) PlanModifyString(ctx context.Context, req planmodifier.StringRequest, resp *planmodifier.StringResponse) {
	if !req.ConfigValue.IsNull() || req.Plan.Raw.IsNull() {
		return
	}
	var registry types.Object
	resp.Diagnostics.Append(req.Plan.GetAttribute(ctx, path.Root(nodeschema.RegistryAttribute), &registry)...)
	repository, _ := registry.Attributes()[nodeschema.ImageRepositoryAttribute].(types.String)
	if registry.IsUnknown() || repository.IsUnknown() {
		resp.PlanValue = types.StringUnknown()
		return
	}
	resp.PlanValue = types.StringValue(bootstrap.InRepository(repository.ValueString(), agent.DefaultImage))
}
