package ippoolspec

import (
	"context"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// prefixLengthOfSubnet plans the prefix length of the subnet where none is configured.
type prefixLengthOfSubnet struct{}

var _ planmodifier.Int64 = prefixLengthOfSubnet{}

func (prefixLengthOfSubnet) Description(context.Context) string {
	return "Defaults to the prefix length of the subnet."
}

func (m prefixLengthOfSubnet) MarkdownDescription(ctx context.Context) string {
	return m.Description(ctx)
}

func (prefixLengthOfSubnet) PlanModifyInt64(ctx context.Context, req planmodifier.Int64Request, resp *planmodifier.Int64Response) {
	if !req.ConfigValue.IsNull() {
		return
	}
	var subnet types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("subnet"), &subnet)...)
	// An invalid subnet is an error of its own.
	resp.PlanValue = types.Int64Unknown()
	if prefix, err := netip.ParsePrefix(subnet.ValueString()); err == nil {
		resp.PlanValue = types.Int64Value(int64(prefix.Bits()))
	}
}
