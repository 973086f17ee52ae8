package addresspool

import (
	"context"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// fromSubnet plans the prefix length of the subnet where none is configured.
type fromSubnet struct{}

var _ planmodifier.Int64 = fromSubnet{}

func (fromSubnet) Description(context.Context) string {
	return "Defaults to the prefix length of the subnet."
}

func (m fromSubnet) MarkdownDescription(ctx context.Context) string { return m.Description(ctx) }

func (fromSubnet) PlanModifyInt64(ctx context.Context, req planmodifier.Int64Request, resp *planmodifier.Int64Response) {
	if !req.ConfigValue.IsNull() {
		return
	}
	var subnet types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, req.Path.ParentPath().AtName("subnet"), &subnet)...)
	// What is no subnet is an error of its own.
	resp.PlanValue = types.Int64Unknown()
	if prefix, err := netip.ParsePrefix(subnet.ValueString()); err == nil {
		resp.PlanValue = types.Int64Value(int64(prefix.Bits()))
	}
}
