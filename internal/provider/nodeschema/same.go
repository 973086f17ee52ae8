package nodeschema

import (
	"context"
	"net/netip"

	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
)

const replacesNetworkWords = "If this is another network, Terraform will destroy and recreate the resource."

// replacesNetwork replaces what gets another network, and not what has the same one in
// another spelling.
var replacesNetwork = stringplanmodifier.RequiresReplaceIf(
	func(_ context.Context, req planmodifier.StringRequest, resp *stringplanmodifier.RequiresReplaceIfFuncResponse) {
		resp.RequiresReplace = req.PlanValue.IsUnknown() || !SameNetwork(req.StateValue.ValueString(), req.PlanValue.ValueString())
	}, replacesNetworkWords, replacesNetworkWords)

// SameNetwork reports whether two networks in CIDR form are the same.
func SameNetwork(a, b string) bool { return canonicalNetwork(a) == canonicalNetwork(b) }

// Same are the attributes of Network of which two spellings may mean the same, for the
// rules of a resource.
func Same() map[string]func(a, b string) bool {
	return map[string]func(a, b string) bool{
		"network.pod_cidr":     SameNetwork,
		"network.service_cidr": SameNetwork,
	}
}

// canonicalNetwork is the one spelling of a network; what is none stays as it is.
func canonicalNetwork(text string) string {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return text
	}
	return prefix.String()
}
