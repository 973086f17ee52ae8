package nodeschema

import (
	"context"
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

	"github.com/gantry/terraform-provider-gantry/internal/bootstrap"
	"github.com/gantry/terraform-provider-gantry/internal/engine/model"
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
	cidr := func(doc, bounds, standard string) schema.StringAttribute {
		return schema.StringAttribute{
			Optional:            true,
			Computed:            true,
			Default:             stringdefault.StaticString(standard),
			MarkdownDescription: doc + " in CIDR form, " + bounds + ". Defaults to `" + standard + "`." + replaces,
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
				MarkdownDescription: "How nodes get their addresses. `static`: from " + ipPool +
					", and a VIP fronts the control plane. `dhcp`: leases of IPv4 from the DHCP server of their network, " +
					"and a load balancer VM fronts the control plane (`load_balancer`)." + replaces,
				PlanModifiers: []planmodifier.String{stringplanmodifier.RequiresReplace()},
				Validators: []validator.String{
					stringvalidator.OneOf(string(model.AllocationStatic), string(model.AllocationDHCP)),
				},
			},
			"pod_cidr": cidr("Network of pods",
				"with a prefix length of 8 to 24 (IPv6: 48 to 64). Each node takes a `/24` (IPv6: `/64`) of it, so that it bounds the number of nodes",
				DefaultPodCIDR),
			"service_cidr": cidr("Network of services", "with a prefix length of 12 to 28 (IPv6: 108 to 124)", DefaultServiceCIDR),
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

// ValidateNetwork refuses networks of pods and services that no cluster can have,
// wherever its nodes are, as far as they are known.
func ValidateNetwork(network types.Object) diag.Diagnostics {
	pods := knownNetwork(network, "pod_cidr", DefaultPodCIDR)
	services := knownNetwork(network, "service_cidr", DefaultServiceCIDR)
	var diags diag.Diagnostics
	for _, fault := range bootstrap.CheckInnerNetworks(pods, services) {
		name := "pod_cidr"
		if fault.Field == bootstrap.FieldServiceCIDR {
			name = "service_cidr"
		}
		diags.Append(diagnostics.AttributeError(path.Root("network").AtName(name), "Invalid network", diagnostics.Sentence(fault.Reason)))
	}
	return diags
}

// knownNetwork returns the network in an attribute; empty where it is unknown. What is
// no network is left to the attribute's own validator.
func knownNetwork(network types.Object, name, standard string) string {
	text, ok := network.Attributes()[name].(types.String)
	if !ok || text.IsUnknown() {
		return ""
	}
	if !text.IsNull() {
		standard = text.ValueString()
	}
	if prefix, err := netip.ParsePrefix(standard); err != nil || prefix != prefix.Masked() {
		return ""
	}
	return standard
}
