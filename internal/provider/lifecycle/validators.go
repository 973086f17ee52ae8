package lifecycle

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
)

// CIDR validates a network in CIDR form, without host bits.
type CIDR struct{}

var _ validator.String = CIDR{}

// Description says what is accepted.
func (CIDR) Description(context.Context) string {
	return "must be a network such as 192.168.0.0/16"
}

// MarkdownDescription says what is accepted.
func (v CIDR) MarkdownDescription(ctx context.Context) string { return v.Description(ctx) }

// ValidateString refuses what is not a network, and says which network an
// address with host bits lies in.
func (CIDR) ValidateString(_ context.Context, req validator.StringRequest, resp *validator.StringResponse) {
	if req.ConfigValue.IsNull() || req.ConfigValue.IsUnknown() {
		return
	}
	text := req.ConfigValue.ValueString()
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		resp.Diagnostics.AddAttributeError(req.Path, "Not a network", fmt.Sprintf("%q is not a network in CIDR form, such as 192.168.0.0/16.", text))
	case prefix != prefix.Masked():
		resp.Diagnostics.AddAttributeError(req.Path, "Not a network", fmt.Sprintf("%q is an address in a network. The network is %s.", text, prefix.Masked()))
	}
}
