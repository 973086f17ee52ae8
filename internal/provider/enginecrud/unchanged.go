package enginecrud

import (
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// keepUnchanged takes a plan for the state where all that users write is as in the
// state. The framework marks what is computed as unknown before plan modifiers find that
// another spelling is no change, and Terraform would show an update for ever.
func keepUnchanged(req *resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse, computed map[string]bool) {
	var before, after map[string]tftypes.Value
	if req.State.Raw.IsNull() || req.State.Raw.As(&before) != nil || req.Plan.Raw.As(&after) != nil {
		return
	}
	for name, value := range after {
		if !computed[name] && !value.Equal(before[name]) {
			return
		}
	}
	req.Plan.Raw = req.State.Raw
	resp.Plan.Raw = req.State.Raw
}
