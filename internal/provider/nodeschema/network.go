package nodeschema

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework-validators/stringvalidator"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringdefault"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/gantry/terraform-provider-gantry/internal/provider/diagnostics"
)

// The networks inside a cluster unless the configuration says otherwise.
const (
	DefaultPodCIDR     = "192.168.0.0/16"
	DefaultServiceCIDR = "10.96.0.0/12"
)

// Network is the schema of NetworkModel; ipPool says which IP pool the addresses of
// nodes come from.
func Network(kind, ipPool string) schema.SingleNestedAttribute {
	replaces := " A change replaces the " + kind + "."
	cidr := func(doc, standard string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(standard),
			MarkdownDescription: doc + " in CIDR form. Defaults to `" + standard + "`." + replaces,
			PlanModifiers:       []planmodifier.String{replacesNetwork},
			Validators:          []validator.String{CIDR{}},
		}
	}
	return schema.SingleNestedAttribute{
		Required:            true,
		MarkdownDescription: "Addresses of the nodes, and the networks inside the " + kind + ".",
		Attributes: map[string]schema.Attribute{
			"ip_allocation": schema.StringAttribute{
				Required: true,
				MarkdownDescription: "How nodes get their addresses. `static`, the only value: from " + ipPool +
					", and a VIP fronts the control plane." + replaces,
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators:    []validator.String{stringvalidator.OneOf("static")},
			},
			"pod_cidr":     cidr("Network of pods", DefaultPodCIDR),
			"service_cidr": cidr("Network of services", DefaultServiceCIDR),
		},
	}
}

// NetworkModel are the networks inside a cluster.
type NetworkModel struct {
	IPAllocation string `tfsdk:"ip_allocation"`
	PodCIDR      string `tfsdk:"pod_cidr"`
	ServiceCIDR  string `tfsdk:"service_cidr"`
}

// decodeNetwork decodes the attribute `network`, all of which is known.
func decodeNetwork(ctx context.Context, value types.Object) (NetworkModel, diag.Diagnostics) {
	var network NetworkModel
	return network, value.As(ctx, &network, AllKnown)
}

// ValidateNetwork refuses networks of pods and services that overlap, where both
// are known.
func ValidateNetwork(network types.Object) diag.Diagnostics {
	pods, podsKnown := prefixOf(network, "pod_cidr", DefaultPodCIDR)
	services, servicesKnown := prefixOf(network, "service_cidr", DefaultServiceCIDR)
	if !podsKnown || !servicesKnown || !pods.Overlaps(services) {
		return nil
	}
	return diag.Diagnostics{diagnostics.AttributeError(path.Root("network").AtName("service_cidr"), "Networks overlap", fmt.Sprintf(
		"The network of services, %s, and that of pods, %s, overlap. Choose two that do not, and that do not contain the nodes' addresses.",
		services, pods))}
}

// prefixOf returns the network in an attribute; false where it is unknown. What is
// no network is left to the attribute's own validator.
func prefixOf(network types.Object, name, standard string) (netip.Prefix, bool) {
	text, ok := network.Attributes()[name].(types.String)
	if !ok || text.IsUnknown() {
		return netip.Prefix{}, false
	}
	if !text.IsNull() {
		standard = text.ValueString()
	}
	prefix, err := netip.ParsePrefix(standard)
	return prefix, err == nil
}
