package lifecycle

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-framework/types/basetypes"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/gantry/terraform-provider-gantry/internal/engine"
)

// Strict decodes objects whose parts are all known; an optional part that is
// null is a nil pointer.
var Strict = basetypes.ObjectAsOptions{}

// NetworkModel are the inner networks of a cluster.
type NetworkModel struct {
	IPAllocation string `tfsdk:"ip_allocation"`
	PodCIDR      string `tfsdk:"pod_cidr"`
	ServiceCIDR  string `tfsdk:"service_cidr"`
}

// DecodeNetwork decodes the network attribute.
func DecodeNetwork(ctx context.Context, o types.Object) (NetworkModel, diag.Diagnostics) {
	var n NetworkModel
	return n, o.As(ctx, &n, Strict)
}

type proxyModel struct {
	HTTP          *string `tfsdk:"http"`
	HTTPS         *string `tfsdk:"https"`
	NoProxy       *string `tfsdk:"no_proxy"`
	CACertificate *string `tfsdk:"ca_certificate"`
}

// DecodeProxy decodes the proxy attribute; nil for none.
func DecodeProxy(ctx context.Context, o types.Object) (*engine.Proxy, diag.Diagnostics) {
	if o.IsNull() {
		return nil, nil
	}
	var m proxyModel
	if diags := o.As(ctx, &m, Strict); diags.HasError() {
		return nil, diags
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	return &engine.Proxy{HTTP: text(m.HTTP), HTTPS: text(m.HTTPS), NoProxy: text(m.NoProxy), CACertificate: text(m.CACertificate)}, nil
}

// Strings decodes a list of strings; null is none.
func Strings(ctx context.Context, list types.List, into *[]string) diag.Diagnostics {
	if list.IsNull() {
		return nil
	}
	return list.ElementsAs(ctx, into, false)
}

// Known tells whether everything that users write is known in a plan. The
// computed attributes, which are named, are not asked.
func Known(plan tfsdk.Plan, computed map[string]bool) bool {
	var top map[string]tftypes.Value
	if err := plan.Raw.As(&top); err != nil {
		return false
	}
	for name, v := range top {
		if !computed[name] && !v.IsFullyKnown() {
			return false
		}
	}
	return true
}
